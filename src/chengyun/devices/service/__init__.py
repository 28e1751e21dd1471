"""What the devices room does, for its own routes and for the rooms above."""

import chengyun.devices.errors  # noqa: F401  (registers the sentences)
from chengyun.devices.repository import Latest, mark_silent, merge_latest, set_worst_levels
from chengyun.devices.service.catalogue import intervals, metric_name, models, put_model
from chengyun.devices.service.commands import Order, acknowledge_commands, request_command, request_commands
from chengyun.devices.service.credentials import check_secret
from chengyun.devices.service.registry import NewDevice, register_many

__all__ = [
    "Latest",
    "NewDevice",
    "Order",
    "acknowledge_commands",
    "check_secret",
    "intervals",
    "mark_silent",
    "merge_latest",
    "metric_name",
    "models",
    "put_model",
    "register_many",
    "request_command",
    "request_commands",
    "set_worst_levels",
]
