"""How reports and photos come in: places, classes, keys, bad input, personal data."""

import io
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from chengyun.cases.jobs import forget
from chengyun.kernel import blob
from chengyun.kernel.settings import get_settings
from tests.support.cases import BASE, ELSEWHERE, LITTER, PLACE, Office, picture, walk


def field_of(answer: dict[str, Any]) -> list[str]:
    return [e["field"] for e in answer["errors"]]


def test_the_place_decides_the_area(office: Office) -> None:
    case = office.supervisor.report()
    assert re.fullmatch(r"500103\d{6}[0-9A-Z]{0,3}", case["region_code"])
    assert case["area_name"].startswith("渝中区")
    assert (case["place"], case["class"]["name"]) == (PLACE, "暴露垃圾")
    named = office.desk.report(place=None, region_code="500106001")
    assert (named["region_code"], named["place"]) == ("500106001", None)
    both = office.desk.report(region_code="500103")
    assert both["region_code"] == case["region_code"]


def test_numbers_run_without_gaps_even_when_many_report_at_once(office: Office) -> None:
    first = office.desk.report()
    refused = office.desk.post("/cases", 422, source="patrol", description="x", place={"lon": 120.0, "lat": 30.0})
    assert refused["code"] == "case.outside_city"
    with ThreadPoolExecutor(6) as pool:
        numbers = sorted(c["number"] for c in pool.map(lambda _: office.desk.report(), range(18)))
    assert re.fullmatch(r"CY20261123\d{6}", first["number"])
    serials = [int(n[-6:]) for n in (first["number"], *numbers)]
    assert serials == list(range(serials[0], serials[0] + 19))
    office.time.advance(86_400)
    assert office.desk.report()["number"] == "CY20261124000001"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"place": {"lon": 120.0, "lat": 30.0}}, "case.outside_city", "place"),
        ({"place": {"lon": 200.0, "lat": 30.0}}, "request.invalid", "place.lon"),
        ({"place": {"lon": "NaN", "lat": 30.0}}, "request.invalid", "place.lon"),
        ({"place": None}, "request.invalid", "body"),
        ({"place": ELSEWHERE, "region_code": "500103"}, "case.place_region", "region_code"),
        ({"place": None, "region_code": "500999"}, "region.unknown", "region_code"),
        ({"place": None, "region_code": "x"}, "code.division_form", "region_code"),
        ({"class": {"kind": "matter", "code": "06031"}}, "code.class_unknown", "class.code"),
        ({"class": {"kind": "matter", "code": "6010a"}}, "request.invalid", "class.code"),
        ({"class": {"edition": "1", "kind": "matter", "code": "06010"}}, "request.invalid", "class.edition"),
        ({"source": "alarm"}, "request.invalid", "source"),
        ({"description": ""}, "request.invalid", "description"),
        ({"description": "字" * 2001}, "request.invalid", "description"),
        ({"description": "响铃\x07"}, "request.invalid", "description"),
        ({"description": "零\x00"}, "request.invalid", "description"),
        ({"title": "双\x1b[31m"}, "request.invalid", "title"),
        ({"address": "路" * 301}, "request.invalid", "address"),
        ({"urgency": "soon"}, "request.invalid", "urgency"),
        ({"state": "closed"}, "request.invalid", "state"),
        ({"photo_ids": ["00000000-0000-0000-0000-000000000001"]}, "case.photo_unknown", "photo_ids"),
        ({"photo_ids": ["x"]}, "request.invalid", "photo_ids.0"),
        ({"reporter": {"phone": "打电话"}}, "request.invalid", "reporter.phone"),
    ],
)
def test_bad_reports_are_refused_at_the_field(office: Office, change: dict[str, Any], code: str, field: str) -> None:
    body = {"source": "patrol", "class": LITTER, "description": "暴露垃圾", "place": PLACE, **change}
    answer = office.desk.client.post(f"{BASE}/cases", json=body)
    assert answer.status_code in (404, 422), answer.text
    assert (answer.json()["code"], field_of(answer.json())[0]) == (code, field)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"description": "\\ud800"}', b"1" * 5000])
def test_what_is_not_a_report_never_fails_inside(office: Office, raw: bytes) -> None:
    answer = office.desk.client.post(f"{BASE}/cases", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", "'; DROP TABLE case_record; --", "{{7*7}} ${x} %s %(x)s \\", "🗑️ 井盖\n第二行"]
)
def test_text_is_kept_as_text(office: Office, words: str) -> None:
    case = office.desk.report(description=words, address=words.replace("\n", " "))
    assert office.desk.get(f"/cases/{case['id']}")["description"] == words
    assert office.desk.get("/cases", queue="all", q=words[:20].split("\n")[0])["items"][0]["id"] == case["id"]
    said = office.desk.get(f"/cases/{case['id']}/timeline")[0]["data"]
    assert said["description"] == words


def test_the_same_key_is_the_same_case(office: Office) -> None:
    body = {"source": "hotline", "class": LITTER, "description": "来电反映", "place": PLACE}

    def send(key: str, **more: Any) -> Any:
        return office.desk.client.post(f"{BASE}/cases", json=body | more, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send("call-1"), range(4)))
    assert len({a.json()["id"] for a in answers}) == 1
    assert sorted(a.status_code for a in answers) == [200, 200, 200, 201]
    assert send("call-1", description="别的").json()["code"] == "case.key_reused"
    assert send("call-2").status_code == 201
    same = office.second.client.post(f"{BASE}/cases", json=body, headers={"Idempotency-Key": "call-1"})
    assert same.status_code == 201, "another person's key is another key"
    for bad in ("", "a" * 101, "a\tb"):
        assert send(bad).status_code == 422


def test_nobody_reports_or_sees_beyond_the_own_area(office: Office) -> None:
    answer = office.supervisor.post("/cases", None, source="patrol", description="外区", place=ELSEWHERE)
    assert (answer["status"], answer["code"], field_of(answer)) == (403, "case.foreign_area", ["place"])
    case = office.desk.report(place=ELSEWHERE)
    photo = office.desk.photo()
    case = office.desk.report(place=ELSEWHERE, photo_ids=[photo["id"]])
    for path in (f"/cases/{case['id']}", f"/cases/{case['id']}/timeline", f"/photos/{photo['id']}"):
        assert office.supervisor.client.get(BASE + path).json()["code"] == "object.not_found"
    assert office.stranger.get(f"/cases/{case['id']}")["id"] == case["id"]
    assert case["id"] not in {c["id"] for c in office.supervisor.get("/cases", queue="all", limit=200)["items"]}
    assert office.supervisor.get("/cases", queue="all", region="500106")["items"] == []


def test_permissions_are_asked_before_anything_else(office: Office) -> None:
    assert office.leader.post("/cases", 403, source="patrol", description="x", place=PLACE)["code"] == "access.denied"
    assert office.security.client.get(f"{BASE}/cases").json()["code"] == "access.denied"
    assert office.leader.client.post(f"{BASE}/photos", files={"file": ("a.jpg", picture(), "image/jpeg")}).status_code == 403


def test_the_reporters_number_is_hidden_and_each_look_is_recorded(office: Office, audit_of: Any) -> None:
    case = office.desk.report(source="hotline", reporter={"name": "王女士", "phone": "138 0012 5678"})
    assert office.leader.get(f"/cases/{case['id']}")["reporter"] == "138****5678"
    assert "5678" not in office.leader.client.get(f"{BASE}/cases?queue=all&q={case['number']}").text
    assert office.desk.client.get(f"{BASE}/cases/{case['id']}/reporter").status_code == 403
    assert "13800125678" not in str(office.leader.get(f"/cases/{case['id']}/timeline"))
    # The security administrator has no area of its own here; an officer with both permissions looks.
    looker = office.enter(office.desk.actor.__class__(**{**vars(office.desk.actor), "permissions": frozenset({"personal.read"})}))
    assert looker.get(f"/cases/{case['id']}/reporter") == {"name": "王女士", "phone": "138 0012 5678"}
    assert audit_of("case.reporter.read", case["id"]) == 1


class TestPhotos:
    """Photos are decoded and written anew."""

    def test_a_photo_goes_with_the_report_and_shrinks_to_a_thumbnail(self, office: Office) -> None:
        photo = office.supervisor.photo(picture((4000, 1000)))
        assert (photo["width"], photo["height"]) == (2560, 640)
        case = office.supervisor.report(photo_ids=[photo["id"]])
        assert case["photos"] == [{"id": photo["id"], "phase": "before"}]
        full = office.leader.client.get(f"{BASE}/photos/{photo['id']}")
        thumb = office.leader.client.get(f"{BASE}/photos/{photo['id']}?size=thumb")
        assert (full.headers["content-type"], Image.open(io.BytesIO(full.content)).size) == ("image/jpeg", (2560, 640))
        assert Image.open(io.BytesIO(thumb.content)).size == (320, 80)
        assert office.supervisor.post("/cases", 422, source="patrol", description="x", place=PLACE, photo_ids=[photo["id"]])["code"] == (
            "case.photo_unknown"
        )

    def test_position_and_camera_are_removed_and_the_orientation_applied(self, office: Office) -> None:
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "SecretCamera"
        exif.get_ifd(0x8825)[2] = (29.0, 33.0, 46.0)
        photo = office.supervisor.photo(picture((60, 40), exif=exif))
        assert (photo["width"], photo["height"]) == (40, 60)
        stored = office.supervisor.client.get(f"{BASE}/photos/{photo['id']}").content
        assert not Image.open(io.BytesIO(stored)).getexif()
        assert b"SecretCamera" not in stored

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
    def test_usual_formats_are_taken(self, office: Office, kind: str) -> None:
        assert office.supervisor.photo(picture((30, 20), kind))["width"] == 30

    def test_what_is_no_photo_is_refused(self, office: Office) -> None:
        good = picture((200, 200))
        gif = picture((10, 10), "GIF")
        bombs = [
            b"",
            b"MZ\x90\x00",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"%PDF-1.7",
            good[:200],
            gif,
            b"\xff\xd8\xff" + b"0" * 500,
        ]
        for data in bombs:
            answer = office.supervisor.client.post(f"{BASE}/photos", files={"file": ("a.jpg", data, "image/jpeg")})
            assert (answer.status_code, answer.json()["code"]) == (422, "photo.not_a_photo"), data[:20]
        assert office.supervisor.client.post(f"{BASE}/photos", json={"file": "x"}).status_code == 422

    def test_a_bomb_is_refused_before_it_is_decoded(self, office: Office) -> None:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
        bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
        answer = office.supervisor.photo(bomb, 422)
        assert answer["code"] == "photo.too_many_pixels"

    def test_a_file_beyond_the_limit_is_refused(self, office: Office) -> None:
        data = picture() + b"\0" * get_settings().max_photo_bytes
        assert office.supervisor.photo(data, 413)["code"] == "request.too_large"

    def test_an_upload_belongs_to_its_uploader_until_it_is_attached(self, office: Office) -> None:
        photo = office.supervisor.photo()
        assert office.supervisor.client.get(f"{BASE}/photos/{photo['id']}").status_code == 200
        for other in (office.desk, office.leader, office.stranger):
            assert other.client.get(f"{BASE}/photos/{photo['id']}").json()["code"] == "object.not_found"
        stolen = office.desk.post("/cases", 422, source="patrol", description="x", place=PLACE, photo_ids=[photo["id"]])
        assert stolen["code"] == "case.photo_unknown"

    def test_photos_of_handling_and_of_the_check_have_their_phase(self, office: Office) -> None:
        case = walk(office, office.supervisor.report(), "handling")
        after = office.handler.photo(picture((31, 30)))
        case = office.handler.do(case, "handle", feedback="已清运", photo_ids=[after["id"]])
        check = office.supervisor.photo(picture((32, 30)))
        case = office.supervisor.do(case, "check_pass", photo_ids=[check["id"]])
        assert {p["id"]: p["phase"] for p in case["photos"]} == {after["id"]: "after", check["id"]: "check"}
        said = office.desk.get(f"/cases/{case['id']}/timeline")[5]["data"]
        assert (said["photos"][0]["id"], len(said["photos"][0]["sha256"])) == (after["id"], 64)

    def test_files_of_dropped_uploads_go_unless_a_case_has_the_same_photo(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        forget()
        folder = get_settings().data_dir / "blobs"

        def files() -> set[str]:
            return {path.name for path in folder.rglob("*") if path.is_file()}

        same, other = picture((70, 50)), picture((72, 50))
        office.supervisor.report(photo_ids=[office.supervisor.photo(same)["id"]])
        kept = files()
        for data in (same, other):
            office.supervisor.photo(data)
        added = files() - kept
        assert len(added) == 2
        office.time.advance(timedelta(days=2).total_seconds())
        forget()
        assert added <= files(), "a file of a moment ago is left alone"
        for data in (same, other):
            office.supervisor.photo(data)
        office.time.advance(timedelta(days=2).total_seconds())
        monkeypatch.setattr(blob, "FRESH_SECONDS", -1.0)
        forget()
        assert files() == kept

    def test_uploads_that_were_never_attached_are_dropped_after_a_day(self, office: Office) -> None:
        kept, dropped = office.supervisor.photo(picture((33, 30))), office.supervisor.photo(picture((34, 30)))
        case = office.supervisor.report(photo_ids=[kept["id"]])
        office.time.advance(timedelta(days=1, minutes=1).total_seconds())
        forget()
        assert office.supervisor.client.get(f"{BASE}/photos/{dropped['id']}").status_code == 404
        assert office.supervisor.get(f"/cases/{case['id']}")["photos"][0]["id"] == kept["id"]
