"""A pack dropped into the packs folder is live after `chengyun pack apply`, without restarting anything."""

import time

import pytest

from tests.support import eventually
from tests.support.city import City

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PACK = """
pack: {key: coldstore, version: '1.0', name_zh: 冷库监测, name_en: Cold stores}
models:
  - key: coldstore-probe
    name_zh: 冷库探头
    name_en: Cold store probe
    expected_interval_seconds: 60
    metrics:
      - {key: temperature, name_zh: 温度, name_en: Temperature, unit: Cel, low: -60, high: 60}
rules:
  - key: coldstore-warm
    name_zh: 冷库升温
    name_en: Cold store warm
    model: coldstore-probe
    metric: temperature
    kind: above
    levels: [{level: 3, threshold: -12}, {level: 2, threshold: 0}]
    source: own default
layers:
  - {key: coldstores, name_zh: 冷库, name_en: Cold stores, kind: point, source: devices, filter: {model: coldstore-probe}}
"""


def test_from_the_folder_to_an_alarm(city: City) -> None:
    processes = {name: city.platform.pid_of(name) for name in ("api", "watch", "archive", "worker")}
    folder = city.platform.data_dir / "packs"
    folder.mkdir(exist_ok=True)
    (folder / "coldstore.yaml").write_text(PACK)
    assert "coldstore" in city.chengyun("pack", "apply")
    engineer = city.person("wulian")
    device = {"key": "COLD-1", "name": "一号冷库", "model": "coldstore-probe", "place": {"lon": 106.5745, "lat": 29.5587}}
    made = engineer.post("/devices", json=device)
    assert made.status_code == 201, made.text
    now = int(time.time() * 1000)
    readings = [{"ts": now - 60_000, "values": {"temperature": -18.5}}, {"ts": now, "values": {"temperature": 1.5}}]
    city.publish("COLD-1", made.json()["secret"], [readings])
    alarm = eventually(lambda: city.alarms(engineer, "COLD-1"), timeout=30)[0]
    assert (alarm["rule"]["key"], alarm["level"], alarm["value"]) == ("coldstore-warm", 2, 1.5)
    assert "coldstores" in [layer["key"] for layer in engineer.get("/map/layers").json()]
    assert processes == {name: city.platform.pid_of(name) for name in processes}


def test_a_wrong_pack_is_refused_by_line_and_changes_nothing(city: City) -> None:
    wrong = city.platform.data_dir / "wrong.yaml"
    wrong.write_text(PACK.replace("metric: temperature", "metric: warmth").replace("key: coldstore,", "key: coldstore2,"))
    said = city.chengyun("pack", "apply", str(wrong), code=2)
    assert "wrong.yaml:" in said
    assert "warmth" in said
    keys = [pack["key"] for pack in city.person("wulian").get("/packs").json()]
    assert "coldstore2" not in keys
