"""What happens to every request: a number, a size limit, who calls, security headers, a line in the log."""

import asyncio
import contextlib
import time
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from chengyun.accounts.service import authenticate
from chengyun.kernel.errors import Problem
from chengyun.kernel.ids import uuid7
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import histogram
from chengyun.kernel.settings import get_settings
from chengyun.server.problems import answer, problem_of

log = get_logger(__name__)
seconds = histogram("chengyun_http_seconds", "Time to answer a request", ("method", "route", "status"))

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# A body that is too large is thrown away up to here before the refusal is sent: a client that still sends would not see it.
DRAINED_BYTES = 32_000_000
DRAIN_SECONDS = 5.0

# Paths whose bodies may be larger than `max_body_bytes`, with the setting that limits them.
LARGE_BODIES = {
    "/api/v1/photos": "max_photo_bytes",
    "/api/v1/telemetry": "max_telemetry_bytes",
    "/api/v1/devices/import": "max_import_bytes",
}


def content_security_policy(base_map_url: str | None) -> str:
    """Own scripts only; pictures also from the base map's host."""
    tiles = ""
    if base_map_url:
        parts = urlsplit(base_map_url)
        tiles = f" {parts.scheme}://{parts.netloc.replace('{s}', '*')}"
    return (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
        f"img-src 'self' data: blob:{tiles}; connect-src 'self'{tiles}; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    )


class Frame:
    """The outermost layer, plain ASGI so that streams are not held up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._policy = content_security_policy(get_settings().base_map_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = str(uuid7())
        scope.setdefault("state", {})["request_id"] = number
        scope["state"]["actor"] = None
        clear_contextvars()
        bind_contextvars(process="api", request_id=number)
        started, status = time.perf_counter(), 0

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._headers(MutableHeaders(scope=message), number, scope["path"])
            await send(message)

        try:
            await self._serve(scope, receive, send_framed)
        except Exception as failure:
            if status:
                raise
            await _refuse(scope, receive, send_framed, failure)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            seconds.labels(method, path, str(status)).observe(time.perf_counter() - started)
            if status >= 500 or status == 0:
                log.warning("answered", method=method, path=scope["path"][:500], status=status)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        headers, limit = Headers(scope=scope), self._limit(scope["path"])
        problem = self._too_large(headers, limit)
        if problem is not None and "expect" not in headers:
            await _drain(receive)
        if problem is None:
            problem = await self._identify(request)
        if problem is not None:
            await _refuse(scope, receive, send, problem)
            return
        await self._app(scope, self._counted(receive, limit), send)

    @staticmethod
    def _limit(path: str) -> int:
        settings = get_settings()
        return int(getattr(settings, LARGE_BODIES.get(path, "max_body_bytes"), settings.max_body_bytes))

    @staticmethod
    def _too_large(headers: Headers, limit: int) -> Problem | None:
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and len(length) < 20 and int(length) <= limit:
            return None
        return Problem("request.too_large", limit=limit)

    @staticmethod
    def _counted(receive: Receive, limit: int) -> Receive:
        """A body without a length is counted while it arrives."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise Problem("request.too_large", limit=limit)
            return message

        return counted

    @staticmethod
    async def _identify(request: Request) -> Problem | None:
        # Not `request.url`: it cannot be made from every `Host` that a caller may send.
        if not request.scope["path"].startswith("/api/"):
            return None
        if not any(k in request.headers for k in ("authorization", "cookie")):
            return None
        try:
            request.state.actor = await asyncio.to_thread(authenticate, request)
        except Problem as problem:
            return problem
        actor: Any = request.state.actor
        if actor is not None:
            bind_contextvars(actor=actor.name)
        return None

    def _headers(self, headers: MutableHeaders, number: str, path: str) -> None:
        headers["X-Request-Id"] = number
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Content-Security-Policy"] = self._policy
        if path.startswith("/api/"):
            headers.setdefault("Cache-Control", "no-store")


async def _refuse(scope: Scope, receive: Receive, send: Send, failure: Exception) -> None:
    request = Request(scope)
    await answer(request, problem_of(failure, request))(scope, receive, send)


async def _drain(receive: Receive) -> None:
    """Throw away what a client sends although it is too much, within reason."""
    seen = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while seen < DRAINED_BYTES:
                message = await receive()
                seen += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def install(app: FastAPI) -> None:
    """Put the layer around the application."""
    app.add_middleware(Frame)
