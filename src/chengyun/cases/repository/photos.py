"""SQL of photos."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.cases.models import CasePhoto, PhotoUpload


def add_upload(session: Session, values: dict[str, Any]) -> None:
    """Keep a photo that belongs to no case yet."""
    session.execute(insert(PhotoUpload).values(values))


def take_uploads(session: Session, ids: Sequence[UUID], uploader: UUID) -> list[Any]:
    """Take a person's own uploads out of the waiting ones; a photo is taken once."""
    stmt = delete(PhotoUpload).where(PhotoUpload.id.in_(ids), PhotoUpload.uploaded_by == uploader)
    columns = ("id", "blob", "thumb", "width", "height", "uploaded_by", "uploaded_at")
    return list(session.execute(stmt.returning(*[getattr(PhotoUpload, c) for c in columns])).mappings())


def attach(session: Session, case_id: UUID, region_code: str, phase: str, photos: Iterable[Any]) -> None:
    """Give photos to a case."""
    rows = [{**photo, "case_id": case_id, "region_code": region_code, "phase": phase} for photo in photos]
    if rows:
        session.execute(insert(CasePhoto).values(rows))


def of_cases(session: Session, case_ids: Iterable[UUID]) -> list[tuple[UUID, UUID, str]]:
    """(case, photo, phase) for many cases, in order of upload."""
    stmt = select(CasePhoto.case_id, CasePhoto.id, CasePhoto.phase).where(CasePhoto.case_id.in_(list(case_ids)))
    return [(r[0], r[1], r[2]) for r in session.execute(stmt.order_by(CasePhoto.uploaded_at, CasePhoto.id))]


def find(session: Session, photo_id: UUID, uploader: UUID) -> CasePhoto | PhotoUpload | None:
    """A photo of a case in the area, or the caller's own upload."""
    attached = session.get(CasePhoto, photo_id)
    if attached is not None:
        return attached
    return session.execute(select(PhotoUpload).where(PhotoUpload.id == photo_id, PhotoUpload.uploaded_by == uploader)).scalar_one_or_none()


def forget_uploads(session: Session, before: datetime) -> set[str]:
    """Drop uploads that were never attached; returns their files, as far as nothing else names them."""
    gone = session.execute(delete(PhotoUpload).where(PhotoUpload.uploaded_at < before).returning(PhotoUpload.blob, PhotoUpload.thumb))
    keys = {key for row in gone for key in row}
    for table in (CasePhoto, PhotoUpload):
        if keys:
            named = session.execute(select(table.blob, table.thumb).where(or_(table.blob.in_(keys), table.thumb.in_(keys))))
            keys -= {key for row in named for key in row}
    return keys
