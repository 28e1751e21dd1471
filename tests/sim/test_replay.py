"""Reading a recorded series: what is read, what is told, what is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chengyun.sim import replay

GOOD = "timestamp,value\n2013-12-02 21:15:00,73.5\n2013-12-02 21:20:00,74.25\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "series.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_times_without_zone_are_beijing_time(folder: Path) -> None:
    readings, bad = replay.read_series(write(folder, GOOD), "timestamp", "value", "Asia/Shanghai")
    assert bad == []
    assert [(r.ms, r.value) for r in readings] == [
        (int(datetime(2013, 12, 2, 13, 15, tzinfo=UTC).timestamp() * 1000), 73.5),
        (int(datetime(2013, 12, 2, 13, 20, tzinfo=UTC).timestamp() * 1000), 74.25),
    ]


def test_bad_rows_are_named_and_the_others_sent(folder: Path) -> None:
    text = GOOD + "yesterday,1\n2013-12-02 21:25:00,nan\n2013-12-02 21:30:00,\n2013-12-02 21:35:00,75\n"
    readings, bad = replay.read_series(write(folder, text), "timestamp", "value", "Asia/Shanghai")
    assert [r.value for r in readings] == [73.5, 74.25, 75.0]
    assert [sentence.split(":")[0] for sentence in bad] == ["line 4", "line 5", "line 6"]


def test_a_series_moves_to_another_end(folder: Path) -> None:
    readings, _ = replay.read_series(write(folder, GOOD), "timestamp", "value", "UTC")
    moved = replay.moved(readings, "2026-11-25T00:00:00+00:00")
    assert moved[-1].ms == int(datetime(2026, 11, 25, tzinfo=UTC).timestamp() * 1000)
    assert moved[-1].ms - moved[0].ms == 300_000


@pytest.mark.parametrize(
    ("text", "column", "zone", "words"),
    [
        (GOOD, "temperature", "UTC", "no column temperature; it has timestamp, value"),
        ("", "value", "UTC", "no column timestamp; it has none"),
        (b"timestamp,value\n\xff\xfe,1\n", "value", "UTC", "not a CSV file in UTF-8"),
        (GOOD, "value", "Mars/Olympus", "no time zone Mars/Olympus"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(folder: Path, text: str | bytes, column: str, zone: str, words: str) -> None:
    with pytest.raises(replay.CannotReplay, match=words):
        replay.read_series(write(folder, text), "timestamp", column, zone)


def test_a_missing_file_is_one_sentence(folder: Path) -> None:
    with pytest.raises(replay.CannotReplay, match="No such file"):
        replay.read_series(folder / "none.csv", "timestamp", "value", "UTC")


def test_wrong_options_are_one_sentence() -> None:
    with pytest.raises(replay.CannotReplay, match="--file"):
        replay.arguments(["--device", "x"])
    with pytest.raises(replay.CannotReplay, match="invalid float"):
        replay.arguments(["--file", "x", "--device", "x", "--speed", "fast"])


def test_nobody_listens(folder: Path) -> None:
    wishes = replay.arguments(["--file", str(write(folder, GOOD)), "--device", "x"])
    with pytest.raises(replay.CannotReplay, match=r"no MQTT at 127\.0\.0\.1:1"):
        replay.replay(wishes, host="127.0.0.1", port=1, secret="s")
