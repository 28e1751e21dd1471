"""Small verbs of the operator."""

import json

from chengyun.cli.failures import Refused
from chengyun.kernel import addresses
from chengyun.kernel.settings import get_settings


def migrate_database() -> None:
    """Bring the database to this version."""
    from chengyun.kernel.migrate import upgrade
    from chengyun.server.rooms import import_models

    url = addresses.database_url()
    import_models()
    upgrade(url)


def settings_in_force() -> str:
    """All settings as JSON; secrets are stars."""
    return json.dumps(get_settings().model_dump(mode="json"), ensure_ascii=False, indent=2)


def make_administrator(_name: str, _password: str | None) -> str:
    """Create the first administrator."""
    raise Refused("accounts are not there yet")


def verify_cases(_number: str | None) -> str:
    """Check the hash chains."""
    raise Refused("cases are not there yet")
