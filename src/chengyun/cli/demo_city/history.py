"""What happened in the demo city before we look: cases of the last sixty days, nearly all closed, those of today still open."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from chengyun.cases import service as cases
from chengyun.cases.schemas import HistoryCase, HistoryStep, Source
from chengyun.cli.demo_city.people import Staff
from chengyun.cli.demo_city.places import Spot
from chengyun.kernel import clock
from chengyun.sim import reports
from chengyun.sim.plan import Child

DAYS = 60
PER_DAY = {"small": 12, "city": 105}
_SOURCES: tuple[tuple[Source, float], ...] = (("patrol", 58), ("public", 19), ("hotline", 13), ("video", 10))
# Who handles which class, as the platform's own routes would suggest.
_TRADES = (
    ("07", "enforcement"), ("09", "enforcement"), ("08", "construction"), ("06017", "greening"), ("04", "greening"),
    ("06013", "facilities"), ("06", "sanitation"), ("03", "sanitation"), ("01", "facilities"), ("02", "facilities"),
)  # fmt: skip


@dataclass
class _Story:
    """One case as it is told: the steps that lie in the past."""

    now: datetime
    steps: list[HistoryStep]
    at: datetime

    def step(self, minutes: float, operation: str, actor: str, **data: str) -> bool:
        """Add a step that follows after so many minutes; False once that would be in the future."""
        moment = self.at + timedelta(minutes=minutes)
        if moment >= self.now:
            return False
        self.at = moment
        self.steps.append(HistoryStep(operation, moment, actor, dict(data)))
        return True


def load(session: Session, spots: Sequence[Spot], staff: Staff, scale: str, seed: int) -> None:
    """Take over the cases of the past, as from an earlier system."""
    cases.import_history(session, list(_stories(spots, staff, scale, seed)))


def _stories(spots: Sequence[Spot], staff: Staff, scale: str, seed: int) -> Iterator[HistoryCase]:
    rng = random.Random(seed + 23)  # noqa: S311 - a simulation, not a secret
    now = clock.now()
    today = now.astimezone(clock.SHANGHAI).date()
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        busy = 0.62 if day.weekday() >= 5 else 1.0
        # The city reports a little more from week to week.
        count = round(PER_DAY[scale] * busy * (1.12 - 0.0035 * back) * rng.uniform(0.88, 1.12))
        for moment in sorted(_moment(day, rng) for _ in range(count)):
            if moment < now:
                yield _story(moment, now, rng.choice(spots), staff, rng)


def _moment(day: date, rng: random.Random) -> datetime:
    """A time of the day, by the rhythm of a city."""
    hour = min(23.9, max(0.0, rng.choice([rng.gauss(9.6, 1.7), rng.gauss(15.4, 2.2), rng.uniform(6, 23)])))
    return datetime.combine(day, time(int(hour), rng.randrange(60), rng.randrange(60)), clock.SHANGHAI)


def _story(reported: datetime, now: datetime, spot: Spot, staff: Staff, rng: random.Random) -> HistoryCase:
    theme = reports.pick(rng)
    source = rng.choices([s for s, _ in _SOURCES], [w for _, w in _SOURCES])[0]
    trade = next(trade for prefix, trade in _TRADES if theme.code.startswith(prefix))
    story = _Story(now, [], reported)
    _tell(story, theme, rng)
    lon, lat = reports.near(Child(spot.key, spot.lon, spot.lat), rng)
    return HistoryCase(
        source=source,
        edition="47678.5-2026",
        class_kind=theme.kind,
        class_code=theme.code,
        description=reports.describe(theme, rng),
        reported_at=reported,
        reported_by="监督员" if source == "patrol" else "李敏",
        steps=story.steps,
        lon=lon,
        lat=lat,
        region_code=spot.grid,
        address=spot.address,
        unit_id=staff.units[spot.district, trade] if any(s.operation == "dispatch" for s in story.steps) else None,
    )


def _tell(story: _Story, theme: reports.Theme, rng: random.Random) -> None:
    """The steps until the end, or until now."""
    if not story.step(rng.uniform(1, 9), "accept", "李敏"):
        return
    if rng.random() < 0.035:
        story.step(rng.uniform(2, 12), "refuse", "陈立新", reason="现场核实未达到立案条件")
        return
    done = story.step(rng.uniform(1, 14), "file", "陈立新") and story.step(rng.uniform(1, 10), "dispatch", "王海")
    if not done or not story.step(rng.lognormvariate(3.0, 0.5), "sign", "处置员"):
        return
    # Most are done soon; some need a day or two and miss their limit.
    minutes = rng.lognormvariate(3.7, 0.55) if rng.random() > 0.05 else rng.uniform(700, 3600)
    if not story.step(minutes, "handle", "处置员", feedback=theme.done):
        return
    if rng.random() < 0.05:
        again = story.step(rng.uniform(8, 45), "check_fail", "监督员", reason="现场仍有遗留,未达到结案条件")
        if not again or not story.step(rng.lognormvariate(3.2, 0.4), "handle", "处置员", feedback=theme.done):
            return
    if story.step(rng.uniform(8, 50), "check_pass", "监督员"):
        story.step(rng.uniform(2, 20), "close", "陈立新")
