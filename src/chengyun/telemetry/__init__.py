"""Readings: intake, latest state, history, what could not be read."""
