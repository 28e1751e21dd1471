"""Keeps history: the readings of the stream, in files sorted by device, each reading once.

The place in the stream is part of each commit to the files, so a kill at any moment loses nothing and doubles nothing.
"""

import asyncio
from datetime import date, datetime
from itertools import groupby

import numpy as np

from chengyun.devices.fleet import Fleet
from chengyun.kernel import clock
from chengyun.kernel.bus import connect
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter, gauge, histogram
from chengyun.kernel.process import Health
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.batch import Batch
from chengyun.telemetry.decode import Decoded, Decoder
from chengyun.telemetry.message import Message, to_ms
from chengyun.telemetry.reader import Reader, stream_state
from chengyun.telemetry.repository import lake
from chengyun.telemetry.repository import position as positions
from chengyun.telemetry.watch import IDLE_SECONDS, PASSING, RETRY_SECONDS, STANDBY_SECONDS, pause, report_loss

log = get_logger(__name__)
archived_total = counter("chengyun_archived_readings_total", "Readings written to history files")
lag_messages = gauge("chengyun_archive_lag_messages", "Messages in the stream that the archive has not seen yet")
flush_seconds = histogram("chengyun_archive_flush_seconds", "Time to write history files", buckets=(0.03, 0.1, 0.3, 1, 3, 10))
compact_seconds = histogram("chengyun_archive_compact_seconds", "Time to rewrite a day's files", buckets=(0.1, 1, 10, 60, 600))

LOOK_SECONDS = 1.0
TEND_SECONDS = 60.0
BEHIND_SECONDS = 60.0
# Without readings the place is stored now and then, so that refused messages are not read again for ever.
PLACE_SECONDS = 600.0
PLACE_MESSAGES = 50_000


async def run_archive(stop: asyncio.Event, health: Health) -> None:
    """Keep history until told to stop, through lost connections; stands by while another archive works."""
    while not stop.is_set():
        try:
            await _attempt(stop, health)
        except PASSING as failure:
            log.warning("archive begins again", error=str(failure), kind=type(failure).__name__)
            health.trouble("archive", f"begins again: {failure}")
        except Exception:
            log.exception("archive failed and begins again")
            health.trouble("archive", "failed and begins again; see the log")
        if not stop.is_set():
            await pause(stop, RETRY_SECONDS)


async def _attempt(stop: asyncio.Event, health: Health) -> None:
    connection = await asyncio.to_thread(positions.connect, "chengyun archive")
    try:
        while not await asyncio.to_thread(positions.try_lock, connection, positions.ARCHIVE):
            health.trouble("archive", None)
            health.ready()
            await pause(stop, STANDBY_SECONDS)
            if stop.is_set():
                return
        bus = await connect("archive")
        try:
            state = await stream_state(bus)
            keeper = await asyncio.to_thread(Keeper, connection, state.born)
            if keeper.place > state.last:
                raise ValueError(f"history reaches to {keeper.place}, beyond the stream's end {state.last}")
            if state.first > keeper.place + 1:
                if keeper.known:
                    report_loss("archive", state.first - keeper.place - 1, health)
                keeper.place = state.first - 1
            async with Reader(bus, "archive", keeper.place) as reader:
                health.trouble("archive", None)
                health.ready()
                while not stop.is_set():
                    messages = await reader.next(IDLE_SECONDS)
                    lag_messages.set(reader.pending)
                    health.trouble("behind", await asyncio.to_thread(keeper.step, messages, reader.pending))
            await asyncio.to_thread(keeper.flush)
        finally:
            await bus.close()
    finally:
        await asyncio.to_thread(connection.close)


class Keeper:
    """Gathers readings and writes them to the files; used by one thread at a time."""

    def __init__(self, connection: positions.Connection, stream: str) -> None:
        self._settings = get_settings()
        self._connection = connection
        self._stream = stream
        self._table = lake.open_table()
        found = lake.position(self._table, stream)
        self.known = found is not None
        self.place = found or 0
        self._stored = self.place
        self._gathered: list[Decoded] = []
        self._rows = 0
        now = clock.monotonic()
        self._since, self._flushed, self._looked, self._tended = now, now, now, now
        self._day_tended: date | None = None
        self._load()

    def _load(self) -> None:
        self._fleet = Fleet.load(self._connection)
        self._decoder = Decoder(self._fleet)

    def step(self, messages: list[Message], pending: int) -> str | None:
        """Take messages in, write what is due; returns why the archive counts as behind, None when it is not."""
        now = clock.monotonic()
        self._renew(now - self._looked >= LOOK_SECONDS)
        ups = [m for m in messages if m.kind == "up"]
        if ups:
            self._gather(self._decode(ups))
        if messages:
            self.place = messages[-1].sequence
        if self._due(now):
            self.flush()
        if not pending and now - self._tended >= TEND_SECONDS:
            self._tended = now
            self.tend()
        age = (to_ms(clock.now()) - messages[-1].arrival) / 1000 if messages and pending else 0
        return f"{pending} messages wait, the last one taken in is {age:.0f} s old" if age > BEHIND_SECONDS * clock.speed() else None

    def _due(self, now: float) -> bool:
        if self._rows:
            return self._rows >= self._settings.archive_flush_rows or now - self._since >= self._settings.archive_flush_seconds
        behind = self.place - self._stored
        return behind >= PLACE_MESSAGES or (behind > 0 and now - self._flushed >= PLACE_SECONDS)

    def _decode(self, messages: list[Message]) -> Decoded:
        decoded = self._decoder.decode(messages)
        if any(r.code.startswith(("device.", "metric.")) for r in decoded.refusals) and self._renew(True):
            return self._decoder.decode(messages)
        return decoded

    def _gather(self, decoded: Decoded) -> None:
        if not len(decoded.batch):
            return
        if not self._rows:
            self._since = clock.monotonic()
        self._gathered.append(decoded)
        self._rows += len(decoded.batch)

    def _renew(self, due: bool) -> bool:
        """Take changed devices and models into use; what was gathered is written first, in terms of the old ones."""
        if not due:
            return False
        self._looked = clock.monotonic()
        if not self._fleet.is_stale(self._connection):
            return False
        self.flush()
        self._load()
        return True

    def flush(self) -> None:
        """Write what was gathered, and the place reached."""
        if self.place <= self._stored:
            return
        with flush_seconds.time():
            self._alone()
            lake.append(self._table, self._taken(), self._stream, self.place)
        archived_total.inc(self._rows)
        self._gathered, self._rows = [], 0
        self._stored, self._flushed = self.place, clock.monotonic()

    def _alone(self) -> None:
        """The table must still be as this process left it: the lake takes a lower place without complaint."""
        self._table.update_incremental()
        found = lake.position(self._table, self._stream)
        if (found or 0) > self._stored:
            raise positions.LostPlace(f"another archive has written up to {found}")

    def _taken(self) -> lake.Rows | None:
        if not self._gathered:
            return None
        batch = Batch.join([d.batch for d in self._gathered])
        late = np.concatenate([d.late for d in self._gathered])
        keys = [m.key for m in self._fleet.metrics]
        names = sorted(set(keys))
        place = {name: i for i, name in enumerate(names)}
        number = np.array([place[k] for k in keys], np.int32)
        return lake.Rows(self._fleet.keys, names, batch.device, number[batch.metric], batch.time, batch.value, late, batch.sequence)

    def tend(self) -> None:
        """Rewrite days of many small files; once a day also each past day that is not one file yet, and delete what was replaced."""
        today = _city_day(clock.now())
        night = self._day_tended != today
        by_day = groupby(sorted(lake.files(self._table), key=lambda f: f.day), key=lambda f: f.day)
        for day, found in by_day:
            old = self._worth(list(found), past=night and day < today)
            if old:
                with compact_seconds.time():
                    lake.compact(self._table, day, old)
                log.info("history files rewritten", day=str(day), files=len(old))
        if night:
            lake.vacuum(self._table, self._settings.archive_vacuum_hours)
            self._day_tended = today

    def _worth(self, found: list[lake.DataFile], past: bool) -> list[lake.DataFile]:
        """The files of a day that should become one; empty when it is well as it is."""
        limit = lake.LARGE_FILE if past else lake.SMALL_FILE
        small = [f for f in found if f.size < limit]
        return small if len(small) >= (2 if past else self._settings.archive_small_files) else []


def _city_day(moment: datetime) -> date:
    return moment.astimezone(clock.SHANGHAI).date()
