"""Photos: taken in, kept, shown to those who may see them."""

from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.cases import pictures
from chengyun.cases.repository import photos
from chengyun.cases.schemas import PhotoUploaded
from chengyun.cases.service.intake import caller
from chengyun.kernel import blob, clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor
from chengyun.kernel.ids import uuid7
from chengyun.kernel.settings import get_settings


def upload(session: Session, actor: Actor, data: bytes) -> PhotoUploaded:
    """Keep a photo; it belongs to its uploader until a report or an operation names it."""
    settings = get_settings()
    picture = pictures.prepare(data, settings.photo_max_pixels, settings.photo_max_side)
    store = blob.store()
    values = {
        "id": uuid7(),
        "blob": store.put(picture.full, pictures.MEDIA_TYPE).key,
        "thumb": store.put(picture.thumb, pictures.MEDIA_TYPE).key,
        "width": picture.width,
        "height": picture.height,
        "uploaded_by": caller(actor),
        "uploaded_at": clock.now(),
    }
    photos.add_upload(session, values)
    return PhotoUploaded(id=values["id"], width=picture.width, height=picture.height)


def fetch(session: Session, actor: Actor, photo_id: UUID, *, thumb: bool) -> tuple[bytes, str]:
    """Bytes and digest of a photo that the caller may see."""
    found = photos.find(session, photo_id, caller(actor))
    if found is None:
        raise Problem("object.not_found")
    key = found.thumb if thumb else found.blob
    try:
        return blob.store().get(key), key
    except KeyError:
        raise Problem("object.not_found") from None
