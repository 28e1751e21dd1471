"""SQL of the check of timelines: the database computes every hash anew in one ordered pass and hands out only what is wrong."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST_FAULTS = 1000

# One pass in the order of the primary key. Bodies are compared as text, never parsed: a tampered one need not be JSON.
# Keys are sorted, so "n", "operation" and "time" stand side by side and "to" ends the body. Of each chain its first fault.
_FAULTS = text("""
WITH linked AS (
  SELECT case_id, sequence, hash, body, operation, time, row_number() OVER w AS position,
         sha256(coalesce(lag(hash) OVER w, ''::bytea) || convert_to(body, 'UTF8')) AS expected
    FROM case_event
   WHERE CAST(:case_id AS uuid) IS NULL OR case_id = CAST(:case_id AS uuid)
  WINDOW w AS (PARTITION BY case_id ORDER BY sequence)
), checked AS (
  SELECT case_id, sequence,
         CASE WHEN position(',"n":' || sequence || ',"operation":' IN body) = 0 THEN 'reordered'
              WHEN sequence <> position THEN 'removed'
              WHEN hash <> expected OR position('"case":"' || case_id || '"' IN body) = 0
                OR position('"operation":"' || operation || '","time":"'
                            || to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\\:MI\\:SS.US') IN body) = 0 THEN 'changed'
         END AS kind
    FROM linked
), first_faults AS (
  SELECT DISTINCT ON (case_id) case_id, sequence, kind FROM checked WHERE kind IS NOT NULL ORDER BY case_id, sequence
), lengths AS (
  SELECT case_id, count(*) AS events, max(sequence) AS last FROM linked GROUP BY case_id
), ends AS (
  SELECT r.number, CASE WHEN coalesce(l.events, 0) < r.event_count THEN 'truncated'
                        WHEN l.events > r.event_count THEN 'extended'
                        WHEN e.hash IS DISTINCT FROM r.last_hash THEN 'changed'
                        WHEN right(e.body, length(r.state) + 8) <> '"to":"' || r.state || '"}' THEN 'state' END AS kind
    FROM case_record r
    LEFT JOIN lengths l ON l.case_id = r.id
    LEFT JOIN linked e ON e.case_id = r.id AND e.sequence = l.last
   WHERE CAST(:case_id AS uuid) IS NULL OR r.id = CAST(:case_id AS uuid)
)
SELECT r.number, f.sequence, f.kind FROM first_faults f JOIN case_record r ON r.id = f.case_id
UNION ALL
SELECT number, NULL, kind FROM ends WHERE kind IS NOT NULL
 ORDER BY 1, 2 NULLS LAST
 LIMIT :most
""")

_MISSING = text("""
SELECT to_char(c.day, 'YYYYMMDD') AS number, NULL::int AS sequence, 'missing_case' AS kind
  FROM case_counter c
  LEFT JOIN (SELECT day, count(*) AS there, max(serial) AS last FROM case_record GROUP BY day) r ON r.day = c.day
 WHERE coalesce(r.there, 0) <> c.last OR coalesce(r.last, 0) <> c.last
 ORDER BY 1
""")

_COUNTS = text("""
SELECT (SELECT count(*) FROM case_record WHERE CAST(:case_id AS uuid) IS NULL OR id = CAST(:case_id AS uuid)) AS cases,
       (SELECT count(*) FROM case_event WHERE CAST(:case_id AS uuid) IS NULL OR case_id = CAST(:case_id AS uuid)) AS events
""")


@dataclass(frozen=True)
class FaultRow:
    """What is wrong with a timeline."""

    number: str
    sequence: int | None
    kind: str


def faults(session: Session, case_id: UUID | None) -> list[FaultRow]:
    """What is wrong with one timeline or with all of them, a thousand faults at most."""
    rows = [FaultRow(*row) for row in session.execute(_FAULTS, {"case_id": case_id, "most": MOST_FAULTS})]
    if case_id is None:
        rows += [FaultRow(*row) for row in session.execute(_MISSING)]
    return rows


def counts(session: Session, case_id: UUID | None) -> tuple[int, int]:
    """How many cases and events there are."""
    row = session.execute(_COUNTS, {"case_id": case_id}).one()
    return int(row.cases), int(row.events)
