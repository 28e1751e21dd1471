"""The demo city: districts, people, packs, 10,000 septic tanks, transfer stations, and what happened in the last weeks.

Safe to repeat: what is there stays as it is, so a second `demo` continues where the first stopped.
"""

import json
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.cli.demo_city import history, people, places
from chengyun.cli.failures import Refused
from chengyun.devices import service as devices
from chengyun.devices.service import NewDevice
from chengyun.kernel import stamp
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.embedded.secrets import private_folder, write_private
from chengyun.kernel.settings import get_settings
from chengyun.regions import service as regions

DEMO_USERS = tuple(username for username, *_ in people.VISITORS)
SEED = 2026
# Two probes for `chengyun replay`.
PROBES = (("replay-machine", "重放·机器温度"), ("replay-ambient", "重放·室内温度"))


def seed(scale: str, password: str) -> None:
    """Load what is missing; the file with the simulator's passwords is written last and says that all is there."""
    data_dir = get_settings().data_dir
    plan = private_folder(data_dir / "secrets") / "sim.json"
    content = _loaded(plan, scale)
    if content is None:
        with transaction(Scope.everything()) as session:
            content = _load(session, scale, password)
    write_private(plan, json.dumps({**content, "stamp": stamp.of_code()}, ensure_ascii=False))


def _loaded(plan: Path, scale: str) -> dict[str, Any] | None:
    try:
        content = json.loads(plan.read_text())
    except (OSError, ValueError):
        return None
    if content.get("scale") != scale:
        raise Refused(f"this data folder holds the demo city of scale {content.get('scale')}; CHENGYUN_DATA_DIR names another folder")
    return dict(content)


def _load(session: Session, scale: str, password: str) -> dict[str, Any]:
    today = regions.today()
    tree = regions.tree(session)
    staff = people.load(session, tree, today, get_settings().city_code, password)
    tanks, stations = places.spots(tree, today, scale, SEED)
    gateways = _register(session, tanks, stations, staff)
    _, api_key = accounts.create_api_key(
        session, None, name="垃圾中转站运营平台", permissions=["telemetry.write"], area_codes=[get_settings().city_code]
    )
    history.load(session, tanks, staff, scale, SEED)
    return {
        "scale": scale,
        "seed": SEED,
        "gateways": gateways,
        "stations": [[s.key, s.lon, s.lat] for s in stations],
        "api_key": api_key,
        "password": password,
        "people": {
            "observer": "zhiban",
            "acceptor": "shouli",
            "duty_chief": "zhiban",
            "dispatcher": "paiqian",
            "supervisors": staff.supervisors,
            "handlers": staff.handlers,
        },
        "intervals": devices.intervals(session),
    }


def _register(session: Session, tanks: list[places.Spot], stations: list[places.Spot], staff: people.Staff) -> list[dict[str, Any]]:
    """One gateway for each district's tanks; the stations' operator sends for all of them."""
    by_district: dict[str, list[places.Spot]] = {}
    for spot in tanks:
        by_district.setdefault(spot.district, []).append(spot)
    heads = [
        NewDevice(
            key=f"GW{code[2:]}",
            name="化粪池监测区域网关",
            model_key="collector",
            lon=spots[0].lon,
            lat=spots[0].lat,
            region_code=spots[0].grid[:9],
            owner_org_id=staff.units[code, "sanitation"],
        )
        for code, spots in sorted(by_district.items())
    ]
    probes = [NewDevice(key=key, name=name, model_key="temperature-probe", lon=106.5516, lat=29.563) for key, name in PROBES]
    secrets = devices.register_many(session, [*heads, *probes], with_secrets=True)
    children = [
        NewDevice(
            key=spot.key,
            name=spot.name,
            model_key="septic-gas" if spot.key.startswith("HF") else "transfer-station",
            lon=spot.lon,
            lat=spot.lat,
            region_code=spot.grid,
            address=spot.address,
            gateway_key=f"GW{spot.district[2:]}" if spot.key.startswith("HF") else None,
            owner_org_id=staff.units[spot.district, "sanitation"],
        )
        for spot in [*tanks, *stations]
    ]
    devices.register_many(session, children, with_secrets=False)
    found: list[dict[str, Any]] = [
        {"key": f"GW{code[2:]}", "secret": secrets[f"GW{code[2:]}"], "children": [[s.key, s.lon, s.lat] for s in spots]}
        for code, spots in sorted(by_district.items())
    ]
    return found + [{"key": key, "secret": secrets[key], "children": []} for key, _ in PROBES]
