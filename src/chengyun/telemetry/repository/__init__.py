"""All SQL of the telemetry room: `position` of the watch, `dead_letters`, `lake` (history files)."""
