"""A copy of everything, brought back elsewhere: it shows the same and goes on counting."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from chengyun.sim import photos
from tests.support import eventually
from tests.support.city import City
from tests.support.platform import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

READINGS = 40


@dataclass
class Memory:
    """What was seen before the copy was made."""

    seen: dict[str, Any]
    picture: bytes
    case: str
    sent_at: int


def look(city: City, tank: str, since: int) -> dict[str, Any]:
    """Device, alarms, cases, history and people as the platform tells them."""
    chief, engineer = city.person("zhiban"), city.person("wulian")
    device = engineer.get("/devices", params={"q": tank}).raise_for_status().json()["items"][0]
    alarms = city.alarms(chief, tank)
    cases = chief.get("/cases", params={"queue": "all", "limit": 200}).raise_for_status().json()
    asked = {"device_id": device["id"], "since": moment(since - 1000), "until": moment(since + READINGS * 60_000)}
    curve = engineer.get("/telemetry/history", params={**asked, "metric": "ch4", "points": 500}).raise_for_status().json()["series"]
    return {
        "device": {key: device[key] for key in ("id", "key", "name", "region_code")},
        "newest": device["state"]["metrics"],
        "alarms": [(a["id"], a["state"], a["level"], a["raised_at"]) for a in alarms],
        "cases": sorted((c["number"], c["state"], c["revision"]) for c in cases["items"]),
        "curve": curve,
    }


def moment(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000))


def report(officer: httpx.Client, *photo_ids: str) -> dict[str, Any]:
    body = {"source": "public", "description": "井盖移位", "place": {"lon": 106.5623, "lat": 29.5555}, "photo_ids": list(photo_ids)}
    return dict(officer.post("/cases", json=body).raise_for_status().json())


def live(city: City, tank: str) -> Memory:
    """Readings until an alarm with its case, and a case with a photo that is accepted."""
    gateway = city.gateway()
    since = int(time.time() * 1000) - READINGS * 60_000
    body = [{"device": tank, "ts": since + i * 60_000, "values": {"ch4": 60.0 + i / 100}} for i in range(READINGS)]
    city.publish(gateway["key"], gateway["secret"], [body])
    engineer, chief, officer = city.person("wulian"), city.person("zhiban"), city.person("yuzhong")
    city.watched(engineer, tank, "ch4", 60.0 + (READINGS - 1) / 100)
    upload = officer.post("/photos", files={"file": ("street.jpg", photos.draw("cover", 7), "image/jpeg")}).raise_for_status().json()
    case = report(officer, upload["id"])
    officer.post(f"/cases/{case['id']}/accept", json={"revision": case["revision"]}).raise_for_status()
    of_alarm = {"queue": "all", "source": "alarm"}
    eventually(lambda: chief.get("/cases", params=of_alarm).raise_for_status().json()["items"], timeout=60)
    # The history's files are what a backup copies: wait until the readings have reached them.
    eventually(lambda: archived(city) >= READINGS, timeout=60)
    picture = officer.get(f"/photos/{upload['id']}").raise_for_status().content
    return Memory(look(city, tank, since), picture, case["id"], since)


def archived(city: City) -> int:
    from deltalake import DeltaTable

    folder = city.platform.data_dir / "history" / "readings"
    return int(DeltaTable(str(folder)).to_pyarrow_table().num_rows) if (folder / "_delta_log").is_dir() else 0


def restore(copy: Path, target: Path) -> subprocess.CompletedProcess[str]:
    given = {key: value for key, value in os.environ.items() if not key.startswith("CHENGYUN_")}
    words = [sys.executable, "-m", "chengyun.cli.main", "restore", str(copy)]
    return subprocess.run(words, env={**given, "CHENGYUN_DATA_DIR": str(target)}, capture_output=True, text=True, check=False)


def test_a_restored_platform_shows_the_same_and_goes_on_counting(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with running(tmp_path / "first") as platform:
        city = City(platform)
        tank = str(city.gateway()["children"][0][0])
        before = live(city, tank)
        assert "written to" in city.chengyun("backup", str(copy))
        assert "is not empty" in city.chengyun("backup", str(copy), code=2)
        report(city.person("yuzhong"))  # after the copy: it will not be there
    done = restore(copy, tmp_path / "second")
    assert done.returncode == 0, done.stderr
    again = restore(copy, tmp_path / "second")
    assert (again.returncode, "is not empty" in again.stderr) == (2, True)
    with running(tmp_path / "second") as platform:
        city = City(platform)
        assert look(city, tank, before.sent_at) == before.seen
        officer = city.person("yuzhong")
        case = officer.get(f"/cases/{before.case}").raise_for_status().json()
        assert case["state"] == "accepted"
        assert officer.get(f"/photos/{case['photos'][0]['id']}").raise_for_status().content == before.picture
        assert "every timeline is as it was written" in city.chengyun("cases", "verify")
        goes_on(city, tank, before)


def goes_on(city: City, tank: str, before: Memory) -> None:
    """New readings are judged and archived, new cases get new numbers."""
    gateway = city.gateway()
    other = str(gateway["children"][1][0])
    now = int(time.time() * 1000)
    rows = archived(city)
    body = [{"device": key, "ts": now - (10 - i) * 60_000, "values": {"ch4": 70.0 + i / 100}} for i in range(10) for key in (tank, other)]
    city.publish(gateway["key"], gateway["secret"], [body])
    engineer, chief = city.person("wulian"), city.person("zhiban")
    city.watched(engineer, tank, "ch4", 70.09)
    assert eventually(lambda: city.alarms(chief, other), timeout=60)
    assert len(city.alarms(chief, tank)) == len(before.seen["alarms"])
    eventually(lambda: archived(city) == rows + 20, timeout=60)
    officer = city.person("yuzhong")
    numbers = {number for number, *_ in before.seen["cases"]}
    assert report(officer)["number"] not in numbers


def test_the_copy_says_what_is_in_it(tmp_path: Path) -> None:
    """Unfinished copies are refused, whatever they hold."""
    (tmp_path / "copy" / "files").mkdir(parents=True)
    (tmp_path / "copy" / "backup.json").write_text(json.dumps({"version": "0"})[:-2])
    done = restore(tmp_path / "copy", tmp_path / "target")
    assert (done.returncode, "is not a finished backup" in done.stderr) == (2, True)
    assert not (tmp_path / "target").exists()
