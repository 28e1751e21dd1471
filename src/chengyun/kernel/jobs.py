"""Scheduled work: a function of a room that the workers run at set times, once each time however many workers there are."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status

from chengyun.kernel import addresses
from chengyun.kernel.db import APP_ROLE
from chengyun.kernel.logs import get_logger

log = get_logger(__name__)

# A worker tells every ten seconds that it is there; silent for so long, it is taken for dead.
DEAD_SECONDS = 30.0
LOOK_SECONDS = 5.0


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
                freeing = asyncio.create_task(_free_jobs(app))
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
                freeing.cancel()
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


async def _free_jobs(app: App) -> None:
    """Now and then drop what dead workers have left half done: its lock would keep that job from ever running again."""
    while True:
        with contextlib.suppress(Exception):
            await free_jobs(app)
        await asyncio.sleep(LOOK_SECONDS)


async def free_jobs(app: App) -> int:
    """Drop runs whose worker has died; the next time of the schedule runs the job. Returns how many there were."""
    left = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_SECONDS))
    for job in left:
        log.warning("a worker died while it ran a job", job=job.task_name)
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    return len(left)
