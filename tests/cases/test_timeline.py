"""Timelines cannot be changed unseen: the database refuses, and the hashes show it."""

from typing import Any

import psycopg
import pytest

from chengyun.cases.service import verify
from chengyun.cli.failures import Refused
from chengyun.cli.upkeep import verify_cases
from chengyun.kernel.db import Scope, raw_transaction, read_only
from tests.support.cases import Office, walk


@pytest.fixture
def case(office: Office) -> dict[str, Any]:
    return walk(office, office.supervisor.report(), "handled")


def test_the_application_cannot_change_or_delete_events(case: dict[str, Any]) -> None:
    for statement in ("UPDATE case_event SET body = ''", "DELETE FROM case_event", "TRUNCATE case_event"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), raw_transaction(Scope.everything()) as connection:
            connection.execute(statement.encode())


def test_even_the_owner_is_refused(case: dict[str, Any], database: str) -> None:
    for statement in ("UPDATE case_event SET body = ''", "DELETE FROM case_event", "TRUNCATE case_event"):
        with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            connection.execute(statement.encode())


INTRUSIONS: list[tuple[list[str], list[tuple[int | None, str]]]] = [
    (["UPDATE case_event SET body = replace(body, '值班长', '别人') WHERE case_id = %(id)s AND sequence = 2"], [(2, "changed")]),
    (["UPDATE case_event SET body = 'no json' WHERE case_id = %(id)s AND sequence = 2"], [(2, "reordered")]),
    (["UPDATE case_event SET time = time - interval '1 hour' WHERE case_id = %(id)s AND sequence = 6"], [(6, "changed")]),
    (["UPDATE case_event SET operation = 'note' WHERE case_id = %(id)s AND sequence = 3"], [(3, "changed")]),
    (["DELETE FROM case_event WHERE case_id = %(id)s AND sequence = 3"], [(4, "removed"), (None, "truncated")]),
    (["DELETE FROM case_event WHERE case_id = %(id)s AND sequence = 6"], [(None, "truncated")]),
    (["DELETE FROM case_event WHERE case_id = %(id)s"], [(None, "truncated")]),
    (
        ["UPDATE case_event SET sequence = 100 WHERE case_id = %(id)s AND sequence = 2",
         "UPDATE case_event SET sequence = 2 WHERE case_id = %(id)s AND sequence = 3",
         "UPDATE case_event SET sequence = 3 WHERE case_id = %(id)s AND sequence = 100"],
        [(2, "reordered")],
    ),
    (["UPDATE case_record SET state = 'closed' WHERE id = %(id)s"], [(None, "state")]),
    (
        ["DELETE FROM case_event WHERE case_id = %(id)s AND sequence = 6",
         "UPDATE case_record SET event_count = 5, last_hash = (SELECT hash FROM case_event WHERE case_id = %(id)s AND sequence = 5)"
         " WHERE id = %(id)s"],
        [(None, "state")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("intrusion", "expected"), INTRUSIONS)
def test_every_intrusion_is_found(
    office: Office, database: str, case: dict[str, Any], intrusion: list[str], expected: list[tuple[int | None, str]]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE case_event DISABLE TRIGGER USER")
        connection.execute("CREATE TEMP TABLE events AS SELECT * FROM case_event WHERE case_id = %s", (case["id"],))
        connection.execute("CREATE TEMP TABLE was AS SELECT * FROM case_record WHERE id = %s", (case["id"],))
        try:
            for statement in intrusion:
                connection.execute(statement.encode(), {"id": case["id"]})
            with read_only(Scope.everything()) as session:
                found = [(f.sequence, f.kind) for f in verify(session, case["number"]).faults]
                everywhere = [(f.sequence, f.kind) for f in verify(session).faults if f.number == case["number"]]
            with pytest.raises(Refused, match=case["number"]):
                verify_cases(None)
        finally:
            connection.execute("DELETE FROM case_event WHERE case_id = %s", (case["id"],))
            connection.execute("INSERT INTO case_event SELECT * FROM events")
            connection.execute(
                "UPDATE case_record r SET state = was.state, event_count = was.event_count, last_hash = was.last_hash"
                " FROM was WHERE r.id = was.id"
            )
            connection.execute("ALTER TABLE case_event ENABLE TRIGGER USER")
    assert found == everywhere == expected


def test_a_case_that_is_missing_as_a_whole_is_noticed(office: Office, database: str, case: dict[str, Any]) -> None:
    assert "as it was written" in verify_cases(case["number"])
    assert "as it was written" in verify_cases(None)
    office.time.advance(86_400 * 400)
    office.desk.report()
    lost = office.desk.report()
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE case_event DISABLE TRIGGER USER")
        for table, column in (("case_event", "case_id"), ("case_text", "case_id"), ("case_record", "id")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = %s".encode(), (lost["id"],))
        connection.execute("ALTER TABLE case_event ENABLE TRIGGER USER")
    with pytest.raises(Refused, match="20271228: missing_case"):
        verify_cases(None)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE case_counter SET last = 1 WHERE day = '2027-12-28'")
    assert "as it was written" in verify_cases(None)


def test_an_unknown_number_is_told(office: Office) -> None:
    from chengyun.kernel.errors import Problem

    with pytest.raises(Problem, match="CY-none"):
        verify_cases("CY-none")
