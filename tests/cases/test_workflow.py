"""The life of a case through HTTP, by the table of states and operations."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chengyun.cases.service import verify
from chengyun.cases.workflow import EDGES, ENDS, OPEN, STAGES, Operation, State, edge, possible
from chengyun.kernel.db import Scope, read_only
from tests.support.cases import YUZHONG, Office, Person, walk

MAIN = ("reported", "accepted", "filed", "dispatched", "handling", "handled", "checked", "closed")
REASON = {"reason": "重复上报"}
NEEDS: dict[Operation, dict[str, Any]] = {
    Operation.REJECT: REASON,
    Operation.REFUSE: REASON,
    Operation.SEND_BACK: REASON,
    Operation.CHECK_FAIL: REASON,
    Operation.VOID: REASON,
    Operation.HANDLE: {"feedback": "已清运"},
    Operation.NOTE: {"note": "请尽快"},
}


def who(office: Office, operation: Operation) -> Person:
    if operation in (Operation.SIGN, Operation.SEND_BACK, Operation.HANDLE):
        return office.handler
    return office.supervisor if operation in (Operation.CHECK_PASS, Operation.CHECK_FAIL) else office.desk


def body(office: Office, operation: Operation) -> dict[str, Any]:
    if operation is Operation.DISPATCH:
        return {"unit_id": str(office.units[f"unit-{YUZHONG}-sanitation"])}
    return NEEDS.get(operation, {})


def reach(office: Office, state: State) -> dict[str, Any]:
    """A case in a state."""
    case = office.supervisor.report()
    if state is State.REJECTED:
        return office.desk.do(case, "reject", **REASON)
    if state is State.REFUSED:
        return office.desk.do(walk(office, case, "accepted"), "refuse", **REASON)
    if state is State.VOID:
        return office.desk.do(walk(office, case, "accepted"), "void", **REASON)
    return walk(office, case, state)


def test_30428_8__a_case_from_report_to_closing(office: Office) -> None:
    case = office.supervisor.report()
    assert (case["state"], case["stage"], case["revision"]) == ("reported", "accept", 1)
    assert case["title"].startswith("暴露垃圾")
    case = walk(office, case, "closed")
    assert (case["state"], case["stage"], case["deadline"], case["on_time"], case["revision"]) == ("closed", "done", None, True, 8)
    events = office.leader.get(f"/cases/{case['id']}/timeline")
    assert [e["operation"] for e in events] == ["report", "accept", "file", "dispatch", "sign", "handle", "check_pass", "close"]
    assert [e["sequence"] for e in events] == list(range(1, 9))
    assert len({e["hash"] for e in events}) == 8


@pytest.mark.parametrize("state", list(State))
def test_every_operation_in_every_state_does_what_the_table_says(office: Office, state: State) -> None:
    for operation in Operation:
        if operation is Operation.REPORT:
            continue
        case = reach(office, state)
        person, line = who(office, operation), edge(state, operation)
        answer = person.do(case, operation, None, **body(office, operation))
        if line is None:
            assert (answer["status"], answer["code"]) == (409, "case.not_allowed"), (state, operation)
            mine = [o for o in possible(state) if answers_to(office, person, o)]
            assert answer["allowed"] == mine
        else:
            assert answer["state"] == line.target, (state, operation, answer)
            assert answer["stage"] == STAGES[line.target]
            assert answer["revision"] == case["revision"] + 1
            assert (answer["deadline"] is None) == (line.target in ENDS)


def answers_to(office: Office, person: Person, operation: Operation) -> bool:
    """Whether somebody's post gives one of the permissions that an operation needs, in any state."""
    lines = [line for line in EDGES if line.operation is operation]
    return any(person.actor.can(p) for p in lines[0].permissions)


def test_buttons_say_what_is_possible_and_why_not(office: Office) -> None:
    case = walk(office, office.supervisor.report(), "dispatched")
    for person, expected in ((office.handler, {"sign", "send_back", "note"}), (office.district, {"sign", "send_back", "note"})):
        actions = {a["operation"]: a for a in person.get(f"/cases/{case['id']}")["actions"]}
        assert {name for name, a in actions.items() if a["allowed"]} == expected
        assert all((a["reason"] is None) == a["allowed"] for a in actions.values())
    actions = {a["operation"]: a["reason"] for a in office.other.get(f"/cases/{case['id']}")["actions"]}
    assert "渝中sanitation" in actions["sign"]
    assert actions["accept"] == "案件待签收,不能受理;现在可以:批注"
    assert actions["void"].startswith("您的岗位没有作废的权限")


def test_only_the_unit_it_was_dispatched_to_can_sign_and_handle(office: Office) -> None:
    case = walk(office, office.supervisor.report(), "dispatched")
    assert office.other.do(case, "sign", None)["code"] == "case.other_unit"
    assert office.desk.do(case, "sign", None)["code"] == "case.not_permitted"
    assert office.stranger.post(f"/cases/{case['id']}/note", None, note="?")["code"] == "object.not_found"
    case = office.district.do(case, "sign")
    assert office.other.do(case, "handle", None, feedback="完成")["code"] == "case.other_unit"


def test_the_second_of_two_officers_is_told_that_the_case_has_changed(office: Office) -> None:
    for _ in range(5):
        case = office.supervisor.report()
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda p, c=case: p.do(c, "accept", None), (office.desk, office.second)))
        won = [a for a in answers if "state" in a and "code" not in a]
        lost = [a for a in answers if "code" in a]
        assert [a["state"] for a in won] == ["accepted"]
        assert [(a["status"], a["code"], a["revision"], a["state"]) for a in lost] == [(409, "case.changed", 2, "accepted")]
        assert len(office.desk.get(f"/cases/{case['id']}/timeline")) == 2


def test_sending_back_voids_the_clock_of_the_unit(office: Office) -> None:
    case = walk(office, office.supervisor.report(), "dispatched")
    assert case["handling_deadline"]
    assert case["unit"]
    case = office.handler.do(case, "send_back", reason="不属于我单位职责")
    assert (case["state"], case["unit"], case["handling_deadline"]) == ("filed", None, None)
    assert case["id"] not in mine(office.handler)
    other = str(office.units[f"unit-{YUZHONG}-facilities"])
    case = office.desk.do(case, "dispatch", unit_id=other)
    assert case["id"] in mine(office.other)
    assert case["id"] not in mine(office.handler)


def mine(person: Person) -> set[str]:
    return {c["id"] for c in person.get("/cases", queue="mine", limit=200)["items"]}


def test_a_failed_check_brings_it_back_with_the_time_that_was_left(office: Office) -> None:
    case = walk(office, office.supervisor.report(), "handling")
    office.time.advance(3600)  # one of four working hours
    case = office.handler.do(case, "handle", feedback="已清运")
    assert (case["on_time"], case["handling_deadline"]["used_share"]) == (True, 0.25)
    office.time.advance(3600 * 3.5)  # the check takes its time: 11:00 to 14:30
    case = office.supervisor.do(case, "check_fail", reason="仍有遗留")
    assert (case["state"], case["rework_count"], case["on_time"]) == ("handling", 1, None)
    assert case["handling_deadline"]["due_at"].startswith("2026-11-23T09:30")  # three hours left from 14:30
    assert case["handling_deadline"]["used_share"] == 0.25
    office.time.advance(3600 * 4)
    case = office.handler.do(case, "handle", feedback="再次清运")
    assert (case["on_time"], case["handling_deadline"]["colour"]) == (False, "red")


def test_a_case_needs_a_class_before_it_is_filed(office: Office) -> None:
    case = walk(office, office.supervisor.report(**{"class": None}), "accepted")
    assert case["class"] is None
    assert office.desk.do(case, "file", None)["code"] == "case.class_needed"
    unknown = {"edition": "47678.5-2026", "kind": "component", "code": "01016"}
    assert office.desk.do(case, "file", None, **{"class": unknown})["code"] == "code.class_unknown"
    case = office.desk.do(case, "file", **{"class": {"kind": "component", "code": "01002"}, "urgency": "urgent"})
    assert (case["class"]["name"], case["urgency"], case["state"]) == ("污水井盖", "urgent", "filed")
    case = office.desk.do(case, "dispatch", unit_id=str(office.units[f"unit-{YUZHONG}-facilities"]))
    assert (case["handling_deadline"]["limit"], case["handling_deadline"]["unit"]) == (2, "urgent_hour")


def test_units_are_suggested_with_a_reason(office: Office) -> None:
    expected = [("component", "01002", "facilities"), ("component", "01018", "sanitation"), ("matter", "06010", "sanitation"),
                ("matter", "06013", "facilities"), ("matter", "09006", "enforcement"), ("matter", "04002", "greening")]  # fmt: skip
    for kind, code, trade in expected:
        units = office.desk.get("/cases/units", kind=kind, class_code=code, region_code="500103013")
        assert units[0]["id"] == str(office.units[f"unit-{YUZHONG}-{trade}"]), code
        assert [u["suggested"] for u in units] == [True] + [False] * (len(units) - 1)
        assert units[0]["reason"]
    # No construction unit there: the district arranges it.
    units = office.desk.get("/cases/units", kind="matter", class_code="08001", region_code="500103013")
    assert (units[0]["id"], units[0]["suggested"]) == (str(office.units[f"district-{YUZHONG}"]), True)
    assert office.desk.get("/cases/units", region_code="500103")[0]["kind"] == "district"


def test_a_unit_of_another_area_is_refused(office: Office) -> None:
    case = walk(office, office.supervisor.report(), "filed")
    answer = office.desk.do(case, "dispatch", None, unit_id=str(office.units["unit-500106-sanitation"]))
    assert answer["code"] == "case.unit_area"
    assert office.desk.do(case, "dispatch", None, unit_id="00000000-0000-0000-0000-000000000009")["code"] == "case.unit_unknown"


def test_table_is_complete() -> None:
    assert set(OPEN) | ENDS == set(State)
    reached = {line.target for line in EDGES}
    assert reached == set(State)
    for state in OPEN:
        assert set(possible(state)) - {Operation.NOTE}, state
    for state in ENDS:
        assert possible(state) == [Operation.NOTE]
    assert all(line.clause and line.permissions for line in EDGES)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([o for o in Operation if o is not Operation.REPORT]), min_size=1, max_size=12))
def test_any_sequence_of_operations_keeps_chain_and_counts(office: Office, wanted: list[Operation]) -> None:
    case = office.supervisor.report()
    done = 1
    for operation in wanted:
        answer = who(office, operation).do(case, operation, None, **body(office, operation))
        line = edge(State(case["state"]), operation)
        assert ("code" in answer) == (line is None)
        if line is not None:
            case, done = answer, done + 1
            assert case["state"] == line.target
    assert case["revision"] == done
    assert len(office.desk.get(f"/cases/{case['id']}/timeline")) == done
    with read_only(Scope.everything()) as session:
        found = verify(session, case["number"])
    assert (found.cases, found.events, found.faults) == (1, done, [])
