"""A small city with units, an account for each administrator, and the whole application in front of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chengyun.accounts import api, service
from chengyun.kernel.db import Scope, transaction
from chengyun.regions import api as regions_api
from chengyun.regions import service as regions
from chengyun.server import about, middleware, problems
from chengyun.standards import api as standards_api
from tests.support.accounts import PASSWORD, Caller, City

UNITS = [
    ("city", "重庆市", "city", None, "500000"),
    ("yuzhong", "渝中区", "district", "city", "500103"),
    ("dadukou", "大渡口区", "district", "city", "500104"),
    ("yuzhong-street", "七星岗街道", "street", "yuzhong", "500103001"),
    ("yuzhong-gas", "渝中燃气", "member", "yuzhong", "500103"),
]
USERS = [
    ("system", "city", ["system_admin"]),
    ("security", "city", ["security_admin"]),
    ("audit", "city", ["audit_admin"]),
    ("chief", "yuzhong", ["duty_chief"]),
    ("yz.system", "yuzhong", ["system_admin"]),
    ("yz.security", "yuzhong", ["security_admin"]),
    ("yz.audit", "yuzhong", ["audit_admin"]),
    ("ddk.handler", "dadukou", ["handler"]),
]


@pytest.fixture(scope="module")
def city(database: str) -> City:
    units: dict[str, UUID] = {}
    users: dict[str, UUID] = {}
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        service.seed(session)
        for key, name, kind, parent, area in UNITS:
            units[key] = service.ensure_organisation(
                session, key=key, name=name, name_en=key.title(), kind=kind, parent_key=parent, area_code=area
            )
        for username, unit, posts in USERS:
            users[username] = service.ensure_user(
                session, username=username, password=PASSWORD, name=f"{username} 姓名", org_id=units[unit], posts=posts
            )
    app = application()

    def browser(username: str | None = None, password: str = PASSWORD) -> Caller:
        caller = Caller(TestClient(app, raise_server_exceptions=False))
        if username:
            answer = caller.sign_in(username, password)
            assert answer.status_code == 200, answer.text
        return caller

    return City(units, users, browser)


def application() -> FastAPI:
    """This room and those below it behind the server's own frame and its own answers to failures."""
    app = FastAPI()
    for router in (api.router, regions_api.router, standards_api.router, about.router):
        app.include_router(router, prefix="/api/v1")
    problems.install(app)
    middleware.install(app)
    return app


@pytest.fixture
def fresh_user(city: City) -> Callable[..., str]:
    """Makes a user for one test, so that tests do not disturb each other."""

    def make(name: str = "person", unit: str = "yuzhong", posts: tuple[str, ...] = ("duty_chief",), **more: Any) -> str:
        username = f"{name}.{uuid4().hex[:10]}"
        with transaction(Scope.everything()) as session:
            city.users[username] = service.ensure_user(
                session, username=username, password=PASSWORD, name=username, org_id=city.units[unit], posts=posts, **more
            )
        return username

    return make
