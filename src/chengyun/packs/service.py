"""What the packs room does: check manifests, put them into force in one transaction, tell which ones there are."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import yaml
from sqlalchemy.orm import Session

import chengyun.packs.errors  # noqa: F401  (registers the sentences)
from chengyun.accounts import service as accounts  # noqa: F401  (registers the audit log)
from chengyun.alarms import service as alarms
from chengyun.cases import service as cases
from chengyun.devices import service as devices
from chengyun.devices.schemas import ModelSpec
from chengyun.kernel import clock
from chengyun.kernel.db import Scope
from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.outbox import emit
from chengyun.kernel.settings import get_settings
from chengyun.maps import service as maps
from chengyun.packs import repository
from chengyun.packs.checking import Known
from chengyun.packs.loading import builtin, load_text, ready, unfit
from chengyun.packs.models import Pack
from chengyun.packs.schemas import Applied, Manifest, PackDetail, PackError, PackOut, PackRevision
from chengyun.standards import service as standards

__all__ = ["apply", "apply_all", "apply_builtin", "apply_text", "check", "detail", "known_now", "load_text", "packs", "unfit"]

PLATFORM = Actor(name="chengyun", scope=Scope.everything())
"""Who puts packs into force when a program of the platform does it by itself."""


def known_now(session: Session) -> Known:
    """What a manifest may refer to on this platform."""
    known = Known(standards.class_table(session))
    for pack in repository.in_force(session):
        known.learn(Manifest.model_validate(pack.content))
    for model in devices.models(session, "en"):
        spec = ModelSpec.model_validate(model.model_dump(include=set(ModelSpec.model_fields)))
        known.models.setdefault(model.key, (model.pack, spec))
    known.layers |= maps.owners(session)
    return known


def check(session: Session, text: str) -> Manifest | list[PackError]:
    """The manifest of a text if it could be put into force now, or everything that is wrong with it."""
    return load_text(text, known_now(session))


def apply_text(session: Session, key: str, text: str | None, actor: Actor) -> Applied:
    """Put the manifest of a text into force, or without a text the one that stands ready under the key."""
    if not actor.scope.contains(get_settings().city_code):
        raise Problem("pack.city_only")
    if text is None:
        manifest: Manifest | list[PackError] | None = ready().get(key)
        if manifest is None:
            raise Problem("pack.not_ready", key=key)
    else:
        manifest = check(session, text)
    if isinstance(manifest, list):
        raise invalid(manifest)
    if manifest.pack.key != key:
        raise Problem("pack.key_differs", field="text", key=key, found=manifest.pack.key)
    return apply(session, manifest, actor)


def apply_builtin(session: Session) -> list[Applied]:
    """Put the packs that come with the platform into force; whatever is in force under their keys already stays as it is."""
    standing = {pack.key for pack in repository.in_force(session)}
    return apply_all(session, [manifest for key, manifest in builtin().items() if key not in standing], PLATFORM)


def apply(session: Session, manifest: Manifest, actor: Actor) -> Applied:
    """Put one pack into force in the running transaction; see `apply_all`."""
    return apply_all(session, [manifest], actor)[0]


def apply_all(session: Session, manifests: Sequence[Manifest], actor: Actor) -> list[Applied]:
    """Put packs into force in the running transaction: models, then rules, case policies and layers.

    What a pack no longer declares ends with it; its models stay for their devices. A pack that is in force to the last
    field is left alone. Refused as a whole when one does not fit, or breaks another pack that is in force.
    """
    repository.lock(session)
    current = {pack.key: pack for pack in repository.in_force(session)}
    _require_fit(session, manifests, current)
    sums = {m.pack.key: checksum(m) for m in manifests}
    fresh = [m for m in manifests if m.pack.key not in current or current[m.pack.key].checksum != sums[m.pack.key]]
    for manifest in fresh:
        for model in manifest.models:
            devices.put_model(session, manifest.pack.key, model)
    done = {m.pack.key: _put(session, m, sums[m.pack.key], current.get(m.pack.key), actor) for m in fresh}
    return [done.get(m.pack.key) or Applied(m.pack.key, m.pack.version, current[m.pack.key].revision, False) for m in manifests]


def _put(session: Session, manifest: Manifest, digest: str, before: Pack | None, actor: Actor) -> Applied:
    head = manifest.pack
    was = before.version if before else None
    changes = alarms.put_rules(session, head.key, manifest.rules)
    cases.put_policies(session, head.key, manifest.case_policies)
    maps.put_layers(session, head.key, manifest.layers)
    values = {
        "key": head.key,
        "version": head.version,
        "checksum": digest,
        "text": manifest.text or _written(manifest),
        "content": content(manifest),
        "applied_at": clock.now(),
        "applied_by": actor.name[:120],
    }
    revision = repository.add(session, values)
    told = {"version": head.version, "revision": revision, "version_before": was}
    audit(session, actor, "pack.apply", "pack", head.key, told | {"checksum": digest})
    emit(session, "ev.pack.applied", {"key": head.key, **told, "changes": changes}, get_settings().city_code)
    return Applied(head.key, head.version, revision, True)


def _require_fit(session: Session, manifests: Sequence[Manifest], current: dict[str, Pack]) -> None:
    known = known_now(session)
    for manifest in manifests:
        known.learn(manifest)
    for manifest in manifests:
        errors = unfit(manifest, known)
        if errors:
            raise invalid(errors)
    named = {m.pack.key for m in manifests}
    for key, pack in current.items():
        broken = [] if key in named else unfit(Manifest.model_validate(pack.content), known)
        if broken:
            raise Problem(
                "pack.breaks", pack=key, zh=f"{broken[0].path} {broken[0].message_zh}", en=f"{broken[0].path} {broken[0].message_en}"
            )


def invalid(errors: Sequence[PackError]) -> Problem:
    """The refusal of a manifest, with the place of each error."""
    found = [
        FieldError(e.path or "text", "pack.finding", {"line": e.line, "column": e.column, "zh": e.message_zh, "en": e.message_en})
        for e in errors
    ]
    places = [{"line": e.line, "column": e.column, "path": e.path} for e in errors]
    return Problem("pack.invalid", errors=found, extra={"places": places}, count=len(errors))


def content(manifest: Manifest) -> dict[str, Any]:
    """What a manifest declares, as plain JSON."""
    return manifest.model_dump(mode="json", by_alias=True)


def checksum(manifest: Manifest) -> str:
    """Digest of what a manifest declares; comments and the order of names do not count."""
    return hashlib.sha256(json.dumps(content(manifest), sort_keys=True).encode()).hexdigest()


def _written(manifest: Manifest) -> str:
    """YAML of a manifest that was not read from a text."""
    plain = manifest.model_dump(mode="json", by_alias=True, exclude_none=True)
    return str(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False))


def packs(session: Session, lang: str) -> list[PackOut]:
    """Packs in force, and those that stand ready but were never put into force."""
    current = {pack.key: pack for pack in repository.in_force(session)}
    waiting = ready()
    found = []
    for key in sorted({*current, *waiting}):
        manifest = Manifest.model_validate(current[key].content) if key in current else waiting[key]
        found.append(PackOut(**_summary(manifest, current.get(key), waiting.get(key), lang)))
    return found


def detail(session: Session, key: str, revision: int | None, lang: str) -> PackDetail:
    """A pack with its source, its parts and its history; an earlier revision of it where one is named."""
    pack = repository.one(session, key, revision)
    waiting = ready().get(key)
    if pack is None and (waiting is None or revision is not None):
        raise Problem("object.not_found")
    manifest = Manifest.model_validate(pack.content) if pack else waiting
    if manifest is None:
        raise Problem("object.not_found")
    return PackDetail(
        **_summary(manifest, pack, waiting, lang),
        text=pack.text if pack else manifest.text,
        manifest=manifest,
        history=[PackRevision.model_validate(row) for row in repository.history(session, key)],
    )


def _summary(manifest: Manifest, pack: Pack | None, waiting: Manifest | None, lang: str) -> dict[str, Any]:
    head = manifest.pack
    chinese = lang.startswith("zh")
    return {
        "key": head.key,
        "version": head.version,
        "name": head.name_zh if chinese else head.name_en,
        "name_zh": head.name_zh,
        "name_en": head.name_en,
        "description": head.description_zh if chinese else head.description_en,
        "in_force": bool(pack and pack.in_force),
        "revision": pack.revision if pack else None,
        "applied_at": pack.applied_at if pack else None,
        "applied_by": pack.applied_by if pack else None,
        "ready_version": waiting.pack.version if waiting else None,
        **{part: len(getattr(manifest, part)) for part in ("models", "rules", "case_policies", "risk_types", "layers")},
    }
