"""A client for the routes of some rooms, signed in as somebody with given permissions; for tests below the accounts room."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request
from fastapi.testclient import TestClient

from chengyun.kernel import http
from chengyun.kernel.db import Scope
from chengyun.kernel.http import Actor
from chengyun.server import problems

OPERATOR = Actor(
    name="运维",
    user_id=UUID(int=1),
    permissions=frozenset({"standard.manage", "region.manage"}),
    scope=Scope.everything(),
)
READER = Actor(name="张三", user_id=UUID(int=2), scope=Scope.of([("500103", "500104")]))


@contextmanager
def signed_in(actor: Actor | None, *routers: APIRouter) -> Iterator[tuple[TestClient, list[dict[str, Any]]]]:
    """The client, and the audit lines that its requests write."""
    lines: list[dict[str, Any]] = []

    def write(_session: Any, who: Actor, action: str, kind: str, key: str, detail: dict[str, Any], _region: str | None) -> None:
        lines.append({"actor": who.name, "action": action, "object": (kind, key), "detail": detail})

    app = FastAPI()
    for router in routers:
        app.include_router(router, prefix="/api/v1")
    problems.install(app)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.actor = actor
        return await call_next(request)

    before = http._audit_writer
    http.register_audit_writer(write)
    try:
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client, lines
    finally:
        http._audit_writer = before
