"""The installed program with the demo city's data, and a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.city import City
from tests.support.platform import running

# Without the last flags Chromium looks for its maker's hosts at each start.
FLAGS = (
    "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


# Not for the whole session: while it is open, the driver keeps an event loop in this thread, and others need theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = os.environ.get("CHENGYUN_BROWSER")
    if not program:
        pytest.skip("no browser here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """`chengyun up` with the small demo city and no simulator, so that only the test acts."""
    with running(tmp_path_factory.mktemp("e2e") / "data") as platform:
        yield City(platform)


class Seat:
    """Somebody in front of a screen."""

    def __init__(self, page: Page, city: City) -> None:
        self.page = page
        self.city = city
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._on_console)

    def _on_console(self, message: Any) -> None:
        # A refused request is logged by the browser too; those are asked for by tests of refusals.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def sign_in(self, username: str, password: str | None = None) -> None:
        """Log in by the page."""
        self.page.goto(f"{self.city.address}/login")
        self.page.locator("input[autocomplete=username]").fill(username)
        self.page.locator("input[type=password]").fill(password or self.city.password)
        self.page.locator("button[type=submit]").click()

    def open(self, path: str) -> None:
        """Go to a page."""
        self.page.goto(f"{self.city.address}{path}")

    def picture(self, name: str) -> None:
        """Keep a screenshot where CHENGYUN_PICTURES says so; for people who look."""
        folder = os.environ.get("CHENGYUN_PICTURES")
        if folder:
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
def seat(browser: Browser, city: City) -> Iterator[Seat]:
    """A browser of its own, at a desk."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai")
    context.set_default_timeout(20_000)
    yield Seat(context.new_page(), city)
    context.close()
