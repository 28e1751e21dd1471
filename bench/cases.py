"""Case steps per second beside what the same PostgreSQL commits of single rows, and the cockpit's figures over many cases.

`python -m bench.cases --cases 150 --threads 4` starts PostgreSQL with fsync in a folder of its own. A life is a report and seven
operations; each step is one transaction with the case's row, an event, the outbox and the audit log. `--history 3000000` fills the
register first and times figures, queues and lists over it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

PERMISSIONS = [f"case.{p}" for p in ("read", "report", "accept", "file", "dispatch", "sign", "handle", "check", "close")]
CLASS = {"edition": "47678.5-2026", "kind": "matter", "code": "06010"}
REPORT = {"source": "patrol", "class": CLASS, "description": "果皮箱外有暴露垃圾", "place": {"lon": 106.5516, "lat": 29.563}}
OPERATIONS = ("accept", "file", "dispatch", "sign", "handle", "check_pass", "close")
STEPS = 1 + len(OPERATIONS)


def prepare(url: str) -> tuple[UUID, str]:
    """Tables, divisions, classes, one unit; the unit and an API key."""
    from chengyun.accounts import service as accounts
    from chengyun.kernel.db import Scope, transaction
    from chengyun.kernel.migrate import upgrade
    from chengyun.regions import service as regions
    from chengyun.server.rooms import import_models
    from chengyun.standards import service as standards

    import_models()
    upgrade(url)
    with transaction(Scope.everything()) as session:
        standards.seed(session)
        regions.seed(session)
        accounts.seed(session)
        unit = accounts.ensure_organisation(
            session, key="unit-500103-sanitation", name="环卫所", name_en="", kind="department", parent_key=None, area_code="500103"
        )
        _, secret = accounts.create_api_key(session, None, name="bench", permissions=PERMISSIONS, area_codes=[])
    return unit, secret


def shared(count: int, threads: int, work: Callable[[int], None]) -> float:
    """Seconds in which some threads do `work` so many times in all."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(count)))
    return time.perf_counter() - began


def bare_commits(url: str, count: int, threads: int) -> float:
    """Commits per second of one row each, on one connection for each thread."""
    local = threading.local()
    made: list[psycopg.Connection[Any]] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id uuid PRIMARY KEY, body text)")

    def work(_: int) -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url, autocommit=True)
            made.append(local.connection)
        local.connection.execute("INSERT INTO bare VALUES (%s, %s)", (uuid4(), "x" * 200))

    seconds = shared(count, threads, work)
    for connection in made:
        connection.close()
    return count / seconds


def by_service(unit: UUID, cases: int, threads: int) -> float:
    """Case steps per second through the room's own functions, one transaction each."""
    from chengyun.cases import service
    from chengyun.cases.api import BODIES
    from chengyun.cases.schemas import CaseIn
    from chengyun.cases.workflow import Operation
    from chengyun.kernel.db import Scope, transaction
    from chengyun.kernel.http import Actor

    actor = Actor("bench", api_key_id=UUID(int=1), permissions=frozenset(PERMISSIONS), scope=Scope.everything(), area_code="500000")

    def live(_: int) -> None:
        with transaction(actor.scope) as session:
            record, _new = service.report(session, actor, CaseIn.model_validate(REPORT))
        for number, name in enumerate(OPERATIONS, 1):
            body = BODIES[Operation(name)].model_validate({"revision": number, **more(name, unit)})
            with transaction(actor.scope) as session:
                service.operate(session, actor, record.id, Operation(name), body)

    live(0)
    return cases * STEPS / shared(cases, threads, live)


def more(operation: str, unit: UUID) -> dict[str, str]:
    """What an operation needs beside the revision."""
    return {"dispatch": {"unit_id": str(unit)}, "handle": {"feedback": "已清运"}}.get(operation, {})


def by_http(address: str, secret: str, unit: UUID, cases: int, threads: int) -> float:
    """Case steps per second through HTTP, one process of the API."""
    client = httpx.Client(base_url=f"{address}/api/v1", headers={"Authorization": f"Bearer {secret}"}, timeout=60)

    def live(_: int) -> None:
        case = client.post("/cases", json=REPORT).raise_for_status().json()
        for name in OPERATIONS:
            body = {"revision": case["revision"], **more(name, unit)}
            case = client.post(f"/cases/{case['id']}/{name}", json=body).raise_for_status().json()

    live(0)
    return cases * STEPS / shared(cases, threads, live)


@contextmanager
def api() -> Iterator[str]:
    """One process of the HTTP API."""
    from chengyun.kernel.embedded.nats import free_port

    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", f"from chengyun.server.processes import run_api; run_api({port})"], env=os.environ)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if httpx.get(f"{address}/readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


# A year of cases by one statement: the shape and the spread of real ones, without their timelines.
_FILL = """
INSERT INTO case_record (id, number, day, serial, title, description, edition, class_kind, class_code, source, urgency, state, unit_chain,
  reported_at, filed_at, handled_at, closed_at, ended_at, due_at, handling_due_at, on_time, revision, event_count, last_hash, region_code)
SELECT gen_random_uuid(), 'H' || i, DATE '2000-01-01', i, '暴露垃圾', '果皮箱外有暴露垃圾', '47678.5-2026', 'matter', '06010',
  (ARRAY['patrol','public','hotline','video'])[1 + i %% 4], 'normal', CASE WHEN is_open THEN 'handling' ELSE 'closed' END, '{}',
  at, at + interval '20 min', CASE WHEN NOT is_open THEN at + interval '3 h' END, CASE WHEN NOT is_open THEN at + interval '4 h' END,
  CASE WHEN NOT is_open THEN at + interval '4 h' END, at + interval '8 h', at + interval '8 h', CASE WHEN NOT is_open THEN i %% 20 <> 0 END,
  8, 8, ''::bytea, streets[1 + (i::bigint * 7919 %% cardinality(streets))::int] || '001'
FROM generate_series(1, %(count)s) AS i,
  LATERAL (SELECT now() - interval '365 days' * (1 - i::float8 / %(count)s) AS at) AS t,
  LATERAL (SELECT i > %(count)s * 0.99 AS is_open) AS o,
  (SELECT array_agg(code) AS streets FROM division WHERE level = 3 AND valid_to IS NULL) AS s
"""


def over_history(url: str, count: int) -> None:
    """Times of figures, queues and the first page over a year of cases."""
    from chengyun.cases import service
    from chengyun.cases.repository import lists
    from chengyun.kernel import clock
    from chengyun.kernel.db import Scope, read_only
    from chengyun.kernel.http import Actor
    from chengyun.regions import service as regions

    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL.encode(), {"count": count})
        connection.execute("VACUUM ANALYZE case_record")
    print(f"{count:,} cases in {time.perf_counter() - began:.0f} s")
    with read_only(Scope.everything()) as session:
        district = regions.scope(session, ["500103"])
    for where, scope in (("whole city", Scope.everything()), ("one district", district)):
        actor = Actor("bench", user_id=UUID(int=1), permissions=frozenset(PERMISSIONS), scope=scope)
        reads: dict[str, Callable[[Any], Any]] = {
            "figures": lambda session: service.current_figures(session, "zh-CN"),
            "queues": lambda session, a=actor: lists.queue_counts(session, a, clock.now()),
            "most urgent 50": lambda session, a=actor: lists.page(session, lists.Filters("open"), a, clock.now(), None, 50),
            "last 50 reported": lambda session, a=actor: lists.page(session, lists.Filters("all"), a, clock.now(), None, 50),
        }
        for name, read in reads.items():
            times = []
            for _ in range(7):
                with read_only(scope) as session:
                    began = time.perf_counter()
                    read(session)
                    times.append(time.perf_counter() - began)
            print(f"{name}, {where}: {sorted(times)[3] * 1000:.0f} ms")


def measure(folder: Path, cases: int, threads: int, history: int) -> None:
    """All in one run, so that the ratios hold."""
    os.environ["CHENGYUN_DATA_DIR"] = str(folder)
    os.environ["CHENGYUN_MQTT_PORT"] = "0"
    from chengyun.kernel.db import dispose
    from chengyun.kernel.embedded.services import start_services

    with start_services(folder, durable=True) as running:
        unit, secret = prepare(running.database_url)
        for n in (1, threads) if cases else ():
            bare = bare_commits(running.database_url, 1500, n)
            ours = by_service(unit, cases, n)
            print(f"{n} thread(s): bare commits {bare:,.0f}/s, case steps {ours:,.0f}/s by functions ({ours / bare:.2f} of bare)")
            with api() as address:
                web = by_http(address, secret, unit, cases, n)
            print(f"{n} thread(s): case steps {web:,.0f}/s by HTTP, one process ({web / bare:.2f} of bare)")
        if history:
            over_history(running.database_url, history)
        dispose()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--history", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given.cases, given.threads, given.history)


if __name__ == "__main__":
    main()
