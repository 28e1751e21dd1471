"""How well the rules of the pack `temperature` find known failures in two recorded series.

`python -m bench.nab --data FOLDER` (a folder with the two series and `combined_windows.json`) sends both series through MQTT
of a platform of its own, moved so that they end now, waits for the alarms, and compares them with the labelled windows.
"""

import argparse
import csv
import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.city import City
from tests.support.platform import running

SERIES = {
    "replay-machine": "machine_temperature_system_failure.csv",
    "replay-ambient": "ambient_temperature_system_failure.csv",
}
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Window:
    """A stretch of time in which the series is known to be wrong."""

    first: datetime
    last: datetime

    def overlaps(self, raised: datetime, ended: datetime) -> bool:
        """Whether an alarm was open at some time within it."""
        return raised <= self.last and ended >= self.first


def windows(folder: Path, name: str) -> list[Window]:
    """The labelled failures of a series."""
    labels = json.loads((folder / "combined_windows.json").read_text())[f"realKnownCause/{name}"]
    return [Window(*(datetime.fromisoformat(text).replace(tzinfo=ZONE) for text in pair)) for pair in labels]


def compare(spells: list[tuple[datetime, datetime, str]], failures: list[Window]) -> str:
    """Hits, misses and false alarms, in words. A spell is one time from raising to clearing, with what raised it."""
    hit = [w for w in failures if any(w.overlaps(a, b) for a, b, _ in spells)]
    false = [s for s in spells if not any(w.overlaps(s[0], s[1]) for w in failures)]
    lines = [f"  {len(spells)} alarms; {len(hit)} of {len(failures)} labelled failures hit; {len(false)} false alarms"]
    for window in failures:
        said = ", ".join(f"{why} {a.astimezone(ZONE):%m-%d %H:%M}" for a, b, why in spells if window.overlaps(a, b))
        lines.append(f"    {window.first:%Y-%m-%d %H:%M} to {window.last:%m-%d %H:%M}: {said[:400] or 'missed'}")
    lines += [f"    false: {why} {a.astimezone(ZONE):%Y-%m-%d %H:%M} to {b.astimezone(ZONE):%m-%d %H:%M}" for a, b, why in false[:20]]
    return "\n".join(lines)


def spells(reader: Any, alarms: list[dict[str, Any]]) -> list[tuple[datetime, datetime, str]]:
    """Each raising and clearing; an alarm that came back within its life counts each time."""
    found = []
    for alarm in alarms:
        steps = reader.get(f"/alarms/{alarm['id']}/timeline").raise_for_status().json()
        begun: datetime | None = None
        for step in sorted(steps.get("items", steps) if isinstance(steps, dict) else steps, key=lambda s: s["time"]):
            moment = datetime.fromisoformat(step["time"])
            if step["kind"] == "raised":
                begun = moment
            elif step["kind"] == "cleared" and begun is not None:
                found.append((begun, moment, f"{alarm['rule']['key']}"))
                begun = None
        if begun is not None:
            found.append((begun, datetime.max.replace(tzinfo=ZONE), f"{alarm['rule']['key']}"))
    return sorted(found)


def last_row(path: Path) -> tuple[datetime, float]:
    """Time and value of the end of a series."""
    with path.open() as file:
        row = list(csv.DictReader(file))[-1]
    return datetime.fromisoformat(row["timestamp"]).replace(tzinfo=ZONE), float(row["value"])


def moved(spells: list[tuple[datetime, datetime, str]], by: timedelta) -> list[tuple[datetime, datetime, str]]:
    """Spells back in the time of the recording."""
    return [(a - by, b - by if b.year < 9999 else b, why) for a, b, why in spells]


def main() -> None:
    """Replay both and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    end = datetime.now(ZONE).replace(microsecond=0)
    # The series are months long; a platform in service would not judge readings that come so late.
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), CHENGYUN_TELEMETRY_LATE_DAYS="400") as platform:
        city = City(platform)
        reader, chief = city.person("wulian"), city.person("zhiban")
        for device, name in SERIES.items():
            said = city.chengyun("replay", "--file", str(data / name), "--device", device, "--until", end.isoformat())
            last, value = last_row(data / name)
            city.watched(reader, device, "temperature", value)
            found = moved(spells(chief, city.alarms(chief, device)), end - last)
            sys.stdout.write(f"{name}\n  {said}{compare(found, windows(data, name))}\n")


if __name__ == "__main__":
    main()
