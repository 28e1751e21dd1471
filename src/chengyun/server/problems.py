"""Every refusal and every failure leaves as problem details in the caller's language."""

from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import language
from chengyun.kernel.logs import get_logger

log = get_logger(__name__)
MEDIA_TYPE = "application/problem+json"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
    },
}

_LENGTHS = {"string_too_long": ("field.too_long", "max_length"), "string_too_short": ("field.too_short", "min_length")}
_RANGES = {
    "greater_than": (">", "gt"),
    "greater_than_equal": ("≥", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("≤", "le"),
    "too_long": ("≤", "max_length"),
    "too_short": ("≥", "min_length"),
}


def field_error(error: dict[str, Any]) -> FieldError:
    """Pydantic's finding as one of our own codes."""
    where = [str(p) for p in error["loc"] if p not in ("body", "query", "path", "header")]
    name, kind, context = ".".join(where) or "body", error["type"], error.get("ctx", {})
    if kind == "missing":
        return FieldError(name, "field.missing")
    if kind == "extra_forbidden":
        return FieldError(name, "field.unknown")
    if kind in _LENGTHS:
        code, key = _LENGTHS[kind]
        return FieldError(name, code, {"limit": context.get(key)})
    if kind in _RANGES:
        bound, key = _RANGES[kind]
        return FieldError(name, "field.range", {"bound": bound, "limit": context.get(key)})
    if kind == "string_pattern_mismatch":
        return FieldError(name, "field.pattern")
    if kind.endswith(("_type", "_parsing")) and kind != "json_invalid":
        return FieldError(name, "field.type", {"expected": kind.rsplit("_", 1)[0]})
    return FieldError(name, "field.value", {"reason": error.get("msg", kind)})


def answer(request: Request, problem: Problem) -> Response:
    """The response for a problem."""
    body = problem.body(language(request))
    body["instance"] = request.url.path
    body["request_id"] = getattr(request.state, "request_id", "")
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    retry = problem.extra.get("retry_after")
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return JSONResponse(body, problem.status, headers, MEDIA_TYPE)


def _validation(request: Request, failure: RequestValidationError) -> Response:
    found = list(failure.errors())
    bad_json = next((e for e in found if e["type"] == "json_invalid"), None)
    if bad_json is not None:
        return answer(request, Problem("request.json", position=bad_json["loc"][-1]))
    errors = [field_error(e) for e in found]
    return answer(request, Problem("request.invalid", errors=errors, count=len(errors)))


_STATUS = {401: "access.sign_in", 404: "request.not_found", 405: "request.method"}


def _http(request: Request, failure: HTTPException) -> Response:
    code = _STATUS.get(failure.status_code)
    if code:
        return answer(request, Problem(code))
    problem = Problem("request.invalid", failure.status_code, count=1)
    return answer(request, problem)


def _database(request: Request, failure: DBAPIError) -> Response:
    return answer(request, database_problem(failure.orig, request))


def _driver(request: Request, failure: psycopg.Error) -> Response:
    return answer(request, database_problem(failure, request))


def database_problem(failure: BaseException | None, request: Request) -> Problem:
    """What a failure of the database means to a caller."""
    if isinstance(failure, psycopg.errors.InsufficientPrivilege):
        return Problem("object.not_found", 404)
    if isinstance(failure, psycopg.errors.UniqueViolation | psycopg.errors.ForeignKeyViolation):
        return Problem("object.conflict", what=failure.diag.constraint_name or "")
    if isinstance(failure, psycopg.errors.DataError):
        return Problem("request.invalid", count=1)
    if isinstance(failure, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
        return Problem("server.busy", extra={"retry_after": 1})
    if isinstance(failure, psycopg.OperationalError):
        log.warning("the database does not answer", error=str(failure))
        return Problem("server.busy", extra={"retry_after": 1})
    return failed(request, failure)


def failed(request: Request, failure: BaseException | None) -> Problem:
    """A fault of ours: recorded in full, shown as a number."""
    number = getattr(request.state, "request_id", "")
    log.error("request failed", path=request.url.path, exc_info=failure)
    return Problem("server.failed", request_id=number)


def install(app: FastAPI) -> None:
    """Register the handlers."""

    def on_problem(request: Request, failure: Problem) -> Response:
        return answer(request, failure)

    def on_crash(request: Request, failure: Exception) -> Response:
        return answer(request, failed(request, failure))

    handlers: dict[type[Exception], Any] = {
        Problem: on_problem,
        RequestValidationError: _validation,
        HTTPException: _http,
        DBAPIError: _database,
        psycopg.Error: _driver,
        Exception: on_crash,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
