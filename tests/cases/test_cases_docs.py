"""docs/cases.md says what the program does."""

from pathlib import Path

from chengyun.cases.api import BODIES, QUEUE_NAMES
from chengyun.cases.workflow import EDGES, OPERATION_NAMES, STATE_NAMES, Clock, Operation, State

PAGE = (Path(__file__).parents[2] / "docs" / "cases.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table after a heading, without its head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_state_is_explained_in_order() -> None:
    assert [(r[0].strip("`"), r[1]) for r in rows("States")] == [(s, STATE_NAMES[s][0]) for s in State]


def test_every_line_of_the_table_is_there_with_its_clause() -> None:
    documented = set()
    for sources, operation, target, permission, clause, clock in rows("Operations"):
        for source in (s.strip("`") for s in sources.split()):
            documented.add((source, operation.strip("`"), target.strip("`"), permission.strip("`"), clause, clock.strip("`")))
    expected = {
        (e.source or "–", e.operation, e.target, e.permissions[0], e.clause, e.clock) for e in EDGES if e.operation is not Operation.NOTE
    }
    note = next(e for e in EDGES if e.operation is Operation.NOTE)
    expected.add(("any", note.operation, "the same", "any post that works on cases", note.clause, note.clock))
    assert documented == expected
    assert set(BODIES) == set(Operation) - {Operation.REPORT}
    assert set(OPERATION_NAMES) == set(Operation)


def test_clocks_and_queues_are_explained() -> None:
    for clock in Clock:
        assert f"`{clock}`" in PAGE
    for queue in QUEUE_NAMES:
        assert f"`{queue}`" in PAGE
