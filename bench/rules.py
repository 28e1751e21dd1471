"""Rules over many devices: readings judged per second, against the same rule in plain Python in the same run.

`python -m bench.rules --devices 100000 --batches 40`
"""

import argparse
import sys
import time

import numpy as np

from chengyun.alarms.schemas import RuleSpec
from chengyun.telemetry.batch import Batch
from tests.alarms.reference import Reference
from tests.alarms.test_evaluator import evaluator, spec


def batches(devices: int, count: int, size: int) -> list[Batch]:
    """Batches in which each device is heard in turn; one in two hundred values is beyond a threshold."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        rows = (np.arange(size) + number * size) % devices
        times = np.full(size, 1_790_000_000_000 + number * 10_000)
        values = np.where(rng.random(size) < 0.005, rng.uniform(10, 120, size), rng.uniform(0, 9, size))
        made.append(Batch.of(np.full(size, number + 1), rows, np.zeros(size), times, values))
    return made


def fast(rule: RuleSpec, devices: int, work: list[Batch]) -> tuple[float, int]:
    """Readings a second of the evaluator, and how many changes it found."""
    judge = evaluator([rule], devices)
    found = 0
    begun = time.perf_counter()
    for batch in work:
        found += len(judge.evaluate(batch))
    return sum(len(b) for b in work) / (time.perf_counter() - begun), found


def plain(rule: RuleSpec, devices: int, work: list[Batch]) -> tuple[float, int]:
    """The same in plain Python."""
    judges = [Reference(rule) for _ in range(devices)]
    found = 0
    begun = time.perf_counter()
    for batch in work:
        for row, moment, value in zip(batch.device.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True):
            before, after = judges[row].read(moment, value)
            found += before != after
    return sum(len(b) for b in work) / (time.perf_counter() - begun), found


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--size", type=int, default=50_000)
    wishes = parser.parse_args()
    rule = spec(levels=[{"level": n, "threshold": t} for n, t in ((4, 10), (3, 25), (2, 50), (1, 100))], hysteresis=2, hold_seconds=5)
    work = batches(wishes.devices, wishes.batches, wishes.size)
    rate, changes = fast(rule, wishes.devices, work)
    slow_work = work[: max(2, len(work) // 10)]
    slow, _ = plain(rule, wishes.devices, slow_work)
    sys.stdout.write(
        f"rule with 4 levels, hysteresis and hold, {wishes.devices} devices, batches of {wishes.size}: {rate:,.0f} readings/s\n"
    )
    sys.stdout.write(f"plain Python: {slow:,.0f} readings/s; ratio {rate / slow:.1f}; {changes} changes of level\n")


if __name__ == "__main__":
    main()
