"""Verbs of industry packs: `pack check`, `pack apply`, `pack schema`."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from chengyun.packs import loading
from chengyun.packs.checking import Known
from chengyun.packs.reader import MOST_BYTES
from chengyun.packs.schemas import Manifest, PackError


def schema() -> str:
    """The JSON Schema of a manifest, for editors that complete and check while one types."""
    made = Manifest.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(made, ensure_ascii=False, indent=2)


def check(files: Sequence[Path]) -> None:
    """Say of each file whether it could be put into force; needs no running platform. Exit code 2 when one could not."""
    texts = [(str(path), _content(path)) for path in files]
    known = loading.shipped()
    manifests = _sound(texts, known)
    for (name, _), manifest in zip(texts, manifests, strict=True):
        print(f"{name}: pack {manifest.pack.key} {manifest.pack.version} is right: {_counts(manifest)}")


def apply(files: Sequence[Path]) -> None:
    """Put packs into force on the running platform, all in one transaction; the built-in ones and the packs folder when none is named."""
    from chengyun.kernel.db import Scope, transaction
    from chengyun.kernel.http import Actor
    from chengyun.packs import service
    from chengyun.server.rooms import import_models

    import_models()
    texts = [(str(path), _content(path)) for path in files or loading.folder_files()]
    operator = Actor(name="chengyun pack apply", scope=Scope.everything())
    with transaction(Scope.everything()) as session:
        known = service.known_now(session)
        shipped = [] if files else list(loading.builtin().values())
        for manifest in shipped:
            known.learn(manifest)
        given = _sound(texts, known)
        own = {m.pack.key for m in given}
        done = service.apply_all(session, [*(m for m in shipped if m.pack.key not in own), *given], operator)
    for pack in done:
        said = f"is in force (revision {pack.revision})" if pack.changed else f"unchanged (revision {pack.revision})"
        print(f"pack {pack.key} {pack.version}: {said}")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _sound(texts: Sequence[tuple[str, bytes]], known: Known) -> list[Manifest]:
    """The manifests of the texts; prints what is wrong with them and leaves with code 2 when anything is.

    They may refer to each other, so `known` learns all of them first.
    """
    read = [(name, loading.read_manifest(text)) for name, text in texts]
    for _, manifest in read:
        if not isinstance(manifest, list):
            known.learn(manifest)
    wrong = False
    sound = []
    for name, manifest in read:
        errors = manifest if isinstance(manifest, list) else loading.unfit(manifest, known)
        for error in errors:
            print(_line(name, error))
        wrong = wrong or bool(errors)
        if not isinstance(manifest, list):
            sound.append(manifest)
    if wrong:
        sys.stdout.flush()
        raise typer.Exit(2)
    return sound


def _line(name: str, error: PackError) -> str:
    where = f"{error.path}: " if error.path else ""
    return f"{name}:{error.line}:{error.column}: {where}{error.message(_language())}"


def _language() -> str:
    """The operator's language, as the terminal says."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh-CN" if named.lower().startswith("zh") else "en"


def _counts(manifest: Manifest) -> str:
    parts = (
        (len(manifest.models), "model"),
        (len(manifest.rules), "rule"),
        (len(manifest.case_policies), "case policies" if len(manifest.case_policies) != 1 else "case policy"),
        (len(manifest.risk_types), "risk type"),
        (len(manifest.layers), "layer"),
    )
    return ", ".join(f"{n} {word if n == 1 or word.startswith('case') else word + 's'}" for n, word in parts)
