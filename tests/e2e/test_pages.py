"""What people see first, in a real browser and both languages: log-in, cockpit and map, without an error and for everybody."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Seat
from tests.support import eventually
from tests.support.city import City

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
LANGUAGES = {
    "zh-CN": {"sign_in": "登录", "cockpit": "指挥大屏", "layers": "图层", "live": "实时", "tanks": "化粪池"},
    "en": {"sign_in": "Sign in", "cockpit": "Cockpit", "layers": "Layers", "live": "Live", "tanks": "Septic tanks"},
}
COUNT = re.compile(r"^[1-9][\d,]*$")
SIZES = {"laptop": (1366, 768), "wall": (1920, 1080), "wide wall": (3840, 1080)}


def enter(seat: Seat) -> None:
    """Sign in as the duty officer and wait for the first page."""
    seat.sign_in("zhiban")
    seat.page.wait_for_url(lambda url: "/login" not in url)


def faults(page: Page) -> list[str]:
    """Serious findings of axe on what is shown now."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci in web/)")
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)")
    return [f"{v['id']}: {v['nodes'][0]['target']}" for v in found if v["impact"] in ("serious", "critical")]


def cut(page: Page, within: str) -> list[str]:
    """Things that reach beyond the screen's edges."""
    found: list[str] = page.evaluate(
        """(within) => [...document.querySelectorAll(`${within} section, ${within} header, ${within} .card`)]
            .filter((e) => {
              const b = e.getBoundingClientRect()
              return b.width && (b.right > innerWidth + 1 || b.bottom > innerHeight + 1 || b.left < -1)
            })
            .map((e) => `${e.tagName}.${e.className}`)""",
        within,
    )
    return found


@pytest.fixture(params=list(LANGUAGES))
def words(request: pytest.FixtureRequest, seat: Seat) -> dict[str, str]:
    """The seat's screen in one of the languages."""
    language: str = request.param
    seat.page.add_init_script(f"localStorage.setItem('cy.language', '{language}')")
    return LANGUAGES[language]


@pytest.fixture(scope="module")
def alarm(city: City) -> Iterator[dict[str, Any]]:
    """A red alarm, raised by readings of a tank."""
    gateway = city.gateway()
    tank = str(gateway["children"][0][0])
    officer = city.person("zhiban")

    def send() -> dict[str, Any]:
        city.publish(gateway["key"], gateway["secret"], [{"device": tank, "values": {"ch4": 120.0}}])
        items: list[dict[str, Any]] = officer.get("/alarms", params={"state": "open", "level": 1}).json()["items"]
        return items[0] if items else {}

    yield eventually(send, timeout=60, every=1)
    officer.close()


def test_log_in(seat: Seat, words: dict[str, str]) -> None:
    """The log-in page says what is missing and takes the keyboard."""
    page = seat.page
    seat.open("/login")
    expect(page.locator("h1")).to_have_text(words["sign_in"])
    expect(page.locator("#username")).to_be_focused()
    assert faults(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("#no-name")).to_be_visible()
    assert faults(page) == []
    assert seat.errors == []


def test_cockpit(seat: Seat, words: dict[str, str], alarm: dict[str, Any]) -> None:
    """The wall has its figures, its alarm with card, and a way from a figure to its list."""
    page = seat.page
    enter(seat)
    seat.open("/cockpit")
    expect(page.get_by_role("main", name=words["cockpit"])).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=words["live"])).to_be_visible()
    expect(page.locator(".alarms li").first).to_be_visible()
    expect(page.locator("aside.card")).to_contain_text(alarm["device"]["name"])
    expect(page.locator(".strip svg a")).to_have_count(37)
    expect(page.locator(".flow b").first).not_to_have_text("—")
    page.wait_for_selector(".mid > .map .canvas[data-state=ready]")
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert cut(page, ".cockpit") == [], name
    assert faults(page) == []
    page.locator(".counts a").first.click()
    page.wait_for_url("**/alarms?state=open&level=1")
    expect(page.locator("tbody tr").first).to_contain_text(alarm["device"]["name"])
    assert seat.errors == []


def test_map(seat: Seat, words: dict[str, str], alarm: dict[str, Any]) -> None:
    """The map has its layers with counts; an object's card tells its readings and leads to its alarm."""
    page = seat.page
    enter(seat)
    seat.open(f"/map?device={alarm['device']['id']}")
    panel = page.get_by_role("region", name=words["layers"])
    expect(panel.locator("li").filter(has_text=words["tanks"]).locator(".n")).to_have_text(COUNT)
    card = page.locator("aside.object")
    expect(card.locator("h2")).to_have_text(alarm["device"]["name"])
    expect(card).to_contain_text("120 %LEL")
    page.wait_for_selector(".canvas[data-state=ready]")
    assert faults(page) == []
    card.locator(".alarms a").first.click()
    page.wait_for_url(f"**/alarms/{alarm['id']}")
    assert seat.errors == []


def test_on_a_phone(browser: Browser, city: City) -> None:
    """Log-in, map and help fit a narrow phone."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", has_touch=True, is_mobile=True)
    seat = Seat(context.new_page(), city)
    enter(seat)
    for path in ("/map", "/help"):
        seat.open(path)
        expect(seat.page.locator("h1").first).to_be_visible()
        assert seat.page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert faults(seat.page) == [], path
    assert seat.errors == []
    context.close()
