"""From text to manifest, without a database: what a text says, whether it fits, and which packs stand ready."""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

import chengyun.packs.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel.settings import get_settings
from chengyun.packs import findings, reader
from chengyun.packs.checking import Known, misfits_of
from chengyun.packs.reader import Unreadable
from chengyun.packs.schemas import Manifest, PackError
from chengyun.standards.classes import ClassTable, shipped_classes
from chengyun.standards.codes import Edition

BUILTIN = ("septic", "temperature")


def load_text(text: str | bytes, known: Known | None = None) -> Manifest | list[PackError]:
    """The manifest of a text, or everything that is wrong with it with line and column. Never raises.

    `known` is what the manifest may refer to; without it the built-in packs and the shipped classes.
    """
    manifest = read_manifest(text)
    if isinstance(manifest, list):
        return manifest
    return unfit(manifest, shipped() if known is None else known) or manifest


def read_manifest(text: str | bytes) -> Manifest | list[PackError]:
    """The manifest of a text by itself, whatever it refers to."""
    try:
        document = reader.read(text)
    except Unreadable as failure:
        return [findings.of_unreadable(failure)]
    errors = findings.of_twice(document)
    manifest: Manifest | None = None
    try:
        # By way of JSON, so that `strict` takes words for enumerations but never a number for a text.
        manifest = Manifest.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as failure:
        found = failure.errors(include_url=False)
        errors += findings.of_shape(document, [dict(error) for error in found])
    if errors or manifest is None:
        return sorted(set(errors), key=lambda e: (e.line, e.column))
    manifest.remember(text if isinstance(text, str) else text.decode("utf-8-sig"), document)
    return manifest


def unfit(manifest: Manifest, known: Known) -> list[PackError]:
    """Errors of references: to models, metrics, commands, rules, classes, and what belongs to other packs."""
    wider = replace(known, packs=set(known.packs))
    wider.learn(manifest)
    found = findings.of_misfits(manifest.document, misfits_of(manifest, wider))
    return sorted(found, key=lambda e: (e.line, e.column))


@lru_cache(maxsize=1)
def shipped_table() -> ClassTable:
    """The classes of the standards as they are shipped."""
    return ClassTable(row for edition in Edition for row in shipped_classes(edition))


def shipped(others: Iterable[Manifest] = ()) -> Known:
    """What there is on every platform: shipped classes and built-in packs; and further packs, where named."""
    known = Known(shipped_table(), own_classes=False)
    for manifest in (*builtin().values(), *others):
        known.learn(manifest)
    return known


@lru_cache(maxsize=1)
def builtin() -> dict[str, Manifest]:
    """The packs that come with the platform, by key."""
    found = {}
    for key in BUILTIN:
        path = resources.files("chengyun.packs") / "builtin" / key / "pack.yaml"
        manifest = read_manifest(path.read_bytes())
        if isinstance(manifest, list):
            raise ValueError(f"built-in pack {key}: {manifest[0]}")
        found[key] = manifest
    return found


def folder_files() -> list[Path]:
    """Files of the city's own packs, in the packs folder: `*.yaml` and `*/pack.yaml`."""
    folder = get_settings().packs_folder()
    return sorted([*folder.glob("*.yaml"), *folder.glob("*/pack.yaml")])


def ready() -> dict[str, Manifest]:
    """Packs that stand ready: built-in ones, and the sound ones of the packs folder, which win."""
    found = dict(builtin())
    for path in folder_files():
        try:
            manifest = read_manifest(path.read_bytes()[: reader.MOST_BYTES + 1])
        except OSError:
            continue
        if not isinstance(manifest, list):
            found[manifest.pack.key] = manifest
    return found
