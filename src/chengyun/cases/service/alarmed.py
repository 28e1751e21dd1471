"""Cases that alarms open: once for each alarm, by the policy of the rule or by hand; what the alarm does later goes onto the timeline."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.alarms import service as alarms
from chengyun.alarms.repository import lists as alarm_lists
from chengyun.cases.clocks import Limit
from chengyun.cases.models import CasePolicy, CaseRecord
from chengyun.cases.repository import records, rules
from chengyun.cases.schemas import ClassIn, OpenIn
from chengyun.cases.service import intake, steps
from chengyun.cases.workflow import Operation, State, edge
from chengyun.kernel.db import Scope
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor
from chengyun.kernel.ids import uuid7
from chengyun.kernel.settings import get_settings
from chengyun.standards.codes import Edition, Kind
from chengyun.standards.worktime import TimeUnit

PLATFORM = Actor(name="平台", scope=Scope.everything())
LEVELS = {1: ("红色", "red"), 2: ("橙色", "orange"), 3: ("黄色", "yellow"), 4: ("蓝色", "blue")}


def follow(session: Session, kind: str, alarm: dict[str, Any], region_code: str) -> CaseRecord | None:
    """What an alarm's event means for cases: `raised` and `level` open one where the policy says so, all are noted on it."""
    alarm_id = UUID(str(alarm["id"]))
    record = records.by_alarm(session, alarm_id)
    if record is not None:
        _note(session, record, kind, alarm)
        return record
    policy = rules.policy(session, str(alarm["rule"]))
    if kind == "cleared" or policy is None or int(alarm["level"]) > policy.from_level:
        return None
    return _open(session, PLATFORM, alarm, region_code, _by_policy(policy))


def open_by_hand(session: Session, actor: Actor, alarm_id: UUID, body: OpenIn) -> CaseRecord:
    """Open a case for an alarm because an officer says so; refuses a second one."""
    found = alarm_lists.one(session, alarm_id)
    if found is None:
        raise Problem("object.not_found")
    said, region_code = _said(found)
    before = records.by_alarm(session, alarm_id)
    if before is not None:
        raise Problem("case.alarm_taken", number=before.number, extra={"case_id": str(before.id)})
    policy = rules.policy(session, str(said["rule"]))
    new = _by_policy(policy) if policy else intake.NewCase("alarm", "", "", "")
    if body.class_ is not None:
        intake.check_class(session, body.class_)
        new = replace(new, class_=body.class_)
    if new.class_ is None:
        raise Problem("case.class_needed", field="class")
    new = replace(new, title=body.title or new.title, description=body.description, urgency=body.urgency or new.urgency)
    return _open(session, actor, said, region_code, new)


def _said(found: alarm_lists.Joined) -> tuple[dict[str, Any], str]:
    """An alarm in the words of its events, and its area."""
    alarm, _, device_name, *_ = found
    names = ("id", "device_id", "rule_version", "level", "metric", "value", "unit", "threshold", "lon", "lat")
    said = {name: getattr(alarm, name) for name in names}
    return said | {"rule": alarm.rule_key, "device_name": device_name}, alarm.region_code


def _by_policy(policy: CasePolicy) -> intake.NewCase:
    limit = None
    if policy.limit_amount is not None and policy.limit_unit is not None:
        limit = Limit(policy.limit_amount, TimeUnit(policy.limit_unit))
    return intake.NewCase(
        source="alarm",
        title=policy.title_zh if _language() == 0 else policy.title_en,
        description="",
        region_code="",
        class_=ClassIn(edition=Edition(policy.edition), kind=Kind(policy.class_kind), code=policy.class_code),
        urgency=policy.urgency,
        policy_id=policy.id,
        limit=limit,
    )


def _open(session: Session, actor: Actor, alarm: dict[str, Any], region_code: str, new: intake.NewCase) -> CaseRecord:
    alarm_id, device = UUID(str(alarm["id"])), str(alarm["device_name"])
    lang = get_settings().language
    words = described(alarm, *alarms.words_of_rule(session, str(alarm["rule"]), int(alarm["rule_version"]), lang), lang)
    full = replace(
        new,
        title=f"{new.title or intake.check_class(session, new.class_) if new.class_ else new.title} · {device}"[:200],
        description=f"{new.description}\n{words}".strip()[:2000],
        region_code=region_code,
        lon=alarm.get("lon"),
        lat=alarm.get("lat"),
        address=str(alarm.get("address") or device)[:300],
        alarm_id=alarm_id,
        device_id=UUID(str(alarm["device_id"])),
    )
    said = {"alarm_state": {name: alarm.get(name) for name in ("rule", "rule_version", "level", "metric", "value", "unit", "threshold")}}
    record = intake.open_case(session, actor, full, uuid7(), said)
    alarms.attach_case(session, alarm_id, record.id)
    return record


def _language() -> int:
    """Place of the platform's language in pairs of words: a case is written once, for all who read it."""
    return 0 if get_settings().language.startswith("zh") else 1


def described(alarm: dict[str, Any], rule: str, metric: str, lang: str) -> str:
    """An alarm in a sentence: `橙色告警:渝中-0001 的甲烷为 27.5 %LEL,阈值 25 %LEL(规则“甲烷超限”第 1 版)`."""
    chinese = lang.startswith("zh")
    level = LEVELS[int(alarm["level"])]
    unit = f" {alarm['unit']}" if alarm.get("unit") else ""
    value, threshold = alarm.get("value"), alarm.get("threshold")
    if chinese:
        words = f"{level[0]}告警:{alarm['device_name']}"
        if metric and value is not None:
            words += f" 的{metric}为 {value:g}{unit}"
        words += f",阈值 {threshold:g}{unit}" if threshold is not None else ""
        return f"{words}(规则“{rule}”第 {alarm['rule_version']} 版)"
    words = f"{level[1].capitalize()} alarm: {alarm['device_name']}"
    if metric and value is not None:
        words += f", {metric} {value:g}{unit}"
    words += f", threshold {threshold:g}{unit}" if threshold is not None else ""
    return f"{words} (rule “{rule}”, version {alarm['rule_version']})"


_SAID = {
    "raised": ("告警再次触发", "The alarm has come back"),
    "level": ("告警级别变为{level}", "The alarm is now {level}"),
    "cleared": ("告警已解除", "The alarm has ended"),
}


def _note(session: Session, record: CaseRecord, kind: str, alarm: dict[str, Any]) -> None:
    line = edge(State(record.state), Operation.NOTE)
    if line is None:
        raise AssertionError("a note is possible in every state")
    chosen = _language()
    note = _SAID[kind][chosen].format(level=LEVELS[int(alarm["level"])][chosen])
    value = {name: alarm.get(name) for name in ("level", "value", "unit", "state")}
    steps.apply(session, record, line, PLATFORM, {}, {"note": note, "alarm": value})
