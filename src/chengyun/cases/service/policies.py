"""Which alarms open which cases: declared by industry packs, versioned by rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from chengyun.cases.repository import rules
from chengyun.cases.schemas import CasePolicySpec
from chengyun.cases.service.intake import check_class
from chengyun.kernel import clock
from chengyun.kernel.ids import uuid7


def put_policies(session: Session, pack: str, specs: Sequence[CasePolicySpec]) -> None:
    """Put a pack's policies into force: changed ones as new rows, those no longer declared end. Safe to repeat."""
    for spec in specs:
        check_class(session, spec.class_)
    now = clock.now()
    wanted = {spec.rule: _columns(pack, spec) for spec in specs}
    ended, kept = [], set()
    for row in rules.policies(session, pack):
        columns = wanted.get(row.rule)
        if columns is not None and all(getattr(row, name) == value for name, value in columns.items()):
            kept.add(row.rule)
        else:
            ended.append(row.id)
    if ended:
        rules.end_policies(session, ended, now)
    fresh = [{**columns, "id": uuid7(), "valid_from": now} for rule, columns in wanted.items() if rule not in kept]
    if fresh:
        rules.add_policies(session, fresh)


def _columns(pack: str, spec: CasePolicySpec) -> dict[str, Any]:
    return {
        "pack": pack,
        "rule": spec.rule,
        "from_level": spec.from_level,
        "edition": str(spec.class_.edition),
        "class_kind": str(spec.class_.kind),
        "class_code": spec.class_.code,
        "title_zh": spec.title_zh,
        "title_en": spec.title_en,
        "urgency": spec.urgency,
        "unit_kind": spec.unit_kind,
        "department": spec.department,
        "limit_amount": spec.limit.amount if spec.limit else None,
        "limit_unit": str(spec.limit.unit) if spec.limit else None,
    }
