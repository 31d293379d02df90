"""The docs page in a real browser: a person gives the key, tries an operation and sees what it answers."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
from servers import RunningServer

from app.config import PROJECT

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    # Chromium's own sandbox cannot be set up by root, nor in most containers.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOT = PROJECT / "artifacts" / "docs.png"


@dataclass
class Visit:
    """A page of the server, with what it asked other hosts for and what it complained about."""

    page: Page
    origin: str
    asked_elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.route("**/*", self._stay_here)
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _stay_here(self, route: Route) -> None:
        if route.request.url.startswith(f"{self.origin}/"):
            route.continue_()
        else:
            self.asked_elsewhere.append(route.request.url)
            route.abort()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path_of_chromium(), args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, keyed_server: RunningServer) -> Iterator[Visit]:
    """The docs page of the server, loaded."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    begun = Visit(page, keyed_server.url)
    page.goto(f"{keyed_server.url}/docs")
    yield begun
    page.close()


def path_of_chromium() -> str:
    """The browser that CHROMIUM names, or one that is installed; without any the test fails, rather than be skipped."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.fail("No Chromium is installed. Run `apt-get install chromium`, or set CHROMIUM to the path of one.")
    return found


def authorize(page: Page, key: str) -> None:
    """Enter the key in the dialog that the page's Authorize button opens."""
    page.get_by_role("button", name="Authorize", exact=True).click()
    of_key = page.locator(".auth-container", has_text="X-Flux-Service-Key")
    of_key.get_by_label("Value:").fill(key)
    of_key.get_by_role("button", name="Apply credentials").click()
    of_key.get_by_role("button", name="Close").click()


def open_operation(page: Page, group: str, operation_id: str) -> Locator:
    """Unfold the operation, and the group that it is in."""
    page.locator(f"#operations-tag-{group}").click()
    operation = page.locator(f"#operations-{group}-{operation_id}")
    operation.locator(".opblock-summary-control").click()
    return operation


def execute(operation: Locator, **changed: object) -> Locator:
    """Send the example body with these fields changed; the row of the page that shows the answer."""
    operation.get_by_role("button", name="Try it out").click()
    body = operation.locator("textarea.body-param__text")
    body.fill(json.dumps(json.loads(body.input_value()) | changed, indent=2))
    operation.get_by_role("button", name="Execute").click()
    return operation.locator(".live-responses-table tr.response")


def save(page: Page, screenshot: Path) -> None:
    """Keep a picture of the whole page for people to look at."""
    screenshot.parent.mkdir(exist_ok=True)
    page.screenshot(path=screenshot, full_page=True)


def test_a_person_can_authorize_and_create_a_user(visit: Visit, keyed_server: RunningServer) -> None:
    page = visit.page
    email = f"ada-{uuid4().hex[:8]}@example.com"

    authorize(page, keyed_server.key)
    operation = open_operation(page, "users", "create_user")
    expect(operation.locator(".opblock-summary")).to_contain_text("Create a user.")
    answer = execute(operation, email=email)

    expect(answer.locator(".response-col_status")).to_contain_text("201")
    expect(answer.locator(".response-col_description")).to_contain_text(email)
    save(page, SCREENSHOT)

    assert visit.complaints == []
    assert visit.asked_elsewhere == []


def test_the_page_runs_no_script_but_its_own(visit: Visit) -> None:
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.injected = true'}))"
    )
    assert visit.page.evaluate("window.injected") is None
    [complaint] = visit.complaints
    assert "Content Security Policy" in complaint
