"""Figures for the cockpit, in the days of the city."""

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from chengyun.cases.repository import figures
from chengyun.cases.schemas import CaseFigures, DistrictFigures, FiguresToday, SourceCount, TrendDay
from chengyun.kernel import clock
from chengyun.kernel.settings import get_settings
from chengyun.regions import service as regions

DAYS = 30


def current(session: Session, lang: str) -> CaseFigures:
    """Today against yesterday, thirty days against the thirty before, by source and by today's district."""
    moments = _moments(clock.now())
    today = moments.now.astimezone(clock.SHANGHAI).date()
    counts = figures.today(session, moments)
    rows = figures.by_district(session, moments)
    names = regions.names(session, [r.code for r in rows], lang)
    return CaseFigures(
        day=today.isoformat(),
        as_of=moments.now,
        today=FiguresToday(
            reported=counts.reported,
            filed=counts.filed,
            handled=counts.handled,
            closed=counts.closed,
            reported_same_time_yesterday=counts.reported_yesterday,
        ),
        on_time_rate=rate(sum(r.on_time for r in rows), sum(r.due for r in rows)),
        on_time_target=get_settings().case_on_time_target,
        trend=_trend(figures.filed_by_day(session, moments), today),
        by_source=[SourceCount(source=source, count=count) for source, count in figures.by_source(session, moments)],
        by_district=[
            DistrictFigures(code=r.code, name=names[r.code], on_time_rate=rate(r.on_time, r.due), open=r.open, reported=r.reported)
            for r in rows
        ],
    )


def _moments(now: datetime) -> figures.Moments:
    local = now.astimezone(clock.SHANGHAI)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    return figures.Moments(now, midnight, midnight - day, now - day, midnight - DAYS * day, midnight - (2 * DAYS - 1) * day)


def _trend(filed: dict[date, int], today: date) -> list[TrendDay]:
    """The last thirty days with today, each beside the day thirty days before it."""
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return [TrendDay(day=d.isoformat(), filed=filed.get(d, 0), previous=filed.get(d - timedelta(days=DAYS), 0)) for d in days]


def rate(part: int, whole: int) -> float | None:
    """A share; None, not 0 and not 1, where there is nothing to share."""
    return None if whole == 0 else part / whole
