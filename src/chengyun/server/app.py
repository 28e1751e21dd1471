"""The application: one FastAPI program from all rooms."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from chengyun import __version__
from chengyun.kernel.bus import Bus, connect, ensure_streams
from chengyun.kernel.db import dispose
from chengyun.server import about, health, problems, stream, web
from chengyun.server.middleware import install
from chengyun.server.rooms import import_work, routers

PREFIX = "/api/v1"
Lifespan = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    bus: Bus = await connect("api")
    await ensure_streams(bus.js)
    app.state.bus = bus
    live = stream.Live(bus)
    await live.start()
    app.state.live = live
    try:
        yield
    finally:
        await live.stop()
        await bus.close()
        dispose()


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(static: Path | None = None) -> FastAPI:
    """Build the application; `static` is the folder of the built web client."""
    import_work()
    app = FastAPI(
        title="Chengyun",
        version=__version__,
        description="城市运行管理服务平台: one map, one register, one closed loop.",
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # A redirect would name whatever host the caller claims; an address with one slash too many is no address.
        redirect_slashes=False,
        responses={
            "4XX": {
                "description": "Problem details (RFC 9457)",
                "content": {"application/problem+json": {"schema": problems.SCHEMA}},
            }
        },
    )
    for room, router in routers():
        app.include_router(router, prefix=PREFIX, tags=[room])
    app.include_router(about.router, prefix=PREFIX, tags=["about"])
    app.include_router(stream.router, prefix=PREFIX, tags=["live"])
    app.include_router(health.router)
    problems.install(app)
    install(app)
    web.install(app, static or Path(__file__).parent / "static")
    return app


def openapi() -> dict[str, Any]:
    """The interface description from which the web client's types are made."""
    return create_app().openapi()
