"""Is the process alive, is it ready, and its figures."""

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text

from chengyun.kernel.db import Scope, read_only
from chengyun.kernel.metrics import exposition

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


def _database() -> str | None:
    try:
        with read_only(Scope.nothing()) as session:
            session.execute(text("SELECT 1"))
    except Exception:
        return "the database does not answer"
    return None


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """The database and the bus answer as well."""
    reasons = {}
    if trouble := await asyncio.to_thread(_database):
        reasons["database"] = trouble
    if not request.app.state.bus.nc.is_connected:
        reasons["bus"] = "the bus does not answer"
    return JSONResponse({"status": "waiting" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)


@router.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus."""
    body, kind = exposition()
    return Response(body, headers={"Content-Type": kind})
