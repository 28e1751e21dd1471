"""What the alarms room does for officers, packs and the rooms above."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import chengyun.alarms.errors  # noqa: F401  (registers the sentences)
from chengyun.alarms import settle, writer
from chengyun.alarms.models import Alarm, AlarmEvent, AlarmRule
from chengyun.alarms.repository import lists, rules, writing
from chengyun.alarms.schemas import RuleSpec
from chengyun.devices import service as devices
from chengyun.devices.schemas import ModelOut, ModelSpec
from chengyun.kernel import clock
from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.outbox import emit
from chengyun.kernel.raw import raw


def put_rules(session: Session, pack: str, specs: Sequence[RuleSpec]) -> list[str]:
    """Bring the rules of a pack into force: a changed one as a new version, a missing one ends and its alarms are closed.

    Returns the keys that changed. Rules and devices' models must fit; every misfit is told at once.
    """
    _check(session, specs)
    rules.lock(session)
    now = clock.now()
    wanted = {spec.key: spec for spec in specs}
    standing = {rule.key: rule for rule in rules.current(session, list(wanted))}
    for key, rule in standing.items():
        if rule.pack != pack:
            raise Problem("rule.taken", rule=key, pack=rule.pack)
    gone = [rule.key for rule in rules.current(session, pack=pack) if rule.key not in wanted]
    changed = [key for key, spec in wanted.items() if key not in standing or RuleSpec.model_validate(standing[key].spec) != spec]
    rules.end(session, [*changed, *gone], now)
    versions = rules.last_versions(session, changed)
    rules.add(session, [_row(pack, wanted[key], versions.get(key, 0) + 1, now) for key in changed])
    if gone:
        session.flush()
        settle.close_of_rules(raw(session), gone, now)
    return [*changed, *gone]


def _row(pack: str, spec: RuleSpec, version: int, now: datetime) -> AlarmRule:
    return AlarmRule(
        key=spec.key, version=version, pack=pack, name_zh=spec.name_zh, name_en=spec.name_en, model=spec.model,
        metric=spec.metric or "", kind=spec.kind, spec=spec.model_dump(mode="json", exclude_none=True), source=spec.source,
        valid_from=now, valid_to=None,
    )  # fmt: skip


def _check(session: Session, specs: Sequence[RuleSpec]) -> None:
    models = {model.key: model for model in devices.models(session, "en")}
    found = [error for i, spec in enumerate(specs) for error in misfits(spec, models.get(spec.model), f"rules[{i}]")]
    keys = [spec.key for spec in specs]
    found += [FieldError(f"rules[{i}].key", "rule.twice", {"rule": key}) for i, key in enumerate(keys) if key in keys[:i]]
    if found:
        raise Problem("request.invalid", 422, errors=found, count=len(found))


def misfits(spec: RuleSpec, model: ModelSpec | ModelOut | None, path: str) -> list[FieldError]:
    """Where a rule names what its device model does not have."""
    if model is None:
        return [FieldError(f"{path}.model", "rule.model_unknown", {"model": spec.model})]
    found = []
    if spec.metric is not None and spec.metric not in {metric.key for metric in model.metrics}:
        found.append(FieldError(f"{path}.metric", "rule.metric_unknown", {"model": spec.model, "metric": spec.metric}))
    known = {command.key for command in model.commands}
    for i, action in enumerate(spec.actions):
        if action.command not in known:
            params = {"model": spec.model, "command": action.command}
            found.append(FieldError(f"{path}.actions[{i}].command", "rule.command_unknown", params))
    return found


def get(session: Session, alarm_id: UUID) -> Alarm:
    """An alarm in the caller's area."""
    found = lists.one(session, alarm_id)
    if found is None:
        raise Problem("object.not_found")
    return found[0]


def words_of_rule(session: Session, key: str, version: int, lang: str) -> tuple[str, str]:
    """Names of a rule in one version and of the metric that it judges; their keys where nothing is known."""
    rule = lists.rule(session, key, version)
    if rule is None:
        return key, ""
    chinese = lang.startswith("zh")
    metric = devices.metric_name(session, rule.model, rule.metric, lang) if rule.metric else ""
    return (rule.name_zh if chinese else rule.name_en), metric


def attach_case(session: Session, alarm_id: UUID, case_id: UUID) -> bool:
    """Name the case that an alarm has opened; False when it has one already."""
    done = lists.attach(session, alarm_id, case_id)
    if done:
        alarm = get(session, alarm_id)
        _log(session, alarm, "case", "", str(case_id))
    return done


def event_data(session: Session, alarm: Alarm) -> dict[str, Any]:
    """What events say of an alarm, for rooms above that act on one."""
    device = writing.devices(raw(session), [alarm.device_id])[alarm.device_id]
    return writer.event_data(alarm, device)


def _log(session: Session, alarm: Alarm, kind: str, actor: str, text: str) -> None:
    session.add(
        AlarmEvent(
            alarm_id=alarm.id, region_code=alarm.region_code, time=clock.now(), kind=kind, level=alarm.level, value=None, actor=actor,
            text=text,
        )
    )  # fmt: skip


def _held(session: Session, alarm_id: UUID, revision: int | None) -> Alarm:
    """An alarm to be changed; refused when somebody else was first. The device is held before its alarms, as the watch does."""
    device_id = lists.device_of(session, alarm_id)
    if device_id is not None:
        writing.held_devices(raw(session), [device_id])
    alarm = lists.held(session, alarm_id)
    if alarm is None:
        raise Problem("object.not_found")
    if revision is not None and revision != alarm.revision:
        raise Problem("alarm.changed", extra={"revision": alarm.revision, "state": alarm.state})
    return alarm


def acknowledge(session: Session, actor: Actor, alarm_id: UUID, revision: int | None, note: str) -> Alarm:
    """An officer takes an alarm over."""
    alarm = _held(session, alarm_id, revision)
    if alarm.state != "raised":
        raise Problem("alarm.state", state=alarm.state)
    alarm.state, alarm.acknowledged_at, alarm.acknowledged_by = "acknowledged", clock.now(), actor.name
    return _done(session, actor, alarm, "acknowledged", note)


def close(session: Session, actor: Actor, alarm_id: UUID, revision: int | None, reason: str) -> Alarm:
    """An officer closes an alarm; while its condition lasts that needs a reason, and it stays closed until it has gone."""
    alarm = _held(session, alarm_id, revision)
    if alarm.state == "closed":
        raise Problem("alarm.state", state=alarm.state)
    if alarm.state != "cleared" and not reason:
        raise Problem("alarm.reason_needed", field="reason")
    alarm.state, alarm.closed_at, alarm.closed_reason = "closed", clock.now(), reason or None
    return _done(session, actor, alarm, "closed", reason)


def note(session: Session, actor: Actor, alarm_id: UUID, text: str) -> Alarm:
    """A remark on the history."""
    alarm = _held(session, alarm_id, None)
    _log(session, alarm, "note", actor.name, text)
    audit(session, actor, "alarm.note", "alarm", alarm.id, {"text": text}, alarm.region_code)
    return alarm


def _done(session: Session, actor: Actor, alarm: Alarm, what: str, text: str) -> Alarm:
    alarm.revision += 1
    _log(session, alarm, what, actor.name, text)
    session.flush()
    writer.set_worst(raw(session), [alarm.device_id])
    emit(session, f"ev.alarm.{what}", event_data(session, alarm), alarm.region_code)
    audit(session, actor, f"alarm.{what}", "alarm", alarm.id, {"text": text} if text else {}, alarm.region_code)
    return alarm
