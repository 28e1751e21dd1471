"""Identifiers that sort by the time at which they were made (RFC 9562, version 7)."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A new identifier; within one process each is greater than the one before."""
    global _last
    with _lock:
        # 48 bits of milliseconds and 12 bits of their fraction, so that ids made in one millisecond keep their order.
        nanos = time.time_ns()
        stamp = ((nanos // 1_000_000) << 12) | ((nanos % 1_000_000) * 4096 // 1_000_000)
        _last = max(stamp, _last + 1)
        stamp = _last
    millis, fraction = stamp >> 12, stamp & 0xFFF
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(millis << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random)
