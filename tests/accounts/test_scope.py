"""A district sees and changes its own rows only: in every table that has an area, and at every list of the API."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from chengyun.accounts import service
from chengyun.accounts.permissions import POSTS
from chengyun.kernel.db import APP_ROLE, Scope, raw_transaction, transaction
from chengyun.kernel.migrate import protect
from chengyun.regions import service as regions
from tests.support.accounts import PASSWORD, Caller
from tests.support.rows import Maker, area_tables, insert, loosen, other_tables

OWN, FOREIGN = Scope.of([("500103", "500104")]), Scope.of([("500104", "500105")])
# Small numbers, because they also stand where a level is meant. The second place is a community within the own district.
PLACES = [Maker(1, "500103"), Maker(2, "500103001001"), Maker(3, "500104"), Maker(4, "500104002")]
STRANGERS = [Maker(5, "500104"), Maker(6, "500103002")]
LATE = "made_by_this_test"
# Lists of things that have no area; their identities are those of the rows beside them.
OPEN = {"/organisations"}
ROOMS = {"accounts", "devices", "telemetry", "alarms", "cases", "maps", "packs"}
Row = dict[str, tuple[str, str]]
# Table → a row elsewhere and one of the own district, to be added through the application.
strange: dict[str, list[Row]] = {}


def refused(scope: Scope, statement: str, *values: Any) -> bool:
    """Whether the application, bound to a scope, is not let; if it is, the change is taken back."""
    try:
        with raw_transaction(scope) as connection:
            connection.execute(statement.encode(), values)
            raise psycopg.Rollback
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def touched(scope: Scope, statement: str) -> int:
    """How many rows a change would touch; it is taken back. A change that is not let touches none."""
    count = 0
    with suppress(psycopg.errors.InsufficientPrivilege), raw_transaction(scope) as connection:
        count = connection.execute(statement.encode()).rowcount
        raise psycopg.Rollback
    return count


def codes(scope: Scope, table: str) -> set[str]:
    with raw_transaction(scope) as connection:
        return {code for (code,) in connection.execute(f"SELECT region_code FROM {table}".encode())}


@pytest.fixture(scope="module")
def tables(database: str) -> list[str]:
    """All tables with an area, a late one among them, each with rows of two districts."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {LATE} (id uuid PRIMARY KEY, note text, region_code varchar(15) NOT NULL)".encode())
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {LATE} TO {APP_ROLE}".encode())
    from sqlalchemy import create_engine

    from chengyun.kernel.db import sqlalchemy_url

    engine = create_engine(sqlalchemy_url(database))
    with engine.begin() as begun:
        protect(begun)
    engine.dispose()
    with psycopg.connect(database, autocommit=True) as connection:
        found = area_tables(connection)
        rows = {table: [place.row(connection, table) for place in PLACES] for table in found}
        for table in found:
            strange[table] = [place.row(connection, table) for place in STRANGERS]
        loosen(connection, found)
        for table in found:
            for row in rows[table]:
                insert(connection, table, row)
        # A rule is a whole document; made-up ones are none.
        others = other_tables(ROOMS, [*found, "alarm_rule"])
        joined = [(table, place.row(connection, table)) for table in others for place in [*PLACES, *STRANGERS]]
        loosen(connection, others)
        for table, row in joined:
            insert(connection, table, row, unless_there=True)
    return found


def test_the_tables_are_those_that_one_expects(tables: list[str]) -> None:
    assert {"app_user", "api_key", "audit_log", "outbox", LATE} <= set(tables)


def test_every_table_has_the_policy_and_binds_its_owner_too(database: str, tables: list[str]) -> None:
    with psycopg.connect(database) as connection:
        for table in tables:
            stmt = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
            assert connection.execute(stmt, (table,)).fetchone() == (True, True), table
            policies = connection.execute("SELECT polname FROM pg_policy WHERE polrelid = %s::regclass", (table,)).fetchall()
            assert policies == [("area_scope",)], f"{table}: a second policy would widen the first"


def test_a_district_sees_its_own_rows(tables: list[str]) -> None:
    for table in tables:
        assert codes(OWN, table) == {"500103", "500103001001"}, table
        assert codes(FOREIGN, table) == {"500104", "500104002"}, table


def test_the_whole_city_sees_all_rows(tables: list[str]) -> None:
    for table in tables:
        assert codes(Scope.everything(), table) >= {"500103", "500103001001", "500104", "500104002"}, table


def test_no_scope_sees_nothing(tables: list[str]) -> None:
    from chengyun.kernel.db import get_pool

    for table in tables:
        assert codes(Scope.nothing(), table) == set(), table
        with get_pool().connection() as connection:
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table


def test_a_street_sees_less_than_its_district(tables: list[str]) -> None:
    for table in tables:
        assert codes(Scope.of([("500103001", "500103002")]), table) == {"500103001001"}, table


def addition(table: str, row: Row) -> tuple[str, list[str]]:
    names = ", ".join(f'"{n}"' for n in row)
    values = ", ".join(f"%s::{kind}" for _, kind in row.values())
    return f"INSERT INTO {table} ({names}) VALUES ({values})", [value for value, _ in row.values()]


def test_a_district_adds_no_rows_elsewhere(tables: list[str]) -> None:
    for table in tables:
        foreign, values = addition(table, strange[table][0])
        assert refused(OWN, foreign, *values), table
        assert refused(Scope.nothing(), foreign, *values), table
        own, values = addition(table, strange[table][1])
        assert not refused(OWN, own, *values), f"{table}: so the refusal above was for the area"


def test_a_district_changes_no_rows_elsewhere(tables: list[str]) -> None:
    for table in tables:
        assert touched(OWN, f"UPDATE {table} SET region_code = region_code WHERE region_code >= '500104'") == 0, table
        assert touched(OWN, f"DELETE FROM {table} WHERE region_code >= '500104'") == 0, table
        assert touched(Scope.nothing(), f"DELETE FROM {table}") == 0, table
        with raw_transaction(Scope.nothing()) as connection:
            (may,) = connection.execute("SELECT has_table_privilege(%s, 'UPDATE')", (table,)).fetchone() or (None,)
        assert touched(OWN, f"UPDATE {table} SET region_code = region_code") == (2 if may else 0), table


def test_a_district_gives_no_rows_away(tables: list[str]) -> None:
    for table in tables:
        assert refused(OWN, f"UPDATE {table} SET region_code = '500104' WHERE region_code = '500103'"), table


def test_after_all_this_every_foreign_row_is_as_it_was(database: str, tables: list[str]) -> None:
    with psycopg.connect(database) as connection:
        for table in tables:
            stmt = f"SELECT count(*) FROM {table} WHERE region_code IN ('500104', '500104002')"
            assert connection.execute(stmt.encode()).fetchone() == (2,), table


@pytest.mark.parametrize("text", ["", "{[5,6)}", "'; SELECT 1; --", "500103", "500102"])
def test_a_scope_is_made_of_codes_only(text: str) -> None:
    with pytest.raises(ValueError, match="not a range"):
        Scope.of([("500103", text)])


# --- through HTTP -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def district(database: str, tables: list[str]) -> Iterator[tuple[Caller, Caller, Any]]:
    """Two people with all permissions there are: of one district, and of the whole city."""
    from chengyun.server.app import create_app

    posts = [post.key for post in POSTS]
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        service.seed(session)
        for key, area in (("scope-own", "500103"), ("scope-city", "500000")):
            kind = "district" if area != "500000" else "city"
            unit = service.ensure_organisation(session, key=key, name=key, name_en=key, kind=kind, parent_key=None, area_code=area)
            service.ensure_user(session, username=key, password=PASSWORD, name=key, org_id=unit, posts=posts)
    with TestClient(create_app(), raise_server_exceptions=False) as client:
        callers = []
        for name in ("scope-own", "scope-city"):
            caller = Caller(TestClient(client.app, raise_server_exceptions=False))
            caller.http.app_state = client.app_state
            assert caller.sign_in(name).status_code == 200
            callers.append(caller)
        yield callers[0], callers[1], client.app


def lists(app: Any) -> dict[str, dict[str, Any]]:
    """Path → query, of everything that is read without naming one object."""
    given = {
        "region": "500103",
        "region_code": "500103",
        "area": "500103",
        "year": 2026,
        "bbox": "106.5,29.5,106.6,29.6",
        "lon": 106.57,
        "lat": 29.56,
    }
    found = {}
    for path, methods in app.openapi()["paths"].items():
        if "get" not in methods or "{" in path or path == "/api/v1/stream":
            continue
        parameters = methods["get"].get("parameters", [])
        needed = {p["name"]: given.get(p["name"], PLACES[2].identity) for p in parameters if p.get("required")}
        if any(p["name"] == "limit" for p in parameters):
            needed["limit"] = 200
        found[path.removeprefix("/api/v1")] = needed
    return found


def region_codes(value: Any) -> Iterator[str]:
    """All that stands under `region_code`, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "region_code" and isinstance(inner, str):
                yield inner
            yield from region_codes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from region_codes(inner)


def test_no_list_of_the_api_tells_a_district_of_another_ones_rows(district: tuple[Caller, Caller, Any]) -> None:
    caller, _, app = district
    asked = lists(app)
    assert {"/users", "/audit", "/api-keys", "/organisations"} <= asked.keys()
    foreign = [str(place.identity) for place in PLACES[2:]]
    full: set[str] = set()
    for path, query in asked.items():
        answer = caller("GET", path, status=None, **query)
        print(path, query, answer.status_code, answer.text[:300] if answer.status_code >= 400 else len(answer.text))
        shown = answer.text if "json" in answer.headers.get("content-type", "") else ""
        named = {str(v) for v in query.values()}
        if path not in OPEN:
            assert not [i for i in foreign if i in shown and i not in named], path
        if shown and answer.status_code == 200:
            codes_shown = set(region_codes(answer.json()))
            assert all(OWN.contains(code) for code in codes_shown), path
            if "500103" in codes_shown:
                full.add(path)
    assert full >= {"/users", "/audit", "/api-keys", "/devices", "/alarms", "/cases", "/telemetry/dead-letters"}


def test_the_lists_would_have_shown_them_to_the_city(district: tuple[Caller, Caller, Any]) -> None:
    """So the test above does not pass for want of rows."""
    _, whole, _ = district
    foreign = {"500104", "500104002"}
    for path in ("/users", "/api-keys", "/audit", "/devices", "/alarms", "/cases", "/telemetry/dead-letters"):
        assert foreign <= set(region_codes(whole("GET", path, limit=200))), path
