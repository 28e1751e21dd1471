"""Which rooms there are, from the ground up: their tables, routes, consumers and jobs."""

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

ROOMS = ("standards", "regions", "accounts", "devices", "telemetry", "alarms", "cases", "maps", "packs")


def _parts(name: str) -> list[str]:
    return [f"chengyun.{room}.{name}" for room in ROOMS if find_spec(f"chengyun.{room}.{name}") is not None]


def import_models() -> None:
    """Make every room's tables known."""
    import_module("chengyun.kernel.models")
    for module in _parts("models"):
        import_module(module)


def import_work() -> None:
    """Make every room's error codes, consumers and scheduled jobs known."""
    import_models()
    import_module("chengyun.kernel.upkeep")
    for name in ("errors", "events", "jobs"):
        for module in _parts(name):
            import_module(module)


def routers() -> list[tuple[str, APIRouter]]:
    """Each room's routes, with the room's name."""
    return [(module.split(".")[1], import_module(module).router) for module in _parts("api")]
