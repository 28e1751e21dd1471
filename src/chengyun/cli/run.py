"""`demo` and `up`: everything on one machine; and the programs that can be started alone."""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from chengyun.cli.clone import building_web_client
from chengyun.cli.failures import Refused
from chengyun.cli.own_servers import require_bus, require_database
from chengyun.kernel import addresses, stamp
from chengyun.kernel.clock import ScaledClock
from chengyun.kernel.embedded import (
    CannotStart,
    EmbeddedNats,
    EmbeddedPostgres,
    free_port,
    locked,
    require_port,
    require_space,
)
from chengyun.kernel.embedded.secrets import kept_secret, write_private
from chengyun.kernel.embedded.services import earlier_port, publish_addresses
from chengyun.kernel.process import Health, run_process
from chengyun.kernel.security import new_token
from chengyun.kernel.settings import Settings, get_settings
from chengyun.kernel.supervisor import OneShot, Program, Supervisor
from chengyun.sim import replay
from chengyun.sim.main import simulate
from chengyun.sim.plan import Plan

_PROGRAMS = ("api", "watch", "archive", "worker")


class Progress:
    """Lines for the person who waits: how long each step took since the start."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self, line: str) -> None:
        """Print a step."""
        print(f"[{time.monotonic() - self._begun:6.1f} s] {line}", flush=True)


def run_platform(*, port: int | None) -> None:
    """Run everything without demo data until told to stop."""
    settings = _with_port(port)
    say = Progress()

    def ready() -> None:
        print(f"Chengyun runs on {web_address(settings)} (Ctrl-C stops it; `chengyun admin NAME` makes an administrator)", flush=True)

    _run(settings, say, prepare=lambda _: None, ready=ready)


def run_demo(*, speed: float, scale: str, port: int | None) -> None:
    """Run everything with the demo city and its simulator until told to stop."""
    settings = _with_port(port)
    say = Progress()
    password = ""

    def prepare(supervisor: Supervisor) -> None:
        nonlocal password
        password = kept_secret(settings.data_dir, "demo-password", lambda: new_token(9))
        if not supervisor.stopping and not _has_demo_city(settings.data_dir, scale):
            say("Demo city: people, devices and what happened before")
            OneShot("seed", settings.data_dir, _verb("seed-demo", "--scale", scale)).run(lambda: supervisor.stopping)

    def ready() -> None:
        print(f"Chengyun runs on {web_address(settings)} · users: {_demo_users()} · password of all: {password}", flush=True)

    with_sim = [["sim", "--scale", scale]]
    os.environ.update(_demo_clock(settings, speed))
    _run(settings, say, prepare=prepare, ready=ready, clients=with_sim, speed=speed)


def _has_demo_city(data_dir: Path, scale: str) -> bool:
    """Whether this very code has loaded the demo city into this folder."""
    try:
        content = json.loads(plan_file(data_dir).read_text())
    except (OSError, ValueError):
        return False
    return bool(content.get("scale") == scale and content.get("stamp") == stamp.of_code())


def _run(
    settings: Settings,
    say: Progress,
    *,
    prepare: Callable[[Supervisor], None],
    ready: Callable[[], None],
    clients: Sequence[Sequence[str]] = (),
    speed: float = 1.0,
) -> None:
    data_dir = settings.data_dir
    with locked(data_dir), ExitStack() as stack:
        require_space(data_dir)
        require_port(settings.host, settings.port, "web client", "CHENGYUN_PORT or --port")
        supervisor = Supervisor(data_dir, say)
        supervisor.catch_signals()
        web = stack.enter_context(building_web_client(data_dir))
        stack.callback(_farewell, supervisor, say)
        _start_services(settings, supervisor, say, stack)
        if not supervisor.stopping:
            if stamp.read(addresses.database_url()) != stamp.of_code():
                say("Database: tables, standards, divisions and packs of this version")
                OneShot("migrate", data_dir, _verb("migrate")).run(lambda: supervisor.stopping)
            prepare(supervisor)
        web.wait(say, lambda: supervisor.stopping)
        if not supervisor.stopping:
            say(f"Programs: {', '.join(_PROGRAMS)}")
            supervisor.start([_program(name, settings) for name in _PROGRAMS])
        if not supervisor.stopping and clients:
            say("Simulator: the city comes to life")
            supervisor.start([_client(arguments, data_dir) for arguments in clients])
        if not supervisor.stopping:
            ready()
        supervisor.run(also=lambda: _remember_city_time(data_dir, speed))


def _farewell(supervisor: Supervisor, say: Progress) -> None:
    if sys.exc_info()[0] is None:
        say("Stopping")
    supervisor.end()


def _start_services(settings: Settings, supervisor: Supervisor, say: Progress, stack: ExitStack) -> None:
    """Embedded servers where no setting names one; else see that the named one answers."""
    data_dir = settings.data_dir
    postgres = nats = None
    if settings.nats_url is not None:
        require_bus(settings.nats_url.get_secret_value())
    else:
        require_port(settings.mqtt_host, settings.mqtt_port, "MQTT", "CHENGYUN_MQTT_PORT")
        nats = EmbeddedNats(
            data_dir,
            mqtt_host=settings.mqtt_host,
            mqtt_port=settings.mqtt_port,
            port=earlier_port(data_dir),
            sync=settings.bus_sync,
            max_payload=settings.bus_max_payload,
        )
    if settings.database_url is None:
        postgres = EmbeddedPostgres(data_dir)
    else:
        require_database(settings.database_url.get_secret_value())
    services = [service for service in (nats, postgres) if service is not None]
    if services:
        say("NATS and PostgreSQL: making a new database" if postgres and postgres.is_new else "NATS and PostgreSQL")
    # The database may need any time for its recovery.
    supervisor.start(services, patience=None, meanwhile=load_programs)
    publish_addresses(data_dir, postgres, nats)
    stack.callback(addresses.services_file(data_dir).unlink, missing_ok=True)


def _program(name: str, settings: Settings) -> Program:
    address = (_reachable_host(settings.host), settings.port) if name == "api" else None
    return Program(name, settings.data_dir, _verb(name), environment=_environment(settings), address=address)


def _client(arguments: Sequence[str], data_dir: Path) -> Program:
    return Program(arguments[0], data_dir, _verb(*arguments), environment=_environment(get_settings()))


def _verb(*words: str) -> Callable[[], None]:
    """A verb of the command line, to be run in a copy of this process."""

    def run() -> None:
        from chengyun.cli.main import main

        main(list(words))

    return run


def load_programs() -> None:
    """Load what all programs need, once: they run as copies of this process."""
    from chengyun.server.rooms import import_work, routers

    for module in ("server.app", "server.processes", "telemetry.watch", "telemetry.archive", "alarms.evaluator", "kernel.migrate"):
        import_module(f"chengyun.{module}")
    import_work()
    routers()
    # What is there now stays, so that collections in the copies need not touch (and thereby copy) its pages.
    gc.collect()
    gc.freeze()


def _environment(settings: Settings) -> dict[str, str]:
    # Children log their own traces; the person sees the supervisor's sentence.
    return {"CHENGYUN_DATA_DIR": str(settings.data_dir), "CHENGYUN_DEBUG": "1"}


def _with_port(port: int | None) -> Settings:
    settings = get_settings()
    if port is None and settings.port:
        return settings
    try:
        os.environ["CHENGYUN_PORT"] = str(port or free_port(settings.host))
    except OSError as failure:
        raise CannotStart(f"CHENGYUN_HOST={settings.host} is no address of this machine: {failure.strerror}") from None
    get_settings.cache_clear()
    return get_settings()


def _reachable_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not opened


def web_address(settings: Settings) -> str:
    """Where a person opens the web client."""
    if settings.public_url:
        return settings.public_url
    host = _reachable_host(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def plan_file(data_dir: Path) -> Path:
    """What the simulator is told: devices, people and their passwords."""
    return data_dir / "secrets" / "sim.json"


def _demo_file(data_dir: Path) -> Path:
    return data_dir / "demo.json"


def _demo_clock(settings: Settings, speed: float) -> dict[str, str]:
    """The demo city's time: never before the moment at which the last run stopped."""
    real = datetime.now(UTC)
    try:
        last = datetime.fromisoformat(json.loads(_demo_file(settings.data_dir).read_text())["city_time"])
    except (OSError, ValueError, KeyError):
        last = real
    if settings.clock or (speed == 1 and last <= real):
        return {}
    return {"CHENGYUN_CLOCK": ScaledClock(real, max(last, real), speed).text()}


def _remember_city_time(data_dir: Path, speed: float) -> None:
    text = os.environ.get("CHENGYUN_CLOCK")
    if text:
        city = ScaledClock.parse(text).now().isoformat()
        write_private(_demo_file(data_dir), json.dumps({"city_time": city, "speed": speed}))


def _demo_users() -> str:
    from chengyun.cli import demo_city

    return ", ".join(demo_city.DEMO_USERS)


def seed_demo_city(scale: str) -> None:
    """Load the demo city; safe to repeat."""
    require_services()
    from chengyun.cli import demo_city

    password = kept_secret(get_settings().data_dir, "demo-password", lambda: new_token(9))
    demo_city.seed(scale=scale, password=password)


def require_services() -> None:
    """Raise the clear sentence when neither settings nor a running platform say where the servers are."""
    addresses.database_url()
    addresses.nats_url()


def run_simulator(*, scale: str) -> None:
    """Run the simulator: a client that is told addresses and passwords, and nothing else."""
    require_services()
    settings = get_settings()
    plan = _plan(settings.data_dir)
    host, port = _mqtt_address(settings)

    async def main(stop: asyncio.Event, health: Health) -> None:
        base_url = f"http://{_reachable_host(settings.host)}:{settings.port}"
        await simulate(plan, base_url=base_url, mqtt=(host, port), scale=scale, stop=stop, ready=health.ready)

    run_process("sim", main)


def _plan(data_dir: Path) -> Plan:
    try:
        return Plan.read(plan_file(data_dir))
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused("there is no demo city in this data folder; `chengyun demo` makes one") from None


def _mqtt_address(settings: Settings) -> tuple[str, int]:
    named = addresses.embedded("mqtt_port")
    return _reachable_host(settings.mqtt_host), int(named) if named else settings.mqtt_port


def run_replay(words: list[str]) -> None:
    """Send a recorded series; the secret comes from the command line, the environment or the demo city."""
    wishes = replay.arguments(words)
    settings = get_settings()
    secret = wishes.secret or os.environ.get("CHENGYUN_DEVICE_SECRET")
    if not secret:
        secret = next((g.secret for g in _plan(settings.data_dir).gateways if g.key == wishes.device), None)
    if not secret:
        raise Refused(f"the secret of {wishes.device} is not known; name it with --secret")
    host, port = _mqtt_address(settings)
    print(replay.replay(wishes, host=host, port=port, secret=secret))
