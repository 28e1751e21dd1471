"""PostgreSQL refuses to run as root: who runs it instead, and where its socket can be."""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from chengyun.kernel.embedded.binaries import can_reach
from chengyun.kernel.embedded.child import CannotStart, Owner

_SUITABLE = ("chengyun", "postgres")
# The kernel takes 107 bytes for the address of a Unix socket; PostgreSQL adds a name of 14.
_LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432")


def database_owner(folder: Path) -> Owner | None:
    """The user that runs the server over this folder; None for the one that started us.

    Started by root: who owns the folder already, else a system user `chengyun` or `postgres`, else `chengyun` is
    created (`useradd --system`), else `nobody`.
    """
    made_by = folder.stat().st_uid if folder.exists() else None
    if os.geteuid() != 0:
        if made_by not in (None, os.geteuid()):
            raise CannotStart(f"{folder} belongs to another user; start the platform as the user that set it up")
        return None
    if made_by:
        return _by_uid(made_by)
    for name in _SUITABLE:
        found = _by_name(name)
        if found:
            return found
    return _created() or _by_name("nobody") or _no_user()


def _by_name(name: str) -> Owner | None:
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(name)
        return Owner(entry.pw_uid, entry.pw_gid, name)
    return None


def _by_uid(uid: int) -> Owner:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Owner(uid, uid, str(uid))
    return Owner(uid, entry.pw_gid, entry.pw_name)


def _created() -> Owner | None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if program is None:
        return None
    words = "--system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin chengyun"
    subprocess.run([program, *words.split()], capture_output=True, check=False)  # noqa: S603
    return _by_name("chengyun")


def _no_user() -> Owner:
    raise CannotStart("started by root, and there is no system user to run PostgreSQL: create one called chengyun")


def give(path: Path, owner: Owner | None) -> None:
    """Make that user the owner of a file or folder."""
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)


def socket_folder(data_dir: Path, owner: Owner | None) -> Path:
    """A private folder for the server's socket: in the data folder, or a short one where that is too deep or closed."""
    usual = data_dir / "run" / "postgres"
    if len(os.fsencode(usual)) <= _LONGEST_FOLDER:
        usual.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(usual, owner)
        if owner is None or can_reach(owner, usual):
            return usual
    return _short_folder(data_dir, owner)


def _short_folder(data_dir: Path, owner: Owner | None) -> Path:
    mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    for base in _runtime_folders():
        folder = base / f"chengyun-{os.geteuid()}-{mark}"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            mine = folder.lstat()
            # In a folder open to all, somebody else may have made it first, or a link in its place.
            if folder.is_symlink() or mine.st_uid not in (os.geteuid(), owner.uid if owner else -1):
                continue
            give(folder, owner)
            if owner is None or can_reach(owner, folder):
                return folder
    folder = Path(tempfile.mkdtemp(prefix="chengyun-", dir="/tmp"))
    give(folder, owner)
    return folder


def _runtime_folders() -> list[Path]:
    if os.geteuid() == 0:
        return [Path("/run"), Path("/tmp")]  # noqa: S108
    named = os.environ.get("XDG_RUNTIME_DIR")
    return [*([Path(named)] if named else []), Path("/tmp")]  # noqa: S108
