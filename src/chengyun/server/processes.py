"""The long-running programs: `api`, `watch`, `archive`, `worker`. Each may be started alone and any number of times."""

import asyncio

import uvicorn

from chengyun.kernel import logs
from chengyun.kernel.bus import connect, consumers, ensure_streams, run_consumer, run_unconfirmed
from chengyun.kernel.db import dispose
from chengyun.kernel.jobs import run_jobs
from chengyun.kernel.outbox import run_relay
from chengyun.kernel.process import Health, run_process
from chengyun.kernel.settings import get_settings
from chengyun.server.rooms import import_work


def run_api(port: int | None = None) -> None:
    """Serve the web client and the HTTP API until told to stop."""
    settings = get_settings()
    logs.configure("api", settings.log_level)
    uvicorn.run(
        "chengyun.server.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port if port is None else port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        # Live streams never end by themselves: they get two seconds to notice.
        timeout_graceful_shutdown=2,
    )


async def worker_main(stop: asyncio.Event, health: Health) -> None:
    """Relay events, run consumers and scheduled jobs, and check devices' passwords for the bus."""
    from chengyun.devices.callout import run_callout

    import_work()
    bus = await connect("worker")
    await ensure_streams(bus.js)
    parts = [run_relay(bus, stop), run_unconfirmed(bus, stop), run_jobs(stop), run_callout(stop)]
    parts += [run_consumer(bus, consumer, stop) for consumer in consumers()]
    health.ready()
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    finally:
        await bus.close()
        dispose()


async def watch_main(stop: asyncio.Event, health: Health) -> None:
    """Follow the readings: latest state, rules, alarms."""
    from chengyun.alarms.evaluator import AlarmEvaluator
    from chengyun.telemetry.watch import run_watch

    import_work()
    await run_watch(stop, health, AlarmEvaluator())
    dispose()


async def archive_main(stop: asyncio.Event, health: Health) -> None:
    """Follow the readings: history."""
    from chengyun.telemetry.archive import run_archive

    import_work()
    await run_archive(stop, health)
    dispose()


def run_worker() -> None:
    """Start a worker."""
    run_process("worker", worker_main)


def run_watch() -> None:
    """Start a watch."""
    run_process("watch", watch_main)


def run_archive() -> None:
    """Start an archive."""
    run_process("archive", archive_main)
