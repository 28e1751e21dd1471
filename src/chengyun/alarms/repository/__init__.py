"""All SQL of the alarms room: `rules`, `writing` by the watch, `lists` for people."""

from chengyun.alarms.repository.rules import open_levels, revision, rules_in_force

__all__ = ["open_levels", "revision", "rules_in_force"]
