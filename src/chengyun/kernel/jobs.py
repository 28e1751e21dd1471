"""Scheduled work: a function of a room that the workers run at set times, once each time however many workers there are."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from procrastinate import App, PsycopgConnector

from chengyun.kernel import addresses
from chengyun.kernel.db import APP_ROLE
from chengyun.kernel.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class PeriodicJob:
    """A job with its schedule in cron's five fields, or six with seconds last."""

    name: str
    cron: str
    run: Callable[[], None]


_JOBS: dict[str, PeriodicJob] = {}


def periodic(cron: str, name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function as a scheduled job; it opens its own transactions."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        if name in _JOBS and _JOBS[name].run is not function:
            raise ValueError(f"two jobs are called {name}")
        _JOBS[name] = PeriodicJob(name, cron, function)
        return function

    return register


def periodic_jobs() -> list[PeriodicJob]:
    """All registered jobs."""
    return list(_JOBS.values())


def build_app(url: str | None = None) -> App:
    """The queue with all registered jobs, on the platform's own database."""
    connector = PsycopgConnector(
        conninfo=url or addresses.database_url(), kwargs={"options": f"-c role={APP_ROLE}"}, min_size=1, max_size=4
    )
    app = App(connector=connector)
    for job in periodic_jobs():
        _add(app, job)
    return app


def _add(app: App, job: PeriodicJob) -> None:
    # A queueing lock: while one run still waits, the next tick does not queue another.
    @app.periodic(cron=job.cron)
    @app.task(name=job.name, queueing_lock=job.name, lock=job.name, pass_context=False)
    def run(timestamp: int, **_: Any) -> None:
        job.run()


async def run_jobs(stop: asyncio.Event) -> None:
    """Work on jobs until told to stop, through lost connections."""
    while not stop.is_set():
        try:
            app = build_app()
            async with app.open_async():
                work = asyncio.create_task(app.run_worker_async(concurrency=4, install_signal_handlers=False, delete_jobs="successful"))
                ended = asyncio.create_task(stop.wait())
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
                if not work.done():
                    work.cancel()
                await asyncio.gather(work, return_exceptions=not stop.is_set())
        except asyncio.CancelledError:
            if stop.is_set():
                return
            raise
        except Exception as failure:
            log.warning("job queue waits for the database", error=str(failure))
            await asyncio.sleep(1)
