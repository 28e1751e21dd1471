"""How a long-running process starts, says that it is well, and stops."""

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chengyun.kernel import logs
from chengyun.kernel.metrics import exposition
from chengyun.kernel.settings import get_settings

LONGEST_FAREWELL = 12.0  # seconds; the supervisor gives fifteen
Main = Callable[[asyncio.Event, "Health"], Awaitable[None]]


class Health:
    """What a process says of itself: alive while it answers, ready once it does its work."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {"start": "starting"}

    def ready(self) -> None:
        """All is up."""
        self._reasons.pop("start", None)

    def trouble(self, part: str, reason: str | None) -> None:
        """A part does not work (a sentence), or works again (None)."""
        if reason is None:
            self._reasons.pop(part, None)
        else:
            self._reasons[part] = reason

    @property
    def reasons(self) -> dict[str, str]:
        """Why the process is not ready; empty when it is."""
        return dict(self._reasons)


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, b'{"status":"ok"}', "application/json")
            elif self.path == "/readyz":
                waiting = health.reasons
                body = json.dumps({"status": "waiting" if waiting else "ready", "reasons": waiting}).encode()
                self._answer(503 if waiting else 200, body, "application/json")
            elif self.path == "/metrics":
                self._answer(200, *exposition())
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


@contextlib.contextmanager
def _health_server(name: str, health: Health) -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", get_settings().health_port), _handler(health))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    folder = get_settings().data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{os.getpid()}.json"
    # Renamed into place: whoever looks never finds half a note.
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({"pid": os.getpid(), "health_port": server.server_address[1]}))
    beside.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        server.shutdown()


def _end_at_the_latest() -> None:
    """End even if a part waits for a server that has gone: whatever matters is in a transaction anyway."""
    timer = threading.Timer(LONGEST_FAREWELL, os._exit, (1,))
    timer.daemon = True
    timer.start()


def run_process(name: str, main: Main) -> None:
    """Run an asynchronous main until SIGTERM or SIGINT; it gets an event that tells it to stop."""
    settings = get_settings()
    logs.configure(name, settings.log_level)
    health = Health()

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def told_to_stop() -> None:
            stop.set()
            _end_at_the_latest()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop)
        with _health_server(name, health):
            await main(stop, health)

    asyncio.run(run())
