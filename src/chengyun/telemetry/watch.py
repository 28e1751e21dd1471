"""Follows the readings: rules, latest state, dead letters, acknowledgements of commands."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

from chengyun.telemetry.batch import Batch

if TYPE_CHECKING:
    from chengyun.devices.fleet import Fleet


class Evaluator(Protocol):
    """What judges the readings. All calls come from one thread at a time.

    What `evaluate` returns is handed to `commit` as it is. It must be false (`__bool__` or `__len__`) when there is
    nothing to write: the watch then commits less often.
    """

    def load(self, connection: psycopg.Connection[Any], fleet: "Fleet") -> None:
        """Read the rules, and take a fleet into use; called again when either has changed. State of each slot is kept."""

    def is_stale(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether rules have changed since the last load."""

    def restore(self, state: bytes | None) -> None:
        """Take back the state of a snapshot; None: start empty. Called after `load`."""

    def snapshot(self) -> bytes:
        """The state after all readings evaluated so far."""

    def evaluate(self, batch: Batch) -> Any:
        """Judge readings. Deterministic, and independent of where batches begin and end; no database."""

    def commit(self, connection: psycopg.Connection[Any], changes: Any) -> None:
        """Write what `evaluate` found, in the watch's transaction over the whole city."""

    def sweep(self, connection: psycopg.Connection[Any], now: datetime) -> None:
        """What is due without any reading; called every few seconds in a transaction of its own."""
