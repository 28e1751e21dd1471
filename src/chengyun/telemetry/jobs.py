"""Scheduled work of the telemetry room."""

from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.jobs import periodic
from chengyun.telemetry import service


@periodic("17 * * * *", "telemetry.forget_dead_letters")
def forget_dead_letters() -> None:
    """Every hour: refused readings are deleted when their time is over."""
    with transaction(Scope.everything()) as session:
        service.forget_dead_letters(session)
