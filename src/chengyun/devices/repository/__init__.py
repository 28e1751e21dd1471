"""All SQL of the devices room."""

from chengyun.devices.repository.state import Latest, mark_silent, merge_latest, set_worst_levels

__all__ = ["Latest", "mark_silent", "merge_latest", "set_worst_levels"]
