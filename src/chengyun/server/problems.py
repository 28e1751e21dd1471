"""Every refusal and every failure leaves as problem details in the caller's language."""

import json
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from nats.errors import Error as BusError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.exceptions import HTTPException

from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import language
from chengyun.kernel.logs import get_logger
from chengyun.server.findings import field_error

log = get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
# So many wrong fields are told singly; `count` in the sentence says how many there are.
TOLD_SINGLY = 100

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


class _Document(JSONResponse):
    """A problem document. What a caller sent and reads again in it may hold halves of letters; those become `?`."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def answer(request: Request, problem: Problem) -> Response:
    """The response for a problem."""
    body = problem.body(language(request))
    body["instance"] = request.scope["path"][:500]
    body["request_id"] = getattr(request.state, "request_id", "")
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    retry = problem.extra.get("retry_after")
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return _Document(body, problem.status, headers)


def _validation(request: Request, failure: RequestValidationError) -> Response:
    found = list(failure.errors())
    bad_json = next((e for e in found if e["type"] == "json_invalid"), None)
    if bad_json is not None:
        return answer(request, Problem("request.json", position=bad_json["loc"][-1]))
    errors = [field_error(e) for e in found[:TOLD_SINGLY]]
    return answer(request, Problem("request.invalid", errors=errors, count=len(found)))


_STATUS = {400: "request.unreadable", 401: "access.sign_in", 404: "request.not_found", 405: "request.method"}


def _http(request: Request, failure: HTTPException) -> Response:
    if isinstance(failure.__cause__, Problem):
        # Raised while the body was read, and wrapped by the framework.
        return answer(request, failure.__cause__)
    code = _STATUS.get(failure.status_code)
    response = answer(request, Problem(code) if code else Problem("request.unreadable", failure.status_code))
    response.headers.update(failure.headers or {})
    return response


def _broken(request: Request, failure: Exception) -> Response:
    return answer(request, problem_of(failure, request))


def problem_of(failure: BaseException, request: Request) -> Problem:
    """What any failure means to a caller: a refusal, a pause of database or bus, or a fault of ours."""
    if isinstance(failure, Problem):
        return failure
    if isinstance(failure, DBAPIError):
        if failure.connection_invalidated:
            return _busy("the connection to the database was lost", failure)
        return _database(failure.orig, request)
    if isinstance(failure, psycopg.Error):
        return _database(failure, request)
    if isinstance(failure, PoolExhausted):
        return _busy("all database connections are in use", failure)
    if isinstance(failure, BusError):
        return _busy("the bus does not answer", failure)
    if isinstance(failure, UnicodeEncodeError):
        # Halves of letters, which JSON can write and no database can hold.
        return Problem("request.invalid", count=1, errors=[FieldError("body", "field.control_characters")])
    return failed(request, failure)


def _busy(what: str, failure: BaseException) -> Problem:
    log.warning(what, error=str(failure)[:500])
    return Problem("server.busy", extra={"retry_after": 1})


def _database(failure: BaseException | None, request: Request) -> Problem:
    if isinstance(failure, psycopg.errors.InsufficientPrivilege):
        return Problem("object.not_found", 404)
    if isinstance(failure, psycopg.errors.UniqueViolation | psycopg.errors.ForeignKeyViolation):
        return Problem("object.conflict", what=failure.diag.constraint_name or "")
    if isinstance(failure, psycopg.errors.DataError):
        return Problem("request.invalid", count=1)
    if isinstance(failure, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
        return Problem("server.busy", extra={"retry_after": 1})
    if isinstance(failure, psycopg.OperationalError | psycopg.InterfaceError):
        return _busy("the database does not answer", failure)
    return failed(request, failure)


def failed(request: Request, failure: BaseException | None) -> Problem:
    """A fault of ours: recorded in full, shown as a number."""
    number = getattr(request.state, "request_id", "")
    log.error("request failed", path=request.scope["path"], exc_info=failure)
    return Problem("server.failed", request_id=number)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    handlers: dict[type[Exception], Any] = {RequestValidationError: _validation, HTTPException: _http}
    handlers |= dict.fromkeys((Problem, DBAPIError, PoolExhausted, psycopg.Error, BusError, UnicodeEncodeError, Exception), _broken)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
