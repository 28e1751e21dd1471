"""Scheduled work of the alarms room."""

from chengyun.alarms import settle
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.jobs import periodic


@periodic("* * * * *", "alarms.close_quiet")
def close_quiet() -> None:
    """Each minute: alarms that cleared some time ago, and those of retired devices, are closed."""
    with raw_transaction(Scope.everything()) as connection:
        settle.close_quiet(connection, clock.now())
