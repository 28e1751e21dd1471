"""Every list: its pages together are the whole, each row once, and a long page asks the database no more than a short one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from chengyun.kernel.db import get_engine
from tests.server.conftest import World
from tests.server.doors import doors

ROWS = 7


@contextmanager
def counted() -> Iterator[list[str]]:
    """Statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)


def lists() -> list[str]:
    """Addresses of all lists that come page by page."""
    from chengyun.server.app import openapi

    return [door.path for door in doors(openapi()) if "cursor" in door.query]


@pytest.fixture(scope="module", autouse=True)
def furnished(world: World) -> None:
    device_id = world.fixed["device_id"]
    for n in range(ROWS):
        world.device()
        world.alarm()
        world.case("reported")
        world.made("/users", {"username": f"row.{n}", "name": f"第 {n} 人", "organisation_id": str(world.unit)})
        world.made("/api-keys", {"name": f"row {n}", "permissions": ["case.read"], "area_codes": ["500103"]})
        world.made(f"/devices/{device_id}/commands", {"command": "fan", "arguments": {"on": True}})
        answer = world.send("POST", "/telemetry", json=[{"device": "nobody", "values": {"ch4": n}}])
        assert answer.status_code < 500


@pytest.mark.parametrize("path", lists())
def test_a_long_page_asks_no_more_than_a_short_one(world: World, path: str) -> None:
    path = path.format(device_id=world.fixed["device_id"])
    figures = {}
    for limit in (2, 200):
        world.send("GET", path, params={"limit": limit})
        with counted() as statements:
            answer = world.send("GET", path, params={"limit": limit})
        assert answer.status_code == 200, answer.text
        figures[limit] = (len(statements), len(answer.json()["items"]))
    assert figures[2][1] == 2
    assert figures[200][1] >= ROWS
    assert figures[2][0] == figures[200][0], statements
    assert figures[200][0] <= 12


@pytest.mark.parametrize("path", lists())
def test_the_pages_are_the_whole_and_each_row_comes_once(world: World, path: str) -> None:
    path = path.format(device_id=world.fixed["device_id"])

    def page(limit: int, cursor: str | None) -> Any:
        return world.send("GET", path, params={"limit": limit, **({"cursor": cursor} if cursor else {})}).json()

    whole = [row["id"] for row in page(200, None)["items"]]
    found: list[str] = []
    cursor: str | None = None
    while True:
        answer = page(3, cursor)
        assert 1 <= len(answer["items"]) <= 3
        found += [row["id"] for row in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert found == whole
    assert len(set(found)) == len(found)
