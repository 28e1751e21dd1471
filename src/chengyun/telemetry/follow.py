"""The work of the active watch on each micro-batch; plain functions of one thread at a time, away from the event loop."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from chengyun.devices import service as devices
from chengyun.devices.fleet import Fleet
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction, read_only
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter, gauge, histogram
from chengyun.kernel.settings import get_settings
from chengyun.regions import service as regions
from chengyun.telemetry.dead_letters import Bounds, Letters
from chengyun.telemetry.decode import Decoded, Decoder
from chengyun.telemetry.latest import Latest, Newest, live_messages, speakers_of
from chengyun.telemetry.message import Message, to_ms
from chengyun.telemetry.repository import dead_letters
from chengyun.telemetry.repository import position as positions

if TYPE_CHECKING:
    from chengyun.telemetry.watch import Evaluator

log = get_logger(__name__)
readings_total = counter("chengyun_readings_total", "Readings judged by the watch")
lag_seconds = gauge("chengyun_watch_lag_seconds", "Age of the message that the watch applied last; 0 when none waits")
lag_messages = gauge("chengyun_watch_lag_messages", "Messages in the stream that the watch has not seen yet")
_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
commit_seconds = histogram("chengyun_watch_commit_seconds", "Time of the watch's transactions", buckets=_BUCKETS)
merge_seconds = histogram("chengyun_latest_merge_seconds", "Time to merge the latest state", buckets=_BUCKETS)

POSITION_SECONDS = 1.0
LOOK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
BEHIND_SECONDS = 30.0
HOMES_SECONDS = 600.0


class Follower:
    """Applies messages. `step` and `store` run in different threads; everything else belongs to one of them."""

    def __init__(self, evaluator: "Evaluator", connection: positions.Connection, place: positions.Position) -> None:
        self._evaluator = evaluator
        self._connection = connection
        self._replay_until = self._committed = place.committed
        self._seen = place.snapshot_sequence
        self._agreed = False
        self._snapshot_at = place.snapshot_sequence
        self._latest = Latest()
        self._bounds = Bounds()
        self._snapshot: tuple[int, bytes] | None = None
        self._storing = threading.Lock()
        self._homes: dict[str, str] = {}
        now = clock.monotonic()
        self._moved, self._looked, self._swept, self._snapped, self._homed = now, now, now, now, -HOMES_SECONDS
        self._load()
        evaluator.restore(place.snapshot)

    def _load(self) -> None:
        self.fleet = Fleet.load(self._connection)
        self._decoder = Decoder(self.fleet)
        self._evaluator.load(self._connection, self.fleet)

    def step(self, messages: list[Message], pending: int) -> str | None:
        """Apply messages and do what is due; returns why the watch counts as behind, None when it is not."""
        if messages and messages[0].sequence <= self._replay_until:
            old = [m for m in messages if m.sequence <= self._replay_until]
            self._replay(old)
            messages = messages[len(old) :]
        if not self._agreed and (messages or self._seen >= self._replay_until):
            self._evaluator.replayed(self._connection)
            self._agreed = True
        self._renew(clock.monotonic() - self._looked >= LOOK_SECONDS)
        if messages:
            self._apply(messages)
        self._move()
        self._sweep(pending)
        self._keep_snapshot()
        return self._tell(messages, pending)

    def _replay(self, messages: list[Message]) -> None:
        """For state only: what these messages caused is in the database already."""
        decoded = self._decoder.decode([m for m in messages if m.kind == "up"])
        self._judge(decoded)
        self._latest.add(decoded, speakers_of(messages, self.fleet))
        self._seen = messages[-1].sequence

    def _judge(self, decoded: Decoded) -> Any:
        """What is late is history and raises no alarm."""
        late = decoded.late
        return self._evaluator.evaluate(decoded.batch.take(~late) if late.any() else decoded.batch)

    def _apply(self, messages: list[Message]) -> None:
        ups = [m for m in messages if m.kind == "up"]
        decoded = self._decoder.decode(ups)
        if any(r.code.startswith(("device.", "metric.")) for r in decoded.refusals) and self._renew(True):
            # Registered a moment ago: not a stranger.
            decoded = self._decoder.decode(ups)
        letters = self._bounds.sort(decoded.refusals, self.fleet) if decoded.refusals else Letters()
        acks = [(m.sender, m.data) for m in messages if m.kind == "ack"]
        changes = self._judge(decoded)
        self._seen = messages[-1].sequence
        if changes or letters or acks:
            self._commit(changes, letters, acks)
        self._latest.add(decoded, speakers_of(messages, self.fleet))
        readings_total.inc(len(decoded.batch))

    def _commit(self, changes: Any, letters: Letters, acks: list[tuple[str, bytes]]) -> None:
        with commit_seconds.time(), self._connection.transaction():
            if changes:
                self._evaluator.commit(self._connection, changes)
            if letters:
                dead_letters.write(self._connection, letters.kept, letters.counts)
            if acks:
                devices.acknowledge_commands(self._connection, acks)
            positions.advance(self._connection, self._committed, self._seen)
        self._committed, self._moved = self._seen, clock.monotonic()

    def _move(self, now: bool = False) -> None:
        """Readings that cause nothing move the position once a second: a quiet city costs nothing."""
        if self._seen > self._committed and (now or clock.monotonic() - self._moved >= POSITION_SECONDS):
            self._commit(None, Letters(), [])

    def _renew(self, due: bool) -> bool:
        """Take changed devices, models and rules into use; returns whether there were any."""
        if not due:
            return False
        self._looked = clock.monotonic()
        if not self.fleet.is_stale(self._connection):
            if self._evaluator.is_stale(self._connection):
                self._evaluator.load(self._connection, self.fleet)
            return False
        # What was gathered speaks of rows and metrics of the old fleet.
        with self._storing:
            self._merge(self._latest.take())
            self._load()
        return True

    def _sweep(self, pending: int) -> None:
        """Not while readings wait: silence could be ours."""
        if pending or clock.monotonic() - self._swept < SWEEP_SECONDS or self._seen < self._replay_until:
            return
        with self._connection.transaction():
            self._evaluator.sweep(self._connection, clock.now())
        self._swept = clock.monotonic()

    def _keep_snapshot(self, now: bool = False) -> None:
        due = now or clock.monotonic() - self._snapped >= get_settings().telemetry_snapshot_seconds
        if not due or self._seen < self._replay_until:
            return
        self._snapped = clock.monotonic()
        if self._seen > self._snapshot_at:
            self._move(now=True)
            self._snapshot = (self._seen, self._evaluator.snapshot())
            self._snapshot_at = self._seen

    def store(self) -> list[tuple[str, bytes]]:
        """Merge the latest state and write a snapshot that waits; returns live messages for the bus."""
        with self._storing:
            # The snapshot is looked at first: what is taken then holds at least all that came before it.
            snapshot, self._snapshot = self._snapshot, None
            found = self._latest.take()
            self._merge(found)
            if snapshot is not None:
                with raw_transaction(Scope.everything()) as connection:
                    positions.store_snapshot(connection, *snapshot)
            return live_messages(found, self.fleet, self._districts()) if found is not None else []

    def _merge(self, found: Newest | None) -> None:
        if found is None:
            return
        b, fleet = found.batch, self.fleet
        keys = [m.key for m in fleet.metrics]
        latest = devices.Latest(
            device_id=[fleet.ids[row] for row in b.device.tolist()],
            metric=[keys[m] for m in b.metric.tolist()],
            time=b.time,
            value=b.value,
            sequence=b.sequence,
            quality=np.where(found.late, "late", "good").tolist(),
        )
        with merge_seconds.time(), raw_transaction(Scope.everything()) as connection:
            devices.merge_latest(connection, latest, [(fleet.ids[row], seen) for row, seen in found.speakers.items()])

    def _districts(self) -> dict[str, str]:
        """Today's district of each street in which there are devices."""
        if clock.monotonic() - self._homed >= HOMES_SECONDS or len(self._homes) == 0:
            streets = sorted({code[:9] for code in self.fleet.regions})
            with read_only(Scope.everything()) as session:
                found = regions.homes(session, np.array(streets, "U9"))
            self._homes, self._homed = dict(zip(streets, found.tolist(), strict=True)), clock.monotonic()
        return self._homes

    def _tell(self, messages: list[Message], pending: int) -> str | None:
        lag_messages.set(pending)
        age = max(0.0, (to_ms(clock.now()) - messages[-1].arrival) / 1000) if messages and pending else 0.0
        lag_seconds.set(age)
        return f"{pending} messages wait, the last one applied is {age:.0f} s old" if age > BEHIND_SECONDS * clock.speed() else None

    def farewell(self) -> None:
        """Store everything before an orderly end, so that the next start has nothing to read again."""
        self._keep_snapshot(now=True)
        self.store()
