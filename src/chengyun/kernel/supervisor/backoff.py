"""How long to wait before a program that ended is started again."""

from dataclasses import dataclass

FIRST = 0.2
LONGEST = 30.0
STABLE_AFTER = 60.0


@dataclass
class Backoff:
    """The pause doubles with each failure and starts anew once a program has run for a while."""

    pause: float = 0.0
    started: float = 0.0

    def begun(self, moment: float) -> None:
        """The program was started at this moment."""
        self.started = moment

    def ended(self, moment: float) -> float:
        """The program ended; returns the moment at which to start it again. The first time that is at once."""
        if self.pause and moment - self.started < STABLE_AFTER + self.pause:
            self.pause = min(LONGEST, self.pause * 2)
        else:
            self.pause = FIRST
        return moment + self.pause
