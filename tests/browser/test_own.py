"""A table of one's own in a real browser: brought, looked at, trained on, asked about."""

import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ml.data import synthetic
from tests.app.routes.test_retraining import as_csv, work
from tests.browser.conftest import listen

ROWS = synthetic.flats(240, 9)
NARROW, WIDE = 320, 1440


def bring(page: Page, tmp_path: Path) -> None:
    """A file by the form, as a person would."""
    file = tmp_path / "flats of our town, with a name that is rather long.csv"
    file.write_text(as_csv(ROWS).replace("NA", ""), encoding="utf-8")
    page.goto("/tables")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    page.wait_for_url(re.compile("/tables/[0-9a-f]{16}$"))


def test_a_table_goes_from_a_file_to_an_answer_by_hand(
    page: Page, chromium: Browser, address: str, tmp_path: Path
) -> None:
    bring(page, tmp_path)
    expect(page.locator(".finding.large")).to_contain_text("gives the answer away: deposit")
    expect(page.get_by_label("deposit is")).to_have_value("o")
    explains = page.locator(".finding.large strong").last.inner_text()
    page.get_by_label("agent is").select_option("left out")
    page.get_by_label("door is").select_option("left out")
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_label("agent is")).to_have_value("o")
    expect(page.locator(".finding.large")).to_contain_text(re.compile(r"From 7 columns .* \d+"))
    assert explains.endswith("%")
    table = page.url

    page.get_by_label("deposit is").select_option("target")
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("alert")).to_contain_text("One column is the target")

    page.goto(table)
    page.get_by_role("button", name="Train").click()
    page.wait_for_url(re.compile(r"/jobs/new\?experiment=table_ensemble"))
    for field, value in {"k": "2", "num_seeds": "1", "num_epochs": "1"}.items():
        page.locator(f"#f-{field}").fill(value)
    page.get_by_role("button", name="Train").click()
    page.wait_for_url(re.compile(r"/jobs/\d+$"))
    work(int(page.url.rpartition("/")[2]))
    page.reload()
    expect(page.locator("#top .status")).to_have_text("succeeded")

    version = page.request.get("/api/v1/models").json()["models"][0]["version"]
    page.goto(f"/predict?model={version}")
    page.get_by_label("area").fill("95")
    page.get_by_label("district").select_option("Harbour")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page).to_have_url(re.compile("area=95&"))
    expect(page.locator(".price")).to_have_text(re.compile(r"^[\d,.]+$"))
    expect(page.locator(".comps tbody tr")).to_have_count(8)
    expect(page.locator(".falls")).to_contain_text("area")
    answered = page.url
    page.get_by_label("area").fill("wide")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="must be")).to_be_visible()

    paths = ["/tables", table, answered, f"/models/{version}", f"/models/{version}/promote"]
    wrong = [
        found
        for width, theme in ((WIDE, "dark"), (NARROW, "light"))
        for found in faults(chromium, address, paths, width, theme)
    ]
    assert wrong == []


def faults(chromium: Browser, address: str, paths: list[str], width: int, theme: str) -> list[str]:
    """What is too wide or not accessible, and what a console says."""
    wrong = list[str]()
    with chromium.new_context(
        base_url=address, viewport={"width": width, "height": 900}
    ) as context:
        page = context.new_page()
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        said = listen(page)
        for path in paths:
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            wrong += [f"{path} is {wide} px too wide at {width}"] if wide > 0 else []
            wrong += [
                f"{path}: {item['id']} {item['nodes'][0]['html']}"
                for item in Axe().run(page).response["violations"]
                if item["impact"] in {"serious", "critical"}
            ]
        return wrong + said
