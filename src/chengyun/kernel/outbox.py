"""Events leave through a table written in the transaction of the change, so that neither can exist without the other."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
import psycopg
from nats.errors import Error as NatsError
from psycopg.types.json import Jsonb
from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from chengyun.kernel import clock
from chengyun.kernel.bus import Bus
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.ids import uuid7
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter, gauge
from chengyun.kernel.models import OutboxEvent
from chengyun.kernel.settings import get_settings

log = get_logger(__name__)
relayed = counter("chengyun_outbox_relayed_total", "Events relayed from the outbox to the bus")
waiting = gauge("chengyun_outbox_batch", "Events found waiting at the last look into the outbox")

_INSERT_RAW = "INSERT INTO outbox (id, subject, time, home, region_code, data) VALUES (%s, %s, %s, %s, %s, %s)"
_RELAY_LOCK = 0x6F7574626F78
BATCH = 500


def emit(target: Session | psycopg.Connection[Any], subject: str, data: dict[str, Any], region_code: str) -> UUID:
    """Tell others what happened, in the running transaction. `subject` is `ev.<room>.<what>`, `data` is plain JSON."""
    return emit_many(target, [(subject, data, region_code)])[0]


def emit_many(target: Session | psycopg.Connection[Any], events: list[tuple[str, dict[str, Any], str]]) -> list[UUID]:
    """Tell of many things at once, in one statement."""
    home, now = get_settings().node_id, clock.now()
    rows = [(uuid7(), subject, now, home, region, _plain(data)) for subject, data, region in events]
    if not rows:
        return []
    if isinstance(target, Session):
        names = ("id", "subject", "time", "home", "region_code", "data")
        target.execute(insert(OutboxEvent), [dict(zip(names, row, strict=True)) for row in rows])
    else:
        with target.cursor() as cursor:
            cursor.executemany(_INSERT_RAW, [(*row[:5], Jsonb(row[5])) for row in rows])
    return [row[0] for row in rows]


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Ids and times as text, the same in the table and on the bus."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS))
    return plain


async def run_relay(bus: Bus, stop: asyncio.Event) -> None:
    """Move events from the table to the stream until told to stop; one relay works at a time, the others stand by."""
    while not stop.is_set():
        try:
            moved = await relay_once(bus)
        except (NatsError, OSError) as failure:
            log.warning("outbox relay waits for the bus", error=str(failure))
            moved = 0
        except Exception:
            log.exception("outbox relay failed and will be tried again")
            moved = 0
        if moved < BATCH:
            await _pause(stop, 0.1 if moved else 0.2)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def relay_once(bus: Bus) -> int:
    """Publish what waits, then delete it; a crash between the two publishes again under the same message id."""
    rows = await asyncio.to_thread(_take)
    waiting.set(len(rows))
    if not rows:
        return 0
    acks = [await bus.js.publish_async(row.subject, envelope(row), headers={"Nats-Msg-Id": str(row.id)}) for row in rows]
    await asyncio.gather(*(asyncio.wait_for(ack, 10) for ack in acks))
    await asyncio.to_thread(_forget, [row.position for row in rows])
    relayed.inc(len(rows))
    return len(rows)


def envelope(row: OutboxEvent) -> bytes:
    """The form in which an event travels."""
    return orjson.dumps(
        {
            "id": str(row.id),
            "subject": row.subject,
            "time": row.time,
            "home": row.home,
            "region_code": row.region_code,
            "data": row.data,
        }
    )


def _take() -> list[OutboxEvent]:
    with transaction(Scope.everything()) as session:
        if not session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _RELAY_LOCK}).scalar():
            return []
        return list(session.scalars(select(OutboxEvent).order_by(OutboxEvent.position).limit(BATCH)))


def _forget(positions: list[int]) -> None:
    with transaction(Scope.everything()) as session:
        session.execute(delete(OutboxEvent).where(OutboxEvent.position.in_(positions)))
