"""How a case begins: place, class, number, clocks, the first event."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

import chengyun.cases.errors  # noqa: F401  (registers the sentences)
from chengyun.cases import clocks, timeline
from chengyun.cases.models import CaseRecord
from chengyun.cases.repository import photos, records, rules
from chengyun.cases.schemas import CaseIn, ClassIn
from chengyun.cases.service import told
from chengyun.cases.workflow import Operation, State
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.kernel.settings import get_settings
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from chengyun.standards.worktime import WorkCalendar


@dataclass(frozen=True)
class NewCase:
    """A case to be opened, checked already."""

    source: str
    title: str
    description: str
    region_code: str
    class_: ClassIn | None = None
    lon: float | None = None
    lat: float | None = None
    address: str | None = None
    urgency: str = "normal"
    alarm_id: UUID | None = None
    device_id: UUID | None = None
    policy_id: UUID | None = None
    limit: clocks.Limit | None = None


def report(session: Session, actor: Actor, body: CaseIn, key: str | None = None) -> tuple[CaseRecord, bool]:
    """Take a report; the case, and whether it is new. The same key of the same caller is the same case."""
    case_id = uuid7()
    if key is not None:
        before = _claim(session, actor, key, body, case_id)
        if before is not None:
            return before, False
    region = _region(session, actor, body)
    if body.class_ is not None:
        check_class(session, body.class_)
    new = NewCase(
        source=body.source,
        title=body.title or _title(session, body, region),
        description=body.description,
        region_code=region,
        class_=body.class_,
        lon=body.place.lon if body.place else None,
        lat=body.place.lat if body.place else None,
        address=body.address,
        urgency=body.urgency,
        device_id=body.device_id,
    )
    taken = take_photos(session, actor, body.photo_ids)
    record = open_case(session, actor, new, case_id, {"photos": photo_proofs(taken)} if taken else {})
    photos.attach(session, record.id, region, "before", taken)
    if body.reporter is not None:
        records.add_reporter(session, record.id, region, body.reporter.name, body.reporter.phone)
    return record, True


def _claim(session: Session, actor: Actor, key: str, body: CaseIn, case_id: UUID) -> CaseRecord | None:
    if not (1 <= len(key) <= 100 and key.isascii() and key.isprintable()):
        raise Problem("case.key_form", field="Idempotency-Key")
    digest = hashlib.sha256(orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).digest()
    taken = records.claim_key(session, caller(actor), key, digest, case_id, clock.now())
    if taken is None:
        return None
    if taken.digest != digest:
        raise Problem("case.key_reused", field="Idempotency-Key")
    found = records.get(session, taken.case_id)
    if found is None:
        raise Problem("object.not_found")
    return found


def caller(actor: Actor) -> UUID:
    """The person or the API key behind an actor."""
    owner = actor.user_id or actor.api_key_id
    if owner is None:
        raise Problem("access.sign_in")
    return owner


def check_class(session: Session, wanted: ClassIn) -> str:
    """Refuse a class that its edition does not have; its name in Chinese."""
    return standards.class_table(session).require(wanted.edition, wanted.kind, wanted.code, "class.code").name


def _region(session: Session, actor: Actor, body: CaseIn) -> str:
    """The longest code known for the place, or the code that was given; refuses what lies elsewhere."""
    named = regions.require(session, body.region_code, field="region_code") if body.region_code else None
    if body.place is None:
        code, field = str(body.region_code), "region_code"
    else:
        code, field = regions.locate(session, body.place.lon, body.place.lat), "place"
        if not code:
            raise Problem("case.outside_city", field="place")
        if named is not None and not any(low <= code < high for low, high in regions.scope_ranges(session, str(body.region_code))):
            raise Problem("case.place_region", field="region_code", region=body.region_code)
    if not actor.scope.contains(code):
        raise Problem("case.foreign_area", field=field)
    return code


def _title(session: Session, body: CaseIn, region: str) -> str:
    """`暴露垃圾 · 渝中区 大坪街道`, or the first words of the description."""
    if body.class_ is None:
        words = body.description.splitlines()[0].strip()
        return words if len(words) <= 60 else words[:59] + "…"
    return f"{check_class(session, body.class_)} · {body.address or regions.name(session, region, 'zh-CN')}"[:200]


def take_photos(session: Session, actor: Actor, ids: list[UUID]) -> list[Any]:
    """The caller's own uploads, now taken; refuses any that is not there."""
    if not ids:
        return []
    taken = photos.take_uploads(session, ids, caller(actor))
    if len(taken) != len(set(ids)):
        raise Problem("case.photo_unknown", field="photo_ids")
    return taken


def photo_proofs(taken: list[Any]) -> list[dict[str, str]]:
    """What the timeline says of photos: the digest of the picture binds it to the chain."""
    return [{"id": str(photo["id"]), "sha256": photo["blob"]} for photo in taken]


def open_case(session: Session, actor: Actor, new: NewCase, case_id: UUID, extra: dict[str, Any]) -> CaseRecord:
    """Store a new case with its clock running, its first event, its number; tell the others."""
    now = clock.now()
    values = first_values(session, new, case_id, now)
    event = timeline.append(
        timeline.START, case_id, 1, now, Operation.REPORT, (None, State.REPORTED), (actor.name, actor.user_id), facts(new) | extra
    )
    day = clocks.day_of(now)
    values |= {"reported_by": actor.user_id, "event_count": 1, "last_hash": event.hash, "day": day}
    # The number comes last: from here to the end of the transaction other new cases of the day wait.
    values["serial"] = records.next_serial(session, day)
    values["number"] = number_of(day, values["serial"])
    record = records.add(session, values, event, words_of(values))
    told.tell(session, record, "reported")
    audit(session, actor, "case.report", "case", record.id, {"number": record.number, "source": new.source}, record.region_code)
    return record


def first_values(session: Session, new: NewCase, case_id: UUID, now: datetime) -> dict[str, Any]:
    """Columns of a new case, without its number."""
    class_ = new.class_
    rows = rules.limits(
        session,
        ["accept", "handle"],
        class_.edition if class_ else None,
        class_.kind if class_ else None,
        class_.code if class_ else None,
    )
    return columns_of(new, case_id, now, rows, standards.work_calendar(session, new.region_code))


def columns_of(new: NewCase, case_id: UUID, now: datetime, rows: Sequence[clocks.LimitRow], calendar: WorkCalendar) -> dict[str, Any]:
    """Columns of a new case by the limits and the calendar that hold for it."""
    class_ = new.class_
    matter = clocks.Matter(new.urgency, None, None, None, new.region_code)
    if class_ is not None:
        matter = clocks.Matter(new.urgency, class_.edition, class_.kind, class_.code, new.region_code)
    stage = clocks.start_stage(State.REPORTED, rows, matter, now, calendar)
    limit = new.limit or clocks.choose(rows, "handle", matter, clocks.day_of(now))
    return {
        "id": case_id,
        "title": new.title,
        "description": new.description,
        "edition": matter.edition,
        "class_kind": matter.kind,
        "class_code": matter.code,
        "source": new.source,
        "urgency": new.urgency,
        "state": State.REPORTED,
        "lon": new.lon,
        "lat": new.lat,
        "address": new.address,
        "region_code": new.region_code,
        "unit_chain": [],
        "alarm_id": new.alarm_id,
        "device_id": new.device_id,
        "policy_id": new.policy_id,
        "reported_at": now,
        "due_at": stage["stage_due_at"] or now,
        "limit_amount": limit.amount if limit else None,
        "limit_unit": limit.unit if limit else None,
        "revision": 1,
        **stage,
    }


def facts(new: NewCase) -> dict[str, Any]:
    """What the first event says."""
    class_ = new.class_
    return {
        "source": new.source,
        "title": new.title,
        "description": new.description,
        "class": None if class_ is None else {"edition": class_.edition, "kind": class_.kind, "code": class_.code},
        "place": None if new.lon is None else [new.lon, new.lat],
        "address": new.address,
        "region": new.region_code,
        "urgency": new.urgency,
        "alarm": str(new.alarm_id) if new.alarm_id else None,
        "device": str(new.device_id) if new.device_id else None,
    }


def number_of(day: Any, serial: int) -> str:
    """The number of a case: prefix, date, six digits."""
    return f"{get_settings().case_number_prefix}{day:%Y%m%d}{serial:06d}"


def words_of(values: dict[str, Any]) -> str:
    """What a search looks through."""
    return "\n".join(str(values[name]) for name in ("number", "title", "address", "description") if values.get(name))
