"""Scheduled work goes on after a worker has died in the middle of it."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from chengyun.kernel import jobs


@pytest.fixture
def counted(database: str) -> Iterator[list[int]]:
    """A job that runs every second, and its runs."""
    runs: list[int] = []
    jobs.periodic("* * * * * *", "test.every_second")(lambda: runs.append(1))
    yield runs
    del jobs._JOBS["test.every_second"]


def left_by_a_dead_worker(url: str, silent_seconds: int) -> None:
    """A run that a worker had begun, last heard so long ago."""
    with psycopg.connect(url, autocommit=True) as connection:
        worker = connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s)) RETURNING id", (silent_seconds,)
        ).fetchone()
        assert worker is not None
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id)"
            " VALUES ('default', 'test.every_second', 'test.every_second', NULL, '{\"timestamp\": 0}', 'doing', %s)",
            (worker[0],),
        )


def test_a_job_that_a_dead_worker_was_running_runs_again(database: str, counted: list[int]) -> None:
    left_by_a_dead_worker(database, silent_seconds=40)

    async def run() -> None:
        stop = asyncio.Event()
        work = asyncio.create_task(jobs.run_jobs(stop))
        try:
            async with asyncio.timeout(20):
                while not counted:
                    await asyncio.sleep(0.05)
        finally:
            stop.set()
            await asyncio.wait_for(work, 15)

    asyncio.run(run())
    assert counted


def test_a_run_of_a_living_worker_is_left_alone(database: str, counted: list[int]) -> None:
    left_by_a_dead_worker(database, silent_seconds=5)

    async def look() -> int:
        app = jobs.build_app()
        async with app.open_async():
            return await jobs.free_jobs(app)

    assert asyncio.run(look()) == 0
