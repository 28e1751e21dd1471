"""Starts and watches the platform's processes on one machine."""

from chengyun.kernel.supervisor.loop import Supervisor
from chengyun.kernel.supervisor.program import OneShot, Program

__all__ = ["OneShot", "Program", "Supervisor"]
