"""Readings as columns: what the decoder makes of messages and what rules, latest state and history work on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Readings in the order of the stream, as columns of equal length; all values are finite and within their model's range.

    `device` is the row in the fleet and `metric` the index in its metrics, so both belong to one load of the fleet.
    """

    sequence: Int64s  # of the message in the stream of readings; readings of one message share it
    device: Int32s
    metric: Int32s
    time: Int64s  # when it was measured, in milliseconds since 1970
    value: Floats

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def last_sequence(self) -> int:
        """Sequence of the last reading; 0 when there is none."""
        return int(self.sequence[-1]) if len(self.sequence) else 0

    @classmethod
    def empty(cls) -> "Batch":
        """No readings."""
        return cls.of([], [], [], [], [])

    @classmethod
    def of(
        cls,
        sequence: npt.ArrayLike,
        device: npt.ArrayLike,
        metric: npt.ArrayLike,
        time: npt.ArrayLike,
        value: npt.ArrayLike,
    ) -> "Batch":
        """Columns from anything that numpy takes as an array."""
        return cls(
            np.asarray(sequence, np.int64),
            np.asarray(device, np.int32),
            np.asarray(metric, np.int32),
            np.asarray(time, np.int64),
            np.asarray(value, np.float64),
        )

    @classmethod
    def join(cls, parts: Sequence["Batch"]) -> "Batch":
        """Several batches, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([p.sequence for p in parts]),
            np.concatenate([p.device for p in parts]),
            np.concatenate([p.metric for p in parts]),
            np.concatenate([p.time for p in parts]),
            np.concatenate([p.value for p in parts]),
        )

    def take(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> "Batch":
        """Some of the readings: by a mask, by positions or by a slice."""
        return Batch(self.sequence[which], self.device[which], self.metric[which], self.time[which], self.value[which])
