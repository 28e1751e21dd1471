"""Where photos and files lie. On the file system now; the interface is small so that object storage fits behind it."""

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

from chengyun.kernel.settings import get_settings

FRESH_SECONDS = 60.0
"""So long a stored file is left alone: the row that is to name it may not be committed yet."""


@dataclass(frozen=True)
class BlobRef:
    """What is known of a stored file: its key (the SHA-256 of its bytes, in hex), size in bytes and media type."""

    key: str
    size: int
    sha256: str
    content_type: str


class BlobStore(Protocol):
    """A place for bytes that are written once and never changed."""

    def put(self, data: bytes, content_type: str) -> BlobRef:
        """Store bytes durably; the same bytes have the same key."""

    def get(self, key: str) -> bytes:
        """The stored bytes; KeyError where there are none."""

    def open(self, key: str) -> BinaryIO:
        """A stream over the stored bytes; KeyError where there are none."""

    def drop(self, key: str) -> bool:
        """Delete bytes that nothing names any more, unless they were stored again a moment ago; whether they went."""


class FileBlobStore:
    """Files named by their SHA-256, in folders by its first letters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        if len(key) != 64 or not all(c in "0123456789abcdef" for c in key):
            raise KeyError(key)
        return self._folder / key[:2] / key[2:4] / key

    def put(self, data: bytes, content_type: str) -> BlobRef:
        """Write beside, flush to disk, then rename: a half-written file is never seen under its key."""
        key = hashlib.sha256(data).hexdigest()
        path = self._path(key)
        if path.exists():
            # Fresh again: whoever clears up leaves it until the row that names it is there.
            os.utime(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return BlobRef(key, len(data), key, content_type)

    def get(self, key: str) -> bytes:
        """The stored bytes; KeyError where there are none."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """A stream over the stored bytes; KeyError where there are none."""
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as missing:
            raise KeyError(key) from missing

    def drop(self, key: str) -> bool:
        """Delete bytes that nothing names any more, unless they were stored again a moment ago; whether they went."""
        path = self._path(key)
        try:
            if time.time() - path.stat().st_mtime < FRESH_SECONDS:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        return True


@lru_cache(maxsize=1)
def store() -> BlobStore:
    """The store of this process."""
    return FileBlobStore(get_settings().data_dir / "blobs")
