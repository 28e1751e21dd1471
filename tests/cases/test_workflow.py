"""The life of a case through HTTP, by the table of states and operations."""

from tests.support.cases import Office, walk


def test_a_case_from_report_to_closing(office: Office) -> None:
    case = office.supervisor.report()
    assert (case["state"], case["stage"], case["revision"]) == ("reported", "accept", 1)
    assert case["title"].startswith("暴露垃圾")
    case = walk(office, case, "closed")
    assert (case["state"], case["stage"], case["deadline"], case["on_time"], case["revision"]) == ("closed", "done", None, True, 8)
    events = office.leader.get(f"/cases/{case['id']}/timeline")
    assert [e["operation"] for e in events] == ["report", "accept", "file", "dispatch", "sign", "handle", "check_pass", "close"]
    assert [e["sequence"] for e in events] == list(range(1, 9))
    assert len({e["hash"] for e in events}) == 8
