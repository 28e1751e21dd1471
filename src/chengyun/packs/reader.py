"""YAML with the position of everything: a small safe subset that a manifest needs, read without ever building objects.

Maps, lists and plain values only. Aliases, anchors, tags, several documents, deep nesting and large texts are refused, so
that no file can grow in memory. Values follow YAML 1.2 (`on` and `yes` are texts), and a number with a leading zero
is a text, because `01018` is a class code and not 1018.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

Path = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, counted from 1."""

MOST_BYTES = 262_144
MOST_NODES = 40_000
DEEPEST = 24
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?\Z")
# What the parser says, by its beginning, in words for somebody who writes a manifest.
_PROBLEMS = (
    (
        "mapping values are not allowed",
        "此处不能有冒号:缩进不对,或文本里的冒号需要加引号",
        "no colon can stand here: the indentation is wrong, or a text with a colon needs quotes",
    ),
    ("found character '\\t'", "缩进不能使用制表符(Tab)", "a tab cannot be used to indent"),
    ("could not find expected ':'", "缺少冒号", "a colon is missing"),
    ("expected <block end>", "缩进不一致", "the indentation does not fit the lines before"),
    ("expected ',' or", "缺少逗号或右括号", "a comma or a closing bracket is missing"),
    ("found unexpected end of stream", "引号没有结束", "a quotation mark is not closed"),
    ("expected the node content", "缺少内容", "something is missing here"),
    ("Python int too large", "双引号中的反斜杠写法无效", "the backslash in double quotes is not valid"),
    ("chr() arg", "双引号中的反斜杠写法无效", "the backslash in double quotes is not valid"),
    ("found unknown escape", "双引号中的反斜杠写法无效", "the backslash in double quotes is not valid"),
)
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}


class Unreadable(Exception):
    """The text is no manifest at all: where, which sentence, and what fills it."""

    def __init__(self, position: Position, code: str, path: Path = (), **params: Any) -> None:
        super().__init__(code)
        self.position, self.code, self.path, self.params = position, code, path, params


@dataclass
class Document:
    """What a text holds, and where: `values` and `keys` give the position of each value and of each name by its path."""

    value: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    twice: list[tuple[Path, Position, Position]] = field(default_factory=list)

    def value_at(self, path: Path) -> Position:
        """Where a value stands; of one that is missing, where the thing stands that lacks it."""
        return self._nearest(path, self.values)

    def key_at(self, path: Path) -> Position:
        """Where the name of a value stands; where a value in a list has no name, the value."""
        return self.keys.get(path) or self._nearest(path, self.values)

    def _nearest(self, path: Path, positions: dict[Path, Position]) -> Position:
        for length in range(len(path), -1, -1):
            found = positions.get(path[:length])
            if found is not None:
                return found
        return 1, 1


def read(source: str | bytes) -> Document:
    """The document of a text; raises `Unreadable` for one that is not YAML of the kind described above."""
    text = _decoded(source)
    document = Document()
    reading = _Reading(yaml.parse(text, Loader=yaml.SafeLoader), document)
    try:
        reading.run()
    except MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        raise Unreadable(_position(mark), "pack.yaml", **_problem(failure.problem or failure.context or "")) from None
    except ReaderError as failure:
        raise Unreadable(_offset(text, failure.position), "pack.characters") from None
    except (yaml.YAMLError, ValueError, OverflowError) as failure:
        # The parser lets such escapes as "\UFFFFFFFF" through to `chr`.
        raise Unreadable(reading.last, "pack.yaml", **_problem(str(failure))) from None
    return document


def _decoded(source: str | bytes) -> str:
    size = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise Unreadable((1, 1), "pack.large", limit=MOST_BYTES, size=size)
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        before = source[: failure.start].decode("utf-8", "replace")
        raise Unreadable(_offset(before, len(before)), "pack.encoding") from None


def _offset(text: str, offset: int) -> Position:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _position(mark: Any) -> Position:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _problem(text: str) -> dict[str, Any]:
    for beginning, zh, en in _PROBLEMS:
        if text.startswith(beginning):
            return {"zh": zh, "en": en}
    return {"zh": _shown(text), "en": _shown(text)}


def _shown(text: str) -> str:
    """A few printable words of what the parser says."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:160]


class _Reading:
    """Turns the parser's events into values; the parser works event by event, so limits stop it early."""

    def __init__(self, events: Iterator[Any], document: Document) -> None:
        self._events = events
        self._document = document
        self._nodes = 0
        self.last: Position = (1, 1)

    def run(self) -> None:
        """Read the one document."""
        self._next()  # the stream begins
        first = self._next()
        if not isinstance(first, yaml.DocumentStartEvent):
            raise Unreadable((1, 1), "pack.empty")
        self._document.value = self._node(self._next(), (), 0)
        self._next()  # the document ends
        further = self._next()
        if isinstance(further, yaml.DocumentStartEvent):
            raise Unreadable(_position(further.start_mark), "pack.documents")

    def _next(self) -> Any:
        event = next(self._events)
        self.last = _position(event.end_mark)
        return event

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        at = _position(event.start_mark)
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            raise Unreadable(at, "pack.deep" if depth > DEEPEST else "pack.many", path, limit=MOST_NODES, deepest=DEEPEST)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise Unreadable(at, "pack.alias", path)
        if event.tag not in (None, "!"):
            raise Unreadable(at, "pack.tag", path, tag=_shown(str(event.tag))[:60])
        self._document.values[path] = at
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return scalar(event.value, plain=event.implicit[0]) if _clean(event.value, at, path) else None

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._node(event, (*path, len(found)), depth + 1))
        return found

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            at = _position(event.start_mark)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise Unreadable(at, "pack.alias", path)
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable(at, "pack.key", path)
            key = event.value
            _clean(key, at, path)
            here = (*path, key)
            if key in found:
                self._document.twice.append((here, at, self._document.keys[here]))
            self._document.keys.setdefault(here, at)
            before = self._document.values.get(here)
            value = self._node(self._next(), here, depth + 1)
            if key not in found:
                found[key] = value
            elif before is not None:
                self._document.values[here] = before
        return found


def _clean(text: str, at: Position, path: Path) -> bool:
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise Unreadable(at, "pack.characters", path)
    return True


def scalar(text: str, *, plain: bool) -> Any:
    """The value of a word: number, true, false, null or the text itself. What stands in quotes is always a text."""
    if not plain:
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.capitalize(), text.upper()):
        return _WORDS[text.lower()]
    if _INTEGER.match(text):
        return int(text)
    if _NUMBER.match(text) and text not in ("+", "-") and any(c.isdigit() for c in text.lower().split("e")[0]):
        number = float(text)
        return number if abs(number) < 1e300 else text
    return text
