"""What the cases room tells the others."""

from typing import Any

from sqlalchemy.orm import Session

from chengyun.cases.models import CaseRecord
from chengyun.kernel.outbox import emit


def tell(session: Session, record: CaseRecord, what: str) -> None:
    """Write the event of a step into the outbox, in the running transaction."""
    emit(session, f"ev.case.{what}", content(record), record.region_code)


def content(record: CaseRecord) -> dict[str, Any]:
    """What an event of a case says."""
    return {
        "id": record.id,
        "number": record.number,
        "state": record.state,
        "title": record.title,
        "region": record.region_code,
        "source": record.source,
        "urgency": record.urgency,
        "unit_id": record.unit_id,
        "alarm_id": record.alarm_id,
        "device_id": record.device_id,
        "revision": record.revision,
    }
