"""What makes a photo fit to be kept: it is decoded and written anew, so that nothing but the picture remains.

Position, camera and owner (EXIF) go, the orientation is applied, and files that only pretend to be photos are refused.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

import chengyun.cases.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel.errors import Problem

FORMATS = ("JPEG", "PNG", "WEBP")
THUMB_SIDE = 320
MEDIA_TYPE = "image/jpeg"


@dataclass(frozen=True)
class Picture:
    """A photo as it is stored, its thumbnail, and its size in pixels."""

    full: bytes
    thumb: bytes
    width: int
    height: int


def prepare(data: bytes, max_pixels: int, max_side: int) -> Picture:
    """Decode, turn upright, shrink to `max_side`, write as JPEG; refuses what is no photo or has too many pixels."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of bombs; the limit here is our own and comes before any pixel is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > max_pixels:
                raise Problem("photo.too_many_pixels", field="file", width=width, height=height, limit=max_pixels)
            image.draft("RGB", (max_side, max_side))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except Problem:
        raise
    except Image.DecompressionBombError:
        raise Problem("photo.too_many_pixels", field="file", width=0, height=0, limit=max_pixels) from None
    except Exception:
        # Broken files raise many kinds of errors (OSError, SyntaxError, struct.error, ValueError …); all mean the same.
        raise Problem("photo.not_a_photo", field="file") from None
    upright.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    small = upright.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    return Picture(_jpeg(upright, 88), _jpeg(small, 80), *upright.size)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    # A fresh canvas: whatever the file carried beside its pixels stays behind.
    plain = Image.new("RGB", image.size)
    plain.paste(image)
    out = BytesIO()
    plain.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()
