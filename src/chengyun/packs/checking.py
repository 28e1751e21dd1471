"""Whether the parts of a manifest fit each other and what is there already: models, metrics, commands, classes, other packs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chengyun.alarms.schemas import RuleSpec
from chengyun.alarms.service import misfits
from chengyun.cases.schemas import CasePolicySpec
from chengyun.devices.schemas import ArgumentSpec, CommandSpec, ModelSpec
from chengyun.packs.reader import Path
from chengyun.packs.schemas import Manifest
from chengyun.standards.classes import EXTENSION, ClassTable
from chengyun.standards.codes import Kind

_KIND_WORDS = {Kind.COMPONENT: ("部件", "component"), Kind.MATTER: ("事项", "matter")}


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit: where, which sentence, and what fills it. `at_name`: it is the name that is wrong."""

    path: Path
    code: str
    params: dict[str, Any] = field(default_factory=dict)
    at_name: bool = False


@dataclass
class Known:
    """What there is beside the manifest."""

    classes: ClassTable
    own_classes: bool = True
    """Whether the classes that the city added are among them; if not, the sentence says where they are known."""
    packs: set[str] = field(default_factory=set)
    models: dict[str, tuple[str, ModelSpec]] = field(default_factory=dict)
    rules: dict[str, tuple[str, RuleSpec]] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)

    def learn(self, manifest: Manifest) -> None:
        """Add what a pack brings; whatever it brought before is forgotten."""
        key = manifest.pack.key
        self.packs.add(key)
        self.models = {k: v for k, v in self.models.items() if v[0] != key}
        self.rules = {k: v for k, v in self.rules.items() if v[0] != key}
        self.layers = {k: v for k, v in self.layers.items() if v != key}
        # What belongs to another pack stays with it; `misfits_of` tells of the quarrel.
        self.models = {m.key: (key, m) for m in manifest.models} | self.models
        self.rules = {r.key: (key, r) for r in manifest.rules} | self.rules
        self.layers = {layer.key: key for layer in manifest.layers} | self.layers


def misfits_of(manifest: Manifest, known: Known) -> list[Finding]:
    """All that does not fit; `known` has learnt the manifest before."""
    return [
        *_twins("models", [m.key for m in manifest.models]),
        *_twins("rules", [r.key for r in manifest.rules]),
        *_twins("risk_types", [r.key for r in manifest.risk_types]),
        *_twins("layers", [layer.key for layer in manifest.layers]),
        *_twins("case_policies", [p.rule for p in manifest.case_policies], "rule"),
        *_taken(manifest, known),
        *(f for i, rule in enumerate(manifest.rules) for f in _rule(rule, known, ("rules", i))),
        *(f for i, policy in enumerate(manifest.case_policies) for f in _policy(policy, known, ("case_policies", i))),
        *_layers(manifest, known),
    ]


def _twins(part: str, keys: list[str], name: str = "key") -> Iterator[Finding]:
    first: dict[str, int] = {}
    for i, key in enumerate(keys):
        if key in first:
            yield Finding((part, i, name), "pack.twin", {"key": key, "twin": (part, first[key], name)})
        first.setdefault(key, i)


def _taken(manifest: Manifest, known: Known) -> Iterator[Finding]:
    own = manifest.pack.key
    owners: Iterable[tuple[str, str, list[str], Mapping[str, str]]] = (
        ("models", "pack.model_taken", [m.key for m in manifest.models], {k: v[0] for k, v in known.models.items()}),
        ("rules", "pack.rule_taken", [r.key for r in manifest.rules], {k: v[0] for k, v in known.rules.items()}),
        ("layers", "pack.layer_taken", [layer.key for layer in manifest.layers], known.layers),
    )
    for part, code, keys, owner in owners:
        for i, key in enumerate(keys):
            if owner.get(key, own) != own:
                yield Finding((part, i, "key"), code, {"key": key, "pack": owner[key]})


def _rule(rule: RuleSpec, known: Known, path: Path) -> Iterator[Finding]:
    model = known.models[rule.model][1] if rule.model in known.models else None
    faults = misfits(rule, model, "")
    yield from (Finding((*path, *_parts(fault.field)), fault.code, dict(fault.params)) for fault in faults)
    if model is None:
        return
    yield from _reach(rule, model, path)
    commands = {c.key: c for c in model.commands}
    for i, action in enumerate(rule.actions):
        if action.command in commands:
            yield from _arguments(commands[action.command], action.arguments, (*path, "actions", i))


def _parts(text: str) -> Path:
    """A path such as `.actions[2].command` in its parts."""
    words = text.replace("[", ".").replace("]", "").split(".")
    return tuple(int(word) if word.isdecimal() else word for word in words if word)


def _reach(rule: RuleSpec, model: ModelSpec, path: Path) -> Iterator[Finding]:
    """Thresholds that no reading can reach, or that each reading reaches."""
    metric = next((m for m in model.metrics if m.key == rule.metric), None)
    for i, level in enumerate(rule.levels):
        here = (*path, "levels", i)
        if rule.kind == "no_data" and level.threshold is not None and level.threshold <= model.expected_interval_seconds:
            params = {"value": _plain(level.threshold), "interval": model.expected_interval_seconds}
            yield Finding((*here, "threshold"), "pack.impatient", params)
        if metric is None or rule.kind in ("rate", "no_data"):
            continue
        for name in ("threshold",) if rule.kind in ("above", "below") else ("low", "high"):
            value = getattr(level, name)
            if value is not None and not metric.low <= value <= metric.high:
                params = {"value": _plain(value), "metric": metric.key, "low": _plain(metric.low), "high": _plain(metric.high)}
                yield Finding((*here, name), "pack.beyond_sensor", params)


def _plain(number: float) -> str:
    return f"{number:g}"


def _arguments(command: CommandSpec, given: dict[str, Any], path: Path) -> Iterator[Finding]:
    wanted = {a.key: a for a in command.arguments}
    for key, spec in wanted.items():
        if key not in given:
            yield Finding(path, "pack.argument_missing", {"command": command.key, "argument": key})
        elif (words := _argument_words(spec, given[key])) is not None:
            yield Finding((*path, "arguments", key), "pack.argument_value", {"argument": key, "zh": words[0], "en": words[1]})
    for key in given:
        if key not in wanted:
            yield Finding((*path, "arguments", key), "pack.argument_unknown", {"command": command.key, "argument": key[:40]}, True)


def _argument_words(spec: ArgumentSpec, value: Any) -> tuple[str, str] | None:
    """What an argument has to be, in both languages, when a value is not that."""
    if spec.kind == "boolean":
        return None if isinstance(value, bool) else ("true 或 false", "true or false")
    bounds_zh, bounds_en = _bounds(spec)
    if spec.kind == "text":
        if isinstance(value, str) and _within(spec, len(value)):
            return None
        return f"文本{bounds_zh}", f"a text{bounds_en}"
    if isinstance(value, int | float) and not isinstance(value, bool) and _within(spec, value):
        return None
    return f"数{bounds_zh}", f"a number{bounds_en}"


def _within(spec: ArgumentSpec, value: float) -> bool:
    return (spec.low is None or value >= spec.low) and (spec.high is None or value <= spec.high)


def _bounds(spec: ArgumentSpec) -> tuple[str, str]:
    if spec.low is None and spec.high is None:
        return "", ""
    low, high = ("" if bound is None else _plain(bound) for bound in (spec.low, spec.high))
    what_zh, what_en = (",长度 ", ", length ") if spec.kind == "text" else (",", " from ")
    return f"{what_zh}{low}–{high}", f"{what_en}{low}–{high}"


def _policy(policy: CasePolicySpec, known: Known, path: Path) -> Iterator[Finding]:
    if policy.rule not in known.rules:
        yield Finding((*path, "rule"), "pack.rule_unknown", {"rule": policy.rule})
    else:
        best = min(level.level for level in known.rules[policy.rule][1].levels)
        if best > policy.from_level:
            yield Finding((*path, "from_level"), "pack.never_opens", {"rule": policy.rule, "best": best})
    wanted = policy.class_
    if known.classes.get(wanted.edition, wanted.kind, wanted.code) is not None:
        return
    low, high = EXTENSION[wanted.edition]
    perhaps_own = not known.own_classes and low <= int(wanted.code[2:]) <= high
    zh, en = _KIND_WORDS[wanted.kind]
    params = {"edition": str(wanted.edition), "kind_zh": zh, "kind_en": en, "code": wanted.code}
    yield Finding((*path, "class", "code"), "pack.class_not_shipped" if perhaps_own else "pack.class_unknown", params)


def _layers(manifest: Manifest, known: Known) -> Iterator[Finding]:
    for i, layer in enumerate(manifest.layers):
        if layer.filter.model is not None and layer.filter.model not in known.models:
            yield Finding(("layers", i, "filter", "model"), "pack.model_unknown", {"model": layer.filter.model})
        if layer.filter.pack is not None and layer.filter.pack not in known.packs:
            yield Finding(("layers", i, "filter", "pack"), "pack.pack_unknown", {"pack": layer.filter.pack})
