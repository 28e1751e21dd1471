"""Rules, their evaluation, the life of an alarm, storm control."""
