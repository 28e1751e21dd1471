"""What tests of several rooms share."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], timeout: float = 10.0, every: float = 0.05) -> T:
    """Call `check` until it returns something true, and return that; fail with its last answer after the deadline."""
    pause = threading.Event()
    until = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout} s; the last answer was {answer!r}")
        pause.wait(every)
