"""Who may use the bus: the bus asks here for each connection that is not the platform's own.

Any number of workers share the questions. Without a worker nobody new gets in; who is in, stays.
"""

import asyncio
import contextlib

from nats.aio.msg import Msg

from chengyun.devices.passes import NotGenuine, Request, Signer, read_request
from chengyun.devices.service.credentials import may_enter
from chengyun.kernel import addresses
from chengyun.kernel.bus import connect
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter
from chengyun.kernel.settings import get_settings

log = get_logger(__name__)
asked = counter("chengyun_device_logins_total", "Connections of devices by outcome", ("outcome",))

SUBJECT = "$SYS.REQ.USER.AUTH"
QUEUE = "callout"
# Questions worked on at once: as many as there are database connections would serve; the others wait in order.
_AT_ONCE = 8
_FAREWELL_SECONDS = 5.0


def signer() -> Signer | None:
    """The key that the bus trusts; None when a bus of the operator's own is used and no key is set."""
    settings = get_settings()
    if settings.callout_seed is not None:
        return Signer(settings.callout_seed.get_secret_value(), settings.bus_account)
    seed = None if settings.nats_url is not None else addresses.embedded("callout_seed")
    return Signer(seed, addresses.embedded("bus_account") or settings.bus_account) if seed else None


def decide(token: bytes, keys: Signer) -> bytes | None:
    """The answer to a question of the bus; None for something that is no question of the bus."""
    try:
        request = read_request(token)
    except NotGenuine as failure:
        asked.labels("not_genuine").inc()
        log.warning("a question on the bus is not genuine", error=str(failure))
        return None
    if _allowed(request):
        asked.labels("admitted").inc()
        return keys.admit(request, request.name, get_settings().device_pass_hours)
    asked.labels("refused").inc()
    log.info("device refused", device=request.name[:64], kind=request.kind, host=request.host)
    return keys.refuse(request)


def _allowed(request: Request) -> bool:
    """MQTT only: what is published in the bus' own protocol would not be stored before it is confirmed."""
    return request.kind in ("mqtt", "mqtt_websocket") and may_enter(request.name, request.password, request.client_id)


async def run_callout(stop: asyncio.Event) -> None:
    """Answer the bus until told to stop, through restarts of the bus and of the database."""
    keys = signer()
    if keys is None:
        log.warning("no key for devices' passes: set CHENGYUN_CALLOUT_SEED, or let the bus check devices itself")
        await stop.wait()
        return
    bus = await connect("callout")
    gate = asyncio.Semaphore(_AT_ONCE)
    tasks: set[asyncio.Task[None]] = set()

    async def work(message: Msg) -> None:
        async with gate:
            try:
                answer = await asyncio.to_thread(decide, message.data, keys)
                if answer is not None:
                    await message.respond(answer)
            except Exception:
                # No answer: the bus refuses after its time limit, and the device tries again.
                log.exception("a device's connection could not be decided on")

    async def take(message: Msg) -> None:
        task = asyncio.create_task(work(message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        subscription = await bus.nc.subscribe(SUBJECT, queue=QUEUE, cb=take)
        # Not before the bus knows of us does anybody get in: a question without a listener waits in vain for ten seconds.
        await bus.nc.flush()
        await stop.wait()
        # Questions that came before the farewell are answered: a device would wait ten seconds for nothing.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await subscription.drain()  # type: ignore[no-untyped-call]
                await asyncio.gather(*tasks)
    finally:
        await bus.close()
