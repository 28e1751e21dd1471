"""The check that no timeline was altered."""

from sqlalchemy.orm import Session

from chengyun.cases.repository import chain, records
from chengyun.cases.schemas import Fault, Verification
from chengyun.kernel.errors import Problem


def verify(session: Session, number: str | None = None) -> Verification:
    """Compute all hashes anew, or those of one case; finds what was changed, removed, reordered or cut off.

    Over all cases it also finds days on which a case is missing as a whole. A fault names the first bad event of a case.
    """
    case_id = None
    if number is not None:
        found = records.by_number(session, number)
        if found is None:
            raise Problem("case.number_unknown", number=number[:40])
        case_id = found.id
    cases, events = chain.counts(session, case_id)
    return Verification(cases, events, [Fault(f.number, f.sequence, f.kind) for f in chain.faults(session, case_id)])
