"""The shipped divisions: the list of 2023 and the changes since, joined into rows with dates."""

import csv
import gzip
from dataclasses import replace
from datetime import date
from importlib import resources
from typing import Any
from uuid import UUID

import yaml

from chengyun.regions.tree import FIRST_DAY, Change, Division, division_id
from chengyun.standards.codes import Level


def _listed() -> dict[str, Division]:
    data = (resources.files("chengyun.regions") / "data" / "divisions.csv.gz").read_bytes()
    found: dict[str, Division] = {}
    for r in csv.DictReader(gzip.decompress(data).decode().splitlines()):
        code, level = r["code"], Level(int(r["level"]))
        above = {Level.DISTRICT: code[:2] + "0000", Level.STREET: code[:6]}.get(level)
        parent = division_id(above, FIRST_DAY) if above else None
        found[code] = Division(division_id(code, FIRST_DAY), code, level, r["name"], r["name_en"], r["short_name"], parent, FIRST_DAY)
    return found


def shipped() -> tuple[list[Division], list[Change]]:
    """All divisions with their dates, and what went to whom."""
    current = _listed()
    past: list[Division] = []
    changes: list[Change] = []
    text = (resources.files("chengyun.regions") / "data" / "changes.yaml").read_text(encoding="utf-8")
    for entry in yaml.safe_load(text):
        _apply(entry, current, past, changes)
    return sorted([*current.values(), *past], key=lambda d: (d.code, d.valid_from)), changes


def _apply(entry: dict[str, Any], current: dict[str, Division], past: list[Division], changes: list[Change]) -> None:
    on: date = entry["date"]
    ended = {code: replace(current.pop(code), valid_to=on) for code in entry["ends"]}
    past += ended.values()
    city = next(d.id for d in current.values() if d.level is Level.CITY)
    for new in entry["begins"]:
        current[new["code"]] = Division(
            division_id(new["code"], on),
            new["code"],
            Level(new["level"]),
            new["name"],
            new["name_en"],
            new["short_name"],
            city,
            on,
            confirmed=new["confirmed"],
            note=new["note"],
        )
    names = {d.name: d for d in current.values() if d.level is Level.DISTRICT}
    heirs: set[UUID] = set()
    for flow in entry["flows"]:
        giver = ended.get(flow["from"]) or current[flow["from"]]
        main = flow["from"] in ended and giver.id not in heirs
        heirs.add(giver.id)
        changes.append(Change(on, giver.id, names[flow["to"]].id, flow["share"], main, entry["source"]))
    _move_streets(entry, current, past, ended, {c.from_id: c.to_id for c in changes if c.main and c.on == on}, names)


def _move_streets(
    entry: dict[str, Any],
    current: dict[str, Division],
    past: list[Division],
    ended: dict[str, Division],
    heir: dict[UUID, UUID],
    names: dict[str, Division],
) -> None:
    """A street whose district changed gets a second row from that day on, under the same code."""
    on: date = entry["date"]
    goes = {code: names[name].id for name, codes in entry["moves"].items() for code in codes}
    gone = {d.id for d in ended.values()}
    for code, street in list(current.items()):
        if street.level is not Level.STREET or (code not in goes and street.parent_id not in gone):
            continue
        target = goes.get(code) or heir[street.parent_id]  # type: ignore[index]
        past.append(replace(street, valid_to=on))
        current[code] = replace(street, id=division_id(code, on), valid_from=on, parent_id=target)
