"""Chengyun (城运): an open platform for running a city."""

__version__ = "0.1.0"
