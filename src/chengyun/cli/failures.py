"""What a person reads when a verb fails."""

import psycopg
import pydantic
from pydantic_settings import SettingsError
from sqlalchemy.exc import DBAPIError
from typer.exceptions import TyperException

from chengyun.kernel.addresses import NotRunning
from chengyun.kernel.embedded import CannotStart
from chengyun.kernel.errors import Problem
from chengyun.sim.replay import CannotReplay


class Refused(Exception):
    """The verb cannot do what was asked; the message is the sentence."""


def sentence(failure: BaseException) -> str:
    """A failure in one sentence, without secrets."""
    if isinstance(failure, TyperException):
        # Usage errors format themselves with the option's name; other exceptions of the kind have only their text.
        return str(getattr(failure, "format_message", failure.__str__)()).replace("\n", " ")
    if isinstance(failure, pydantic.ValidationError):
        return _settings(failure)
    if isinstance(failure, NotRunning):
        return f"{failure}; start it with `chengyun up`, or set CHENGYUN_DATABASE_URL and CHENGYUN_NATS_URL"
    if isinstance(failure, DBAPIError):
        failure = failure.orig or failure
    if isinstance(failure, psycopg.Error):
        return f"the database refused: {str(failure).strip().splitlines()[0]}"
    if isinstance(failure, Refused | CannotStart | CannotReplay | SettingsError | Problem):
        return str(failure)
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.filename}: {failure.strerror}" if failure.filename else failure.strerror
    return f"unexpected {type(failure).__name__}: {failure} (CHENGYUN_DEBUG=1 shows more)"


def _settings(failure: pydantic.ValidationError) -> str:
    """Settings are validated when a verb starts; the input itself is not repeated, it may be a secret."""
    first = failure.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or failure.title
    if failure.title == "Settings":
        if first["type"] == "extra_forbidden":
            return f"there is no setting called {name}; docs/settings.md lists them"
        return f"the setting {name} (CHENGYUN_{name.upper()}) is not valid: {first['msg']}"
    return f"{name}: {first['msg']}"
