"""All SQL of the alarms room: `rules`, `writing` by the watch, `lists` for people."""

from chengyun.alarms.repository.rules import revision, rules_in_force

__all__ = ["revision", "rules_in_force"]
