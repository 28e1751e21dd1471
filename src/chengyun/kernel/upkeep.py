"""Scheduled work of the ground floor."""

from datetime import timedelta

from chengyun.kernel import clock
from chengyun.kernel.bus import forget_applied
from chengyun.kernel.jobs import periodic

# A day longer than the stream keeps events: what it may deliver again is still known.
KEPT_DAYS = 8


@periodic("41 * * * *", "kernel.forget")
def forget() -> None:
    """Drop the marks of events that can no longer be delivered a second time."""
    forget_applied(clock.now() - timedelta(days=KEPT_DAYS * clock.speed()))
