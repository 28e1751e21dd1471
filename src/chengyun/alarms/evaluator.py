"""Judges the readings for the watch: all rules over all devices, a batch at a time."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import psycopg

from chengyun.alarms import repository, settle, writer
from chengyun.alarms.compiled import Int32s, Int64s, Memory, Rule, carried, step
from chengyun.alarms.repository import writing
from chengyun.alarms.schemas import RuleSpec
from chengyun.devices.fleet import Fleet
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter
from chengyun.telemetry.batch import Batch

log = get_logger(__name__)
changes_total = counter("chengyun_alarm_changes_total", "Changes of level that the rules found")


@dataclass(frozen=True)
class Change:
    """A device's alarm of one rule changes its level (0: none)."""

    rule: Rule
    row: int
    old: int
    new: int
    time: int
    value: float
    since: int
    since_value: float
    sequence: int


@dataclass
class Watched:
    """A rule, the metric that it reads and what it remembers."""

    rule: Rule
    model: int
    metric: int
    memory: Memory


@dataclass
class AlarmEvaluator:
    """The rules in force over the fleet; implements `telemetry.watch.Evaluator`."""

    fleet: Fleet | None = None
    revision: Any = None
    watched: list[Watched] = field(default_factory=list)
    silence: list[Rule] = field(default_factory=list)
    _place: Int32s = field(default_factory=lambda: np.zeros(0, np.int32))
    _by_metric: dict[int, list[Watched]] = field(default_factory=dict)
    _kept: dict[str, tuple[int, tuple[int, ...], Memory]] = field(default_factory=dict)
    _open: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def load(self, connection: psycopg.Connection[Any], fleet: Fleet) -> None:
        """Read the rules, and take a fleet into use. What a rule remembers stays, also over a new version of it."""
        self._kept |= {w.rule.key: (w.rule.version, w.rule.levels, w.memory) for w in self.watched}
        self.fleet = fleet
        self.revision = repository.revision(connection)
        self._place, counts = _places(fleet)
        self._open = self._open_places(connection, fleet)
        models = {model.key: i for i, model in enumerate(fleet.models)}
        self.watched, self.silence = [], []
        for key, version, pack, spec in repository.rules_in_force(connection):
            rule = Rule.of(key, version, pack, RuleSpec.model_validate(spec))
            model = models.get(rule.spec.model)
            metric = fleet.metric_of.get((model, rule.spec.metric or "")) if model is not None else None
            if rule.spec.kind == "no_data":
                self.silence.append(rule)
            elif model is not None and metric is not None:
                self.watched.append(Watched(rule, model, metric, self._memory(rule, counts[model])))
        self._by_metric = {}
        for watched in self.watched:
            self._by_metric.setdefault(watched.metric, []).append(watched)

    def _open_places(self, connection: psycopg.Connection[Any], fleet: Fleet) -> dict[str, list[tuple[int, int]]]:
        """Place and level of the open alarms of each rule."""
        row_of = {device_id: row for row, device_id in enumerate(fleet.ids)}
        found: dict[str, list[tuple[int, int]]] = {}
        for key, device_id, level in repository.open_levels(connection):
            if device_id in row_of:
                found.setdefault(key, []).append((int(self._place[row_of[device_id]]), level))
        return found

    def replayed(self, connection: psycopg.Connection[Any]) -> None:
        """The replay is over: let what is switched on agree with the alarms that are open.

        What a replay finds is not written. Where rules or devices have changed since those readings came, it may find other
        things than were found then; with the switches as the alarms say, the next reading makes the difference good.
        """
        if self.fleet is None:
            return
        opened = self._open_places(connection, self.fleet)
        for watched in self.watched:
            self._agree(connection, watched, dict(opened.get(watched.rule.key, [])), self.fleet)

    def _agree(self, connection: psycopg.Connection[Any], watched: Watched, opened: dict[int, int], fleet: Fleet) -> None:
        rule, memory = watched.rule, watched.memory
        rows = np.flatnonzero(fleet.model == watched.model)
        on = [place for place in np.flatnonzero(memory.active.any(axis=0)).tolist() if place not in opened]
        pairs = [(fleet.ids[int(rows[place])], rule.key) for place in on]
        # What a person closed while it lasted stays switched on until it has gone.
        lasting = writing.closed_while_lasting(connection, pairs) if pairs else {}
        for place, pair in zip(on, pairs, strict=True):
            if pair not in lasting:
                memory.active[:, place] = False
        places = np.array(list(opened), np.int64)
        levels = memory.level(rule, places).tolist()
        memory.switched_on(rule.levels, [(p, opened[p]) for p, level in zip(opened, levels, strict=True) if opened[p] != level])

    def _memory(self, rule: Rule, count: int) -> Memory:
        kept = self._kept.get(rule.key)
        if kept is None:
            # Nothing is remembered, but alarms may be open: they end when their readings say so.
            memory = Memory.empty(len(rule.levels), count, rate=rule.spec.kind == "rate")
            return memory.switched_on(rule.levels, self._open.get(rule.key, []))
        version, levels, memory = kept
        if version != rule.version:
            memory = carried(memory, levels, rule)
        return memory.grown(count)

    def is_stale(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether rules have changed since the last load."""
        return bool(repository.revision(connection) != self.revision)

    def snapshot(self) -> bytes:
        """What all rules remember."""
        heads = [[w.rule.key, w.rule.version, list(w.rule.levels)] for w in self.watched]
        arrays: dict[str, Any] = {"heads": np.frombuffer(json.dumps(heads).encode(), np.uint8)}
        for i, watched in enumerate(self.watched):
            arrays |= watched.memory.as_arrays(str(i))
        out = io.BytesIO()
        np.savez(out, allow_pickle=False, **arrays)
        return out.getvalue()

    def restore(self, state: bytes | None) -> None:
        """Take back what a snapshot remembers; None: start with the open alarms. Called after `load`.

        A snapshot of another version of the program that cannot be read is passed over: hold times then begin anew.
        """
        self._kept = {}
        if state is not None:
            try:
                self._kept = _read_snapshot(state)
            except (KeyError, ValueError, IndexError, OSError, zipfile.BadZipFile) as failure:
                log.warning("the snapshot of the rules' memory cannot be read and is passed over", error=str(failure))
        if self.fleet is not None:
            counts = _places(self.fleet)[1]
            for watched in self.watched:
                watched.memory = self._memory(watched.rule, counts[watched.model])

    def evaluate(self, batch: Batch) -> list[Change]:
        """Judge readings; changes come in the order of the stream."""
        if not len(batch):
            return []
        found: list[tuple[int, int, Change]] = []
        order = np.argsort(batch.metric, kind="stable")
        metrics, starts = np.unique(batch.metric[order], return_index=True)
        for metric, positions in zip(metrics.tolist(), np.split(order, starts[1:]), strict=True):
            rules = self._by_metric.get(metric)
            if rules:
                places = self._place[batch.device[positions]].astype(np.int64)
                for turn in _turns(places):
                    for n, watched in enumerate(rules):
                        self._judge(watched, n, batch, positions[turn], places[turn], found)
        found.sort(key=lambda item: item[:2])
        changes_total.inc(len(found))
        return [change for _, _, change in found]

    def _judge(self, watched: Watched, number: int, batch: Batch, at: Int64s, places: Int64s, found: list[tuple[int, int, Change]]) -> None:
        rule, memory = watched.rule, watched.memory
        fresh, before, after, judged = step(rule, memory, places, batch.time[at], batch.value[at])
        changed = np.flatnonzero(before != after)
        if not changed.size:
            return
        positions, places = at[fresh][changed], places[fresh][changed]
        for i, position, place in zip(changed.tolist(), positions.tolist(), places.tolist(), strict=True):
            new = int(after[i])
            time, value = int(batch.time[position]), float(judged[i])
            since, since_value = time, value
            if new:
                level = rule.levels.index(new)
                if memory.on_since[level, place] > -(2**62):
                    since, since_value = int(memory.on_since[level, place]), float(memory.on_value[level, place])
            change = Change(
                rule, int(batch.device[position]), int(before[i]), new, time, value, since, since_value, int(batch.sequence[position])
            )
            found.append((position, number, change))

    def commit(self, connection: psycopg.Connection[Any], changes: list[Change]) -> None:
        """Write what `evaluate` found, in the watch's transaction."""
        if changes and self.fleet is not None:
            writer.write(connection, [writer.of_reading(change, self.fleet) for change in changes])

    def sweep(self, connection: psycopg.Connection[Any], now: datetime) -> None:
        """Silent devices, and storms that have calmed."""
        settle.sweep(connection, self.silence, now)


def _read_snapshot(state: bytes) -> dict[str, tuple[int, tuple[int, ...], Memory]]:
    with np.load(io.BytesIO(state), allow_pickle=False) as stored:
        heads = json.loads(stored["heads"].tobytes())
        return {
            key: (version, tuple(levels), Memory.of_arrays(stored, str(i), len(levels))) for i, (key, version, levels) in enumerate(heads)
        }


def _places(fleet: Fleet) -> tuple[Int32s, list[int]]:
    """Place of each device among those of its model, and how many each model has."""
    places = np.zeros(len(fleet), np.int32)
    counts = []
    for model in range(len(fleet.models)):
        rows = np.flatnonzero(fleet.model == model)
        places[rows] = np.arange(rows.size)
        counts.append(int(rows.size))
    return places, counts


def _turns(places: Int64s) -> list[Int64s]:
    """Cut positions so that each turn has each place once at most, in their order."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.ones(places.size, np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    begun = np.maximum.accumulate(np.where(first, np.arange(places.size), 0))
    turn = np.arange(places.size) - begun
    if not turn.any():
        return [np.arange(places.size)]
    by_turn = np.argsort(turn, kind="stable")
    edges = np.flatnonzero(np.diff(turn[by_turn])) + 1
    return [np.sort(part) for part in np.split(order[by_turn], edges)]
