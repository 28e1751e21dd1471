"""The first loop in a real browser: methane rises, an alarm appears on the wall, a case is opened and closed by clicking."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from chengyun.sim import photos
from tests.e2e.conftest import Seat
from tests.support.city import City

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TAKES_A_WHILE = 30_000


@pytest.fixture(scope="module")
def tank(city: City) -> str:
    """A septic tank of 渝中区."""
    return str(city.gateway()["children"][0][0])


def methane(city: City, tank: str, *values: float) -> None:
    """The tank's gateway sends values, a minute apart, the last one now."""
    gateway = city.gateway()
    now = int(time.time() * 1000)
    body = [
        {"device": tank, "ts": now - 60_000 * back, "values": {"ch4": value, "o2": 20.5}}
        for back, value in zip(range(len(values) - 1, -1, -1), values, strict=True)
    ]
    city.publish(gateway["key"], gateway["secret"], [body])


def step(page: Page, button: str, fill: Callable[[Page], None] = lambda _page: None) -> None:
    """Click a step on the case page, tell what it wants to know, and see that it is done."""
    page.locator(".acts").first.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    fill(page)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_be_hidden(timeout=TAKES_A_WHILE)


def test_an_alarm_becomes_a_case_and_is_closed(browser: Browser, city: City, seat: Seat, tank: str, folder: Path) -> None:
    chief = seat
    chief.sign_in("zhiban")
    chief.page.wait_for_url("**/cockpit")
    expect(chief.page.get_by_role("heading", name="实时告警")).to_be_visible()
    # The wall shows it without being asked again.
    methane(city, tank, 3.0, 62.5)
    expect(chief.page.get_by_text("62.5 %LEL").first).to_be_visible(timeout=TAKES_A_WHILE)
    chief.picture("loop-1-cockpit")
    number = _case_of_alarm(chief, tank)
    officer = _sit(browser, city, "yuzhong")
    officer.open(number)
    step(officer.page, "受理")
    step(officer.page, "立案")
    officer.picture("loop-2-filed")
    step(officer.page, "派遣")
    crew = _sit(browser, city, "chuzhi")
    crew.open(number)
    step(crew.page, "签收")
    step(crew.page, "处置反馈", lambda page: _feedback(page, folder))
    supervisor = _sit(browser, city, "jiandu")
    supervisor.open(number)
    step(supervisor.page, "核查通过")
    officer.open(number)
    step(officer.page, "结案")
    expect(officer.page.get_by_text("已结案").first).to_be_visible()
    officer.picture("loop-3-closed")
    for person in (chief, officer, crew, supervisor):
        assert person.errors == []
    assert "every timeline is as it was written" in city.chengyun("cases", "verify")


def _sit(browser: Browser, city: City, username: str) -> Seat:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai")
    context.set_default_timeout(TAKES_A_WHILE)
    person = Seat(context.new_page(), city)
    person.sign_in(username)
    person.page.wait_for_url(lambda url: "/login" not in url)
    return person


def _case_of_alarm(chief: Seat, tank: str) -> str:
    """From the alarm desk to the case that the alarm has opened by itself; its address."""
    chief.open(f"/alarms?q={tank}")
    row = chief.page.get_by_role("row").filter(has_text=re.compile("甲烷超限")).first
    row.click()
    expect(chief.page.get_by_text("为什么告警")).to_be_visible(timeout=TAKES_A_WHILE)
    chief.picture("loop-1b-alarm")
    link = chief.page.get_by_role("link", name=re.compile("案件")).filter(has_text=re.compile("查看案件"))
    expect(link.first).to_be_visible(timeout=TAKES_A_WHILE)
    address = link.first.get_attribute("href")
    assert address
    return address


def _feedback(page: Page, folder: Path) -> None:
    picture = folder / "after.jpg"
    picture.write_bytes(photos.draw("tank", 1, mended=True, caption="2026-11-25 14:03"))
    page.get_by_role("dialog").locator("textarea").fill("已开盖通风、清掏并复测")
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(str(picture))
    expect(page.get_by_role("dialog").locator("img").first).to_be_visible(timeout=TAKES_A_WHILE)


def test_the_wrong_password_is_refused_in_words(seat: Seat) -> None:
    seat.sign_in("zhiban", "no such password")
    expect(seat.page.get_by_role("alert")).to_contain_text(re.compile("用户名|密码"))
    assert "/login" in seat.page.url


def test_a_district_officer_does_not_find_a_foreign_case(city: City, seat: Seat) -> None:
    foreign = city.person("zhiban").get("/cases", params={"queue": "all", "region": "500106", "limit": 1}).json()["items"][0]
    seat.sign_in("yuzhong")
    seat.page.wait_for_url(lambda url: "/login" not in url)
    seat.open(f"/cases/{foreign['id']}")
    expect(seat.page.get_by_text("没有找到,或不在您的管辖范围内").or_(seat.page.get_by_text("没有找到")).first).to_be_visible()
