"""Routes of the cases room. Operations come from the table in `workflow`: one route each, with the body it needs."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Header, Path, Query, Response, UploadFile
from pydantic import AwareDatetime, BaseModel

from chengyun.cases import service
from chengyun.cases.repository import lists, records
from chengyun.cases.repository.lists import Filters
from chengyun.cases.schemas import (
    Case,
    CaseFigures,
    CaseIn,
    CheckFailIn,
    CheckIn,
    DispatchIn,
    EdgeOut,
    FileIn,
    HandleIn,
    NoteIn,
    OpenIn,
    PhotoUploaded,
    ReasonIn,
    Reporter,
    StepIn,
    TimelineEvent,
    UnitSuggestion,
)
from chengyun.cases.service import present
from chengyun.cases.workflow import EDGES, QUEUES, Operation, name_of
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, ReadTx, Tx, audit, permit
from chengyun.kernel.paging import Cursor, Limit, Page
from chengyun.kernel.settings import get_settings
from chengyun.kernel.texts import Paragraphs
from chengyun.regions import service as regions
from chengyun.standards.codes import Edition, Kind, parse_division

router = APIRouter()
Reader = Annotated[Actor, Depends(permit("case.read"))]
Actors = Annotated[Actor, Depends(permit("case.read", "case.report", "case.handle", "case.check"))]
Id = Annotated[UUID, Path(description="The case")]
Division = Annotated[str | None, Query(max_length=15, description="Division code; all that lies in it")]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="The same key is the same case, however often it is sent")
]

QUEUE_NAMES = ("mine", *QUEUES, "overdue", "open", "closed", "all")
# The web client's names of the queues by what is to be done.
ALIASES = {f"to_{name}": name for name in QUEUES}

BODIES: dict[Operation, type[BaseModel]] = {
    Operation.ACCEPT: StepIn,
    Operation.REJECT: ReasonIn,
    Operation.FILE: FileIn,
    Operation.REFUSE: ReasonIn,
    Operation.DISPATCH: DispatchIn,
    Operation.SIGN: StepIn,
    Operation.SEND_BACK: ReasonIn,
    Operation.HANDLE: HandleIn,
    Operation.CHECK_PASS: CheckIn,
    Operation.CHECK_FAIL: CheckFailIn,
    Operation.CLOSE: StepIn,
    Operation.VOID: ReasonIn,
    Operation.NOTE: NoteIn,
}


def _queue(name: str) -> str:
    known = ALIASES.get(name, name)
    if known not in QUEUE_NAMES:
        raise Problem("case.queue", field="queue", queue=name, known=", ".join(QUEUE_NAMES))
    return known


@router.get("/cases")
def list_cases(
    actor: Reader,
    session: ReadTx,
    queue: Annotated[str, Query(max_length=20, description="mine, accept … close, overdue, open, closed, all")] = "open",
    state: Annotated[str | None, Query(max_length=12)] = None,
    source: Annotated[str | None, Query(max_length=20)] = None,
    class_code: Annotated[str | None, Query(max_length=5)] = None,
    region: Division = None,
    device_id: UUID | None = None,
    unit_id: UUID | None = None,
    q: Annotated[str | None, Paragraphs, Query(max_length=100, description="Part of number, title, address or description")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Case]:
    """Cases: open ones most urgent first, closed and all ones the last first."""
    filters = Filters(
        queue=_queue(queue),
        state=state,
        source=source,
        class_code=class_code,
        ranges=regions.scope_ranges(session, parse_division(region, "region").text) if region else None,
        device_id=device_id,
        unit_id=unit_id,
        since=since,
        until=until,
        q=q.strip() if q and q.strip() else None,
    )
    rows, following = lists.page(session, filters, actor, clock.now(), cursor, limit)
    return Page(items=present.cases(session, rows, actor), next=following)


@router.get("/cases/queues")
def count_queues(actor: Reader, session: ReadTx) -> dict[str, int]:
    """How many open cases wait in each queue; `mine` are those that my posts can move on now."""
    counts = lists.queue_counts(session, actor, clock.now())
    return counts | {alias: counts[name] for alias, name in ALIASES.items()}


@router.get("/cases/figures")
def show_figures(actor: Reader, session: ReadTx) -> CaseFigures:
    """Figures for the cockpit, in the days of the city."""
    return service.current_figures(session, actor.lang)


@router.get("/cases/workflow")
def show_workflow(actor: Reader) -> list[EdgeOut]:
    """The table of states and operations, with the clause beside each line."""
    return [
        EdgeOut(
            source=line.source,
            operation=line.operation,
            name=name_of(line.operation, actor.lang),
            target=line.target,
            permissions=list(line.permissions),
            clause=line.clause,
            clock=line.clock,
        )
        for line in EDGES
    ]


@router.get("/cases/units")
def suggest_units(
    actor: Reader,
    session: ReadTx,
    region_code: Annotated[str, Query(max_length=15)],
    class_code: Annotated[str | None, Query(max_length=5)] = None,
    kind: Kind | None = None,
    edition: Edition = Edition.GB47678_2026,
) -> list[UnitSuggestion]:
    """Units that a case could be dispatched to, the suggested one first with the reason."""
    return service.suggest_units(session, parse_division(region_code, "region_code").text, kind, class_code, actor.lang, edition)


@router.post("/cases", status_code=201)
def report_case(
    actor: Annotated[Actor, Depends(permit("case.report"))], session: Tx, body: CaseIn, response: Response, key: IdempotencyKey = None
) -> Case:
    """Report a case; 200 instead of 201 when the idempotency key was used before."""
    record, new = service.report(session, actor, body, key)
    if not new:
        response.status_code = 200
    return present.one(session, record, actor)


@router.get("/cases/{case_id}")
def show_case(actor: Reader, session: ReadTx, case_id: Id) -> Case:
    """A case, and what the caller may do with it now."""
    record = records.get(session, case_id)
    if record is None:
        raise Problem("object.not_found")
    return present.one(session, record, actor)


@router.get("/cases/{case_id}/timeline")
def show_case_timeline(actor: Reader, session: ReadTx, case_id: Id) -> list[TimelineEvent]:
    """All that happened to a case, in order, each event with its hash."""
    if records.get(session, case_id) is None:
        raise Problem("object.not_found")
    return present.timeline(records.timeline(session, case_id), actor.lang)


@router.get("/cases/{case_id}/reporter")
def show_reporter(actor: Annotated[Actor, Depends(permit("personal.read"))], session: Tx, case_id: Id) -> Reporter:
    """Who told of the case, in full: personal data, so the look is recorded."""
    found = records.reporter(session, case_id)
    if found is None:
        raise Problem("object.not_found")
    audit(session, actor, "case.reporter.read", "case", case_id, {}, found.region_code)
    return Reporter(name=found.name, phone=found.phone)


def _operation_route(operation: Operation, body_type: type[BaseModel]) -> Callable[..., Case]:
    def run(actor: Actors, session: Tx, case_id: Id, body: Any) -> Case:
        return present.one(session, service.operate(session, actor, case_id, operation, body), actor)

    # FastAPI reads the body's shape from the annotations.
    run.__annotations__ = {**run.__annotations__, "body": body_type}
    run.__name__ = f"{operation}_case"
    run.__doc__ = f"{name_of(operation, 'zh')}: {name_of(operation, 'en')}; refused with the reason where the table does not allow it."
    return run


for _operation, _body in BODIES.items():
    router.post(f"/cases/{{case_id}}/{_operation}", response_model=Case)(_operation_route(_operation, _body))


@router.post("/alarms/{alarm_id}/case", status_code=201)
def open_for_alarm(actor: Annotated[Actor, Depends(permit("alarm.open_case"))], session: Tx, alarm_id: UUID, body: OpenIn) -> Case:
    """Open a case for an alarm by hand; an alarm has one case at most."""
    return present.one(session, service.open_by_hand(session, actor, alarm_id, body), actor)


@router.post("/photos", status_code=201)
def upload_photo(
    actor: Annotated[Actor, Depends(permit("case.report", "case.handle", "case.check"))],
    session: Tx,
    file: Annotated[UploadFile, File(description="JPEG, PNG or WebP")],
) -> PhotoUploaded:
    """Upload a photo; a report or an operation then names it. Position and camera are removed from it."""
    limit = get_settings().max_photo_bytes
    data = file.file.read(limit + 1)
    if len(data) > limit:
        raise Problem("request.too_large", field="file", limit=limit)
    return service.upload_photo(session, actor, data)


@router.get("/photos/{photo_id}", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def show_photo(actor: Actors, session: ReadTx, photo_id: UUID, size: Literal["full", "thumb"] = "full") -> Response:
    """A photo of a case in the caller's area, or one that the caller uploaded."""
    data, digest = service.fetch_photo(session, actor, photo_id, thumb=size == "thumb")
    headers = {"Cache-Control": "private, max-age=86400, immutable", "ETag": f'"{digest[:32]}"'}
    return Response(data, media_type="image/jpeg", headers=headers)
