"""Where the database and the bus are: named by a setting, or written by the embedded services into the data folder."""

import json
from pathlib import Path
from typing import Any

from chengyun.kernel.settings import get_settings


class NotRunning(RuntimeError):
    """No address is set and no embedded service runs on this data folder."""


def services_file(data_dir: Path) -> Path:
    """The file (mode 0600) in which the embedded services write `database_url`, `nats_url` and the call-out's key."""
    return data_dir / "run" / "services.json"


def _embedded() -> dict[str, Any]:
    path = services_file(get_settings().data_dir)
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise NotRunning(f"nothing runs on the data folder {path.parent.parent}") from None


def database_url() -> str:
    """The address of PostgreSQL, `postgresql://…`."""
    named = get_settings().database_url
    return named.get_secret_value() if named else str(_embedded()["database_url"])


def nats_url() -> str:
    """The address of NATS with the platform's own user, `nats://user:password@host:port`."""
    named = get_settings().nats_url
    return named.get_secret_value() if named else str(_embedded()["nats_url"])


def embedded(key: str) -> str | None:
    """Another entry of the embedded services' file, such as `callout_seed`; None when there is none."""
    try:
        value = _embedded().get(key)
    except NotRunning:
        return None
    return None if value is None else str(value)
