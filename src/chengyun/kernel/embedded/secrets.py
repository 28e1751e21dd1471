"""Passwords and keys that the platform makes for itself; each a file of mode 0600 in the data folder."""

import os
from collections.abc import Callable
from pathlib import Path

from chengyun.kernel.embedded.child import CannotStart


def private_folder(path: Path) -> Path:
    """A folder that only its owner can enter."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as failure:
        raise CannotStart(f"cannot write to {path.parent}: {failure.strerror}") from None
    return path


def write_private(path: Path, content: str) -> None:
    """Replace a file by one of mode 0600, at once or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def kept_secret(data_dir: Path, name: str, make: Callable[[], str]) -> str:
    """The secret of that name; made and stored at the first call."""
    path = private_folder(data_dir / "secrets") / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        value = make()
        write_private(path, value + "\n")
        return value
    except PermissionError:
        raise CannotStart(f"{path} belongs to another user; start the platform as the user that set it up") from None
