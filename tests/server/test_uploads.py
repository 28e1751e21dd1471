"""Files and readings that are none, or worse: refused in words, and nothing is kept of them."""

import io
import zlib

import pytest

from tests.server.conftest import World
from tests.server.test_hostile import LANGUAGES, check
from tests.support.cases import picture

JPEG = picture()


def bomb() -> bytes:
    """A small PNG that says to be 60,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = (60_000).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + b"\x08\x00\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\x00" * 100_000)) + chunk(b"IEND", b"")


FILES = {
    "empty": b"",
    "text": b"hello",
    "zeros": bytes(5000),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "half": JPEG[: len(JPEG) // 2],
    "head": JPEG[:20],
    "bomb": bomb(),
    "zip": b"PK\x03\x04" + bytes(100),
    "not-utf8": b"key,name\n\xff\xfe,x\n",
    "nul": b"key,name,model,lon,lat\na\x00b,x,septic-gas,106.57,29.56\n",
    "one-line": b"key,name,model,lon,lat\n" + b"x" * 1_000_000,
    "quote": b'key,name,model,lon,lat\n"never closed,x,septic-gas,1,1\n' * 3,
    "columns": b"," * 100_000,
    "twice": b"key,key,name,model\na,b,c,septic-gas\n",
    "numbers": b"key,name,model,lon,lat\na,x,septic-gas,nan,1e999\nb,x,septic-gas,,\nc,<b>,none,106,29\n",
    "formula": b"key,name,model,lon,lat\n=1+1,=cmd|' /C calc'!A0,septic-gas,999,999\n",
}
NAMES = ["a.jpg", "../../etc/passwd", "a\x00b", "x" * 5000, "名.csv", ""]


@pytest.mark.parametrize("path", ["/photos", "/devices/import"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_none(world: World, path: str, kind: str) -> None:
    before = world.counts()
    for lang in LANGUAGES:
        answer = world.send("POST", path, files={"file": ("a.jpg", FILES[kind], "image/jpeg")}, headers={"Accept-Language": lang})
        check(answer, lang, (path, kind))
        assert answer.status_code >= 400 or path == "/devices/import"
    after = world.counts()
    assert {name for name in after if after[name] != before[name]} <= set()


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_with_a_strange_name(world: World, name: str) -> None:
    for path in ("/photos", "/devices/import"):
        check(world.send("POST", path, files={"file": (name, io.BytesIO(JPEG), "image/jpeg")}), "zh-CN", (path, name[:50]))


@pytest.mark.parametrize("path", ["/photos", "/devices/import"])
def test_forms_that_are_none(world: World, path: str) -> None:
    head = 'multipart/form-data; boundary="b"'
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'
    for kind, body in (
        (head, b""),
        (head, b"--b"),
        (head, b"--b--\r\n"),
        (head, b"nothing"),
        (head, part % b"other" + b"--b--\r\n"),
        (head, part % b"file" + b"--b--\r\n"),
        (head, part % b"file" * 2000 + b"--b--\r\n"),
        (head, b"--b\r\n" + b"X: y\r\n" * 20_000 + b"\r\nx\r\n--b--\r\n"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=" + "b" * 5000, b"x"),
        ("application/json", b"{}"),
    ):
        for lang in LANGUAGES:
            answer = world.send("POST", path, content=body, headers={"Content-Type": kind, "Accept-Language": lang})
            check(answer, lang, (path, kind[:60], body[:60]))
            assert answer.status_code >= 400


@pytest.mark.parametrize("kind", ["application/json", "application/senml+json", "application/x-ndjson", "text/plain", "nonsense"])
def test_readings_that_are_none(world: World, kind: str) -> None:
    before = world.counts()["latest_reading"]
    deep = 50_000
    for body in (
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[" * deep,
        b'{"values":' * deep,
        b"\n" * 10_000,
        b"{}\n" * 20_000,
        b'{"device": "\\ud800", "values": {"\\u0000": 1}}',
        b'{"device": "x", "values": {"ch4": NaN, "h2s": 1e999, "o2": ' + b"9" * 5000 + b"}}",
        b'[{"bn": "\\u0000", "n": "x", "v": 1e400, "t": 1e300}]',
        b'{"device": ["x"], "values": [], "ts": {"$gt": 1}}',
        b'{"device": "x", "values": {"ch4": 1}, "ts": "9999-12-31T23:59:59+00:00"}',
    ):
        for lang in LANGUAGES:
            answer = world.send("POST", "/telemetry", content=body, headers={"Content-Type": kind, "Accept-Language": lang})
            check(answer, lang, (kind, body[:60]))
    assert world.counts()["latest_reading"] == before
