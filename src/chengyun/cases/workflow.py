"""The life of a case: one table of what may follow what, who may do it, where it comes from and what it does to the clocks.

Everything else derives from this table: what the API allows and why it refuses, the buttons of the web client, the queues,
and docs/cases.md (a test compares them). 核实 verifies a report before filing, 核查 checks the result before closing.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a case stands."""

    REPORTED = "reported"
    ACCEPTED = "accepted"
    FILED = "filed"
    DISPATCHED = "dispatched"
    HANDLING = "handling"
    HANDLED = "handled"
    CHECKED = "checked"
    CLOSED = "closed"
    REJECTED = "rejected"
    REFUSED = "refused"
    VOID = "void"


class Operation(StrEnum):
    """What is done to a case."""

    REPORT = "report"
    ACCEPT = "accept"
    REJECT = "reject"
    FILE = "file"
    REFUSE = "refuse"
    DISPATCH = "dispatch"
    SIGN = "sign"
    SEND_BACK = "send_back"
    HANDLE = "handle"
    CHECK_PASS = "check_pass"  # noqa: S105  (no password)
    CHECK_FAIL = "check_fail"
    CLOSE = "close"
    VOID = "void"
    NOTE = "note"


class Clock(StrEnum):
    """What an operation does to the clocks of a case."""

    NEXT = "next"  # the clock of the stage stops, that of the next stage starts
    START = "start"  # the same, and the handling clock starts
    CANCEL = "cancel"  # the handling clock of the unit is void; the clock of dispatching starts again
    STOP = "stop"  # the handling clock stops: on time or not is decided; the clock of checking starts
    RESUME = "resume"  # the handling clock goes on with what was left; the time in check does not count
    END = "end"  # all clocks stop
    NONE = "none"


STAGES: dict[State, str] = {
    State.REPORTED: "accept",
    State.ACCEPTED: "file",
    State.FILED: "dispatch",
    State.DISPATCHED: "sign",
    State.HANDLING: "handle",
    State.HANDLED: "check",
    State.CHECKED: "close",
    State.CLOSED: "done",
    State.REJECTED: "done",
    State.REFUSED: "done",
    State.VOID: "done",
}
"""The step that a case waits for in each state; it names the clock that runs."""

ENDS = frozenset(state for state, stage in STAGES.items() if stage == "done")
OPEN = tuple(state for state in State if state not in ENDS)
# Whose turn it is in these states is the unit that the case was dispatched to, nobody else's.
UNIT_OPERATIONS = frozenset({Operation.SIGN, Operation.SEND_BACK, Operation.HANDLE})

_NOTERS = (
    "case.report", "case.accept", "case.file", "case.dispatch", "case.sign", "case.handle", "case.check", "case.close", "case.supervise",
)  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """One line of the table. `source` is None for a new case; any one of `permissions` suffices; `event` is told to other rooms."""

    source: State | None
    operation: Operation
    target: State
    permissions: tuple[str, ...]
    clause: str
    clock: Clock
    event: str | None


def _edge(source: State | None, operation: Operation, target: State, permission: str, clause: str, clock: Clock, event: str) -> Edge:
    return Edge(source, operation, target, (permission,), clause, clock, event)


S, O, C = State, Operation, Clock  # noqa: E741  (letters keep the table readable)
_COLLECT, _FILE = "GB/T 30428.7-2017 信息采集", "GB/T 30428.8-2020 立案"
_HANDLE, _END, _COMMAND = "GB/T 30428.8-2020 处置", "GB/T 30428.8-2020 结案", "CJJ/T 312-2021 指挥协调"

EDGES: tuple[Edge, ...] = (
    # from          operation        to            permission        clause                       clocks     event
    _edge(None,         O.REPORT,     S.REPORTED,   "case.report",   _COLLECT + "·上报",           C.NEXT,   "reported"),
    _edge(S.REPORTED,   O.ACCEPT,     S.ACCEPTED,   "case.accept",   _COMMAND + "·受理",           C.NEXT,   "accepted"),
    _edge(S.REPORTED,   O.REJECT,     S.REJECTED,   "case.accept",   _COMMAND + "·不予受理",       C.END,    "rejected"),
    _edge(S.ACCEPTED,   O.FILE,       S.FILED,      "case.file",     _FILE + "·立案条件",           C.NEXT,   "filed"),
    _edge(S.ACCEPTED,   O.REFUSE,     S.REFUSED,    "case.file",     _FILE + "·不立案",             C.END,    "refused"),
    _edge(S.FILED,      O.DISPATCH,   S.DISPATCHED, "case.dispatch", _COMMAND + "·任务派遣",       C.START,  "dispatched"),
    _edge(S.DISPATCHED, O.SIGN,       S.HANDLING,   "case.sign",     _COMMAND + "·签收",           C.NEXT,   "signed"),
    _edge(S.DISPATCHED, O.SEND_BACK,  S.FILED,      "case.sign",     _COMMAND + "·回退",           C.CANCEL, "sent_back"),
    _edge(S.HANDLING,   O.HANDLE,     S.HANDLED,    "case.handle",   _HANDLE + "·处置时限、反馈",   C.STOP,   "handled"),
    _edge(S.HANDLED,    O.CHECK_PASS, S.CHECKED,    "case.check",    _COLLECT + "·核查",           C.NEXT,   "check_passed"),
    _edge(S.HANDLED,    O.CHECK_FAIL, S.HANDLING,   "case.check",    _COLLECT + "·核查(返工)",     C.RESUME, "check_failed"),
    _edge(S.CHECKED,    O.CLOSE,      S.CLOSED,     "case.close",    _END + "·结案条件",            C.END,    "closed"),
    *(_edge(state,      O.VOID,       S.VOID,       "case.supervise", _COMMAND + "·作废",           C.END,    "voided")
      for state in OPEN if state is not S.REPORTED),
    *(Edge(state,       O.NOTE,       state,        _NOTERS,         _COMMAND + "·督办、批注",     C.NONE,   None) for state in State),
)  # fmt: skip

TABLE: dict[tuple[State | None, Operation], Edge] = {(edge.source, edge.operation): edge for edge in EDGES}

STATE_NAMES: dict[State, tuple[str, str]] = {
    S.REPORTED: ("待受理", "to accept"),
    S.ACCEPTED: ("待立案", "to file"),
    S.FILED: ("待派遣", "to dispatch"),
    S.DISPATCHED: ("待签收", "to sign for"),
    S.HANDLING: ("处置中", "being handled"),
    S.HANDLED: ("待核查", "to check"),
    S.CHECKED: ("待结案", "to close"),
    S.CLOSED: ("已结案", "closed"),
    S.REJECTED: ("不予受理", "not accepted"),
    S.REFUSED: ("不予立案", "not filed"),
    S.VOID: ("已作废", "void"),
}
OPERATION_NAMES: dict[Operation, tuple[str, str]] = {
    O.REPORT: ("上报", "report"),
    O.ACCEPT: ("受理", "accept"),
    O.REJECT: ("不予受理", "reject"),
    O.FILE: ("立案", "file"),
    O.REFUSE: ("不予立案", "refuse"),
    O.DISPATCH: ("派遣", "dispatch"),
    O.SIGN: ("签收", "sign for"),
    O.SEND_BACK: ("回退", "send back"),
    O.HANDLE: ("处置反馈", "report as handled"),
    O.CHECK_PASS: ("核查通过", "pass the check"),
    O.CHECK_FAIL: ("核查不通过(返工)", "fail the check"),
    O.CLOSE: ("结案", "close"),
    O.VOID: ("作废", "void"),
    O.NOTE: ("批注", "note"),
}
# The queue in which a case waits for each operation's officer, and the permission that makes it "mine".
QUEUES: dict[str, tuple[State, str]] = {
    "accept": (S.REPORTED, "case.accept"),
    "file": (S.ACCEPTED, "case.file"),
    "dispatch": (S.FILED, "case.dispatch"),
    "sign": (S.DISPATCHED, "case.sign"),
    "handle": (S.HANDLING, "case.handle"),
    "check": (S.HANDLED, "case.check"),
    "close": (S.CHECKED, "case.close"),
}


def edge(state: State | None, operation: Operation) -> Edge | None:
    """The line for an operation in a state; None where the table has none."""
    return TABLE.get((state, operation))


def possible(state: State) -> list[Operation]:
    """What the table allows in a state, whoever asks."""
    return [operation for operation in Operation if (state, operation) in TABLE]


def name_of(value: State | Operation, lang: str) -> str:
    """A state or an operation in words."""
    words = STATE_NAMES[value] if isinstance(value, State) else OPERATION_NAMES[value]
    return words[0 if lang.startswith("zh") else 1]
