"""SQL of the cockpit's figures: counts over time columns, each by an index that holds all that it needs."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_TODAY = text("""
SELECT (SELECT count(*) FROM case_record WHERE reported_at >= :midnight AND reported_at <= :now) AS reported,
       (SELECT count(*) FROM case_record WHERE filed_at >= :midnight AND filed_at <= :now) AS filed,
       (SELECT count(*) FROM case_record WHERE handled_at >= :midnight AND handled_at <= :now) AS handled,
       (SELECT count(*) FROM case_record WHERE closed_at >= :midnight AND closed_at <= :now) AS closed,
       (SELECT count(*) FROM case_record WHERE reported_at >= :yesterday AND reported_at <= :same_time) AS reported_yesterday
""")

# Each day is a range of the index between two midnights: nothing is computed for each row, nothing is grouped.
_TREND = text("""
SELECT midnight::date AS day,
       (SELECT count(*) FROM case_record
         WHERE filed_at >= midnight AT TIME ZONE 'Asia/Shanghai' AND filed_at < (midnight + interval '1 day') AT TIME ZONE 'Asia/Shanghai'
           AND filed_at <= :now) AS filed
  FROM generate_series(CAST(:since AS timestamptz) AT TIME ZONE 'Asia/Shanghai', CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Shanghai',
                       interval '1 day') AS midnight
""")

_BY_SOURCE = text("""
SELECT source, count(*) AS count FROM case_record WHERE reported_at >= :midnight AND reported_at <= :now GROUP BY source
""")

_BY_DISTRICT = text("""
WITH parts AS (
  SELECT left(region_code, 9) AS street, count(*) AS due, count(*) FILTER (WHERE on_time) AS on_time, 0 AS open, 0 AS reported
    FROM case_record WHERE handling_due_at >= :month AND handling_due_at <= :now AND state <> 'void' GROUP BY 1
  UNION ALL
  SELECT left(region_code, 9), 0, 0, count(*), 0 FROM case_record WHERE ended_at IS NULL GROUP BY 1
  UNION ALL
  SELECT left(region_code, 9), 0, 0, 0, count(*) FROM case_record WHERE reported_at >= :midnight AND reported_at <= :now GROUP BY 1
)
SELECT h.district_code AS code, sum(due)::bigint AS due, sum(on_time)::bigint AS on_time, sum(open)::bigint AS open,
       sum(reported)::bigint AS reported
  FROM parts JOIN street_home h ON h.code = parts.street
 GROUP BY h.district_code ORDER BY h.district_code
""")


@dataclass(frozen=True)
class Moments:
    """The moments between which is counted, all in UTC."""

    now: datetime
    midnight: datetime
    yesterday: datetime
    same_time: datetime
    month: datetime
    since: datetime


@dataclass(frozen=True)
class DistrictRow:
    """Counts of one of today's districts."""

    code: str
    due: int
    on_time: int
    open: int
    reported: int


def today(session: Session, moments: Moments) -> Any:
    """Counts since midnight, and those reported until the same time yesterday."""
    return session.execute(_TODAY, vars(moments)).one()


def filed_by_day(session: Session, moments: Moments) -> dict[date, int]:
    """Cases filed on each day of the city since a moment."""
    return {row.day: row.filed for row in session.execute(_TREND, vars(moments))}


def by_source(session: Session, moments: Moments) -> list[tuple[str, int]]:
    """Reports of today by source, the most frequent first."""
    rows = [(row[0], row[1]) for row in session.execute(_BY_SOURCE, vars(moments))]
    return sorted(rows, key=lambda r: (-r[1], r[0]))


def by_district(session: Session, moments: Moments) -> list[DistrictRow]:
    """Due and on time in the last month, open now, reported today: by today's districts."""
    return [DistrictRow(*row) for row in session.execute(_BY_DISTRICT, vars(moments))]
