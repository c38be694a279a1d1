"""A real Chromium on a real server: one of each for all tests here."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.app.conftest import finished, serving  # noqa: F401  (pytest finds fixtures by name)
from tests.conftest import forget, share_cache

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE = 10_000  # milliseconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    if not CHROMIUM.exists():
        why = f"{CHROMIUM} is not there; install Debian's package chromium."
        if os.environ.get("RIDGELINE_REQUIRE_BROWSER") == "1":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, finished: Path) -> Iterator[Path]:  # noqa: F811
    """A data folder with finished jobs in it, which the settings of this process name, too."""
    data = tmp_path_factory.mktemp("dashboard")
    shutil.copy(finished, data / "ridgeline.db")
    share_cache(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIDGELINE_DATA_DIR", str(data))
        forget()
        yield data
        forget()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Of a server on that folder."""
    with serving(folder) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page of 1440 px; a message on its console fails the test."""
    with chromium.new_context(base_url=address, viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        said = listen(page)
        page.set_default_timeout(PATIENCE)
        yield page
        assert said == []


def listen(page: Page) -> list[str]:
    """Errors and warnings of its console, as they come."""
    said: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        refused = (
            "422" in message.text
        )  # the browser's own word on what the page says beside a field
        if message.type in {"error", "warning"} and not refused:
            said.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said
