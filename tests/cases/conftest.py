"""A city with units, and people of each post who work on cases through HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import UUID

import psycopg
import pytest
from fastapi.testclient import TestClient

from chengyun.accounts import service as accounts
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.http import Actor
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from tests.support.cases import DESK, MONDAY, SHAPINGBA, YUZHONG, Office, Person, application


@pytest.fixture(scope="module")
def city(database: str) -> dict[str, UUID]:
    """Divisions, classes and units."""
    with transaction(Scope.everything()) as session:
        standards.seed(session)
        regions.seed(session)
        units: dict[str, UUID] = {}

        def make(key: str, name: str, kind: str, parent: str | None, area: str) -> None:
            units[key] = accounts.ensure_organisation(
                session, key=key, name=name, name_en=f"{name} (en)", kind=kind, parent_key=parent, area_code=area
            )

        make("city", "市城市管理局", "city", None, "500000")
        for code, name in ((YUZHONG, "渝中"), (SHAPINGBA, "沙坪坝")):
            make(f"district-{code}", f"{name}城市管理局", "district", "city", code)
            for trade in ("facilities", "sanitation", "greening", "enforcement"):
                make(f"unit-{code}-{trade}", f"{name}{trade}", "department", f"district-{code}", code)
    return units


@pytest.fixture
def office(city: dict[str, UUID]) -> Iterator[Office]:
    """People of each post, and Monday ten o'clock."""
    time = clock.ManualClock(MONDAY)
    clock.set_clock(time)
    with transaction(Scope.everything()) as session:
        yuzhong, shapingba = (regions.scope(session, [code]) for code in (YUZHONG, SHAPINGBA))
    with ExitStack() as stack:

        def enter(actor: Actor) -> Person:
            return Person(actor, stack.enter_context(TestClient(application(actor), raise_server_exceptions=False)))

        made = Office(city, enter, time)
        everywhere = Scope.everything()
        handler = frozenset({"case.read", "case.sign", "case.handle"})
        checker = frozenset({"case.read", "case.report", "case.check"})
        who = {
            "desk": ("值班长", DESK, "city", everywhere),
            "second": ("另一值班长", DESK, "city", everywhere),
            "handler": ("周强", handler, f"unit-{YUZHONG}-sanitation", yuzhong),
            "district": ("渝中处置", handler, f"district-{YUZHONG}", yuzhong),
            "other": ("市政处置", handler, f"unit-{YUZHONG}-facilities", yuzhong),
            "supervisor": ("刘芳", checker, f"district-{YUZHONG}", yuzhong),
            "stranger": ("沙区监督员", checker, f"district-{SHAPINGBA}", shapingba),
            "leader": ("赵明", frozenset({"case.read", "case.supervise"}), "city", everywhere),
            "security": ("安全管理员", frozenset({"personal.read"}), "city", everywhere),
        }
        for number, (key, (name, permissions, unit, scope)) in enumerate(who.items(), 1):
            actor = Actor(name=name, user_id=UUID(int=number), org_id=city[unit], permissions=permissions, scope=scope, area_code="500103")
            made.people[key] = enter(actor)
        yield made


@pytest.fixture
def audit_of(database: str) -> Callable[[str, str], int]:
    """How many audit lines there are of an action on an object."""

    def count(action: str, object_id: str) -> int:
        with psycopg.connect(database) as connection:
            query = "SELECT count(*) FROM audit_log WHERE action = %s AND object_id = %s"
            return int(connection.execute(query, (action, object_id)).fetchone()[0])  # type: ignore[index]

    return count
