"""Routes of the packs room."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from chengyun.devices.schemas import NAME_KEY
from chengyun.kernel.http import Actor, ReadTx, Tx, permit
from chengyun.packs import service
from chengyun.packs.schemas import AppliedOut, ApplyIn, CheckIn, CheckOut, FindingOut, PackDetail, PackOut

router = APIRouter(prefix="/packs")
Reader = Annotated[Actor, Depends(permit("pack.read"))]
Applier = Annotated[Actor, Depends(permit("pack.apply"))]
Key = Annotated[str, Path(pattern=NAME_KEY)]


@router.get("")
def list_packs(actor: Reader, session: ReadTx) -> list[PackOut]:
    """Industry packs in force, and those that stand ready."""
    return service.packs(session, actor.lang)


@router.post("/check")
def check_pack(actor: Reader, session: ReadTx, body: CheckIn) -> CheckOut:
    """Whether a manifest could be put into force, and if not everything that is wrong with it, by line and column."""
    found = service.check(session, body.text)
    if isinstance(found, list):
        errors = [
            FindingOut(
                line=e.line, column=e.column, path=e.path, message=e.message(actor.lang), message_zh=e.message_zh, message_en=e.message_en
            )
            for e in found
        ]
        return CheckOut(valid=False, key=None, version=None, errors=errors)
    return CheckOut(valid=True, key=found.pack.key, version=found.pack.version, errors=[])


@router.get("/{key}")
def show_pack(actor: Reader, session: ReadTx, key: Key, revision: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None) -> PackDetail:
    """A pack with its source text, what it declares, and its history."""
    return service.detail(session, key, revision, actor.lang)


@router.post("/{key}/apply")
def apply_pack(actor: Applier, session: Tx, key: Key, body: ApplyIn) -> AppliedOut:
    """Put a pack into force, at once and without a restart; the whole of it or nothing."""
    return AppliedOut.model_validate(service.apply_text(session, key, body.text, actor))
