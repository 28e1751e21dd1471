"""Scheduled work of the devices room."""

from chengyun.devices import delivery
from chengyun.devices.repository import mark_silent
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.jobs import periodic


@periodic("* * * * * */30", "devices.mark_silent")
def mark_silent_devices() -> None:
    """Every half minute: devices that have been silent for too long are offline."""
    with raw_transaction(Scope.everything()) as connection:
        mark_silent(connection, clock.now())


@periodic("* * * * * */2", "devices.deliver_commands")
def deliver_commands() -> None:
    """Every two seconds: orders that were not answered go out again, those whose time is over are given up."""
    delivery.deliver_due()
