"""A copy of everything in one folder while the platform runs, and the way back.

The database is copied first and the files after it, so each file that a row names is in the copy. The bus itself is
not copied: the copy keeps the last number of each stream, and a restored bus counts on from there, because `watch` and
`archive` remember by number how far they have read.
"""

import asyncio
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from chengyun import __version__
from chengyun.cli.failures import Refused
from chengyun.kernel import addresses
from chengyun.kernel.embedded import locked, start_services
from chengyun.kernel.embedded.binaries import postgres_programs
from chengyun.kernel.settings import get_settings

# Not copied: what the dump holds, what belongs to the running programs, and logs.
_LEFT_OUT = ("postgres", "postgres.new", "nats", "run", "logs")
_MANIFEST = "backup.json"
_DUMP = "database.dump"


def write_backup(folder: Path) -> str:
    """Copy everything into a new folder; returns the sentence for the operator."""
    settings = get_settings()
    url = addresses.database_url()
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty; name a new folder")
    if folder.is_relative_to(settings.data_dir):
        raise Refused(f"{folder} lies in the data folder; name a folder elsewhere, best on another disk")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    begun = time.monotonic()
    _postgres_tool("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={folder / _DUMP}")
    for entry in sorted(settings.data_dir.iterdir()):
        if entry.name not in _LEFT_OUT:
            _copy(entry, folder / "files" / entry.name)
    manifest = {
        "version": __version__,
        "made_at": datetime.now(UTC).isoformat(),
        "streams": asyncio.run(_last_numbers()),
    }
    # Last, so that a copy without it is known to be unfinished.
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"backup of {size / 1024**2:.1f} MB written to {folder} in {time.monotonic() - begun:.0f} s"


def read_backup(folder: Path) -> str:
    """Bring a copy back into an empty data folder (and an empty database, where a setting names one)."""
    settings = get_settings()
    data_dir = settings.data_dir
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
    except (OSError, ValueError):
        raise Refused(f"{folder} is not a finished backup: {_MANIFEST} is missing or damaged") from None
    if (data_dir / "postgres").exists() or (data_dir / "secrets").exists():
        raise Refused(f"the data folder {data_dir} is not empty; set CHENGYUN_DATA_DIR to a new one")
    with locked(data_dir):
        for entry in sorted((folder / "files").iterdir()):
            _copy(entry, data_dir / entry.name)
    if settings.database_url is not None:
        _fill(addresses.database_url(), folder)
        asyncio.run(_continue_streams(addresses.nats_url(), manifest["streams"]))
    else:
        with start_services(data_dir) as services:
            _fill(services.database_url, folder)
            asyncio.run(_continue_streams(services.nats_url, manifest["streams"]))
    return f"restored {manifest['made_at']} into {data_dir}; start it with `chengyun up`"


def _fill(url: str, folder: Path) -> None:
    _postgres_tool("pg_restore", url, "--no-owner", "--no-privileges", "--exit-on-error", str(folder / _DUMP))
    from chengyun.kernel.migrate import upgrade
    from chengyun.server.rooms import import_models

    import_models()
    upgrade(url)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder. A Delta table's log goes first: whatever it names is still there when the data follow."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not source.is_dir():
        shutil.copy2(source, target)
        return
    target.mkdir(exist_ok=True)
    shutil.copystat(source, target)
    for entry in sorted(source.iterdir(), key=lambda path: (path.name != "_delta_log", path.name)):
        try:
            _copy(entry, target / entry.name)
        except FileNotFoundError:
            continue  # a temporary file that its writer has renamed since


def _postgres_tool(name: str, url: str, *arguments: str) -> None:
    """Run pg_dump or pg_restore; the password goes by the environment, never by the command line."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "sslmode": "PGSSLMODE"}
    environment = {**os.environ, **{variables[k]: str(v) for k, v in parts.items() if k in variables}}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    target = ["--dbname", str(parts.get("dbname", ""))]
    program = postgres_programs().program(name)
    if not os.access(program, os.X_OK):
        raise Refused(f"{name} is not among PostgreSQL's programs in {program.parent}")
    done = subprocess.run(  # noqa: S603
        [program, *target, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Refused(f"{name}: {' '.join(done.stderr.strip().splitlines()[-2:])}")


async def _last_numbers() -> dict[str, int]:
    from chengyun.kernel.bus import STREAMS, connect

    bus = await connect("backup")
    try:
        return {s.name: (await bus.js.stream_info(s.name)).state.last_seq for s in STREAMS if s.name}
    finally:
        await bus.close()


async def _continue_streams(url: str, last: dict[str, int]) -> None:
    """Make the streams anew, each counting on after its last number."""
    import nats
    from nats.js.api import StreamConfig

    from chengyun.kernel.bus import STREAMS

    connection = await nats.connect(url)
    try:
        manager = connection.jetstream()
        for config in STREAMS:
            numbered: StreamConfig = config.evolve(first_seq=last.get(str(config.name), 0) + 1)
            await manager.add_stream(numbered)
    finally:
        await connection.close()
