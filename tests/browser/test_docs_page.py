"""The docs in a real browser: a person finds an operation, gives the key, tries it and sees what it answers."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
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
SCREENSHOTS = PROJECT / "artifacts"
PHONE = {"width": 390, "height": 844}


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


def save(page: Page, name: str, full_page: bool = True) -> None:
    """Keep a picture of the page for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full_page)


def test_a_person_can_authorize_and_create_a_user(visit: Visit, keyed_server: RunningServer) -> None:
    page = visit.page
    email = f"ada-{uuid4().hex[:8]}@example.com"

    page.goto(f"{keyed_server.url}/docs/api")
    authorize(page, keyed_server.key)
    operation = open_operation(page, "users", "create_user")
    expect(operation.locator(".opblock-summary")).to_contain_text("Create a user.")
    answer = execute(operation, email=email)

    expect(answer.locator(".response-col_status")).to_contain_text("201")
    expect(answer.locator(".response-col_description")).to_contain_text(email)
    save(page, "docs-create")

    assert visit.complaints == []
    assert visit.asked_elsewhere == []


def test_what_it_is_how_to_send_a_key_and_the_operations_are_seen_without_scrolling(visit: Visit) -> None:
    page = visit.page
    for text in ("The data layer of the Flux AI planner", "X-Flux-Service-Key", "GET /tasks"):
        expect(page.get_by_text(text).first).to_be_in_viewport()
    save(page, "docs-landing", full_page=False)
    assert visit.complaints == []
    assert visit.asked_elsewhere == []


def test_an_operation_is_found_by_search_with_the_keyboard_and_opened(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("/")
    page.keyboard.type("get tasks list")
    expect(page.get_by_role("option").first).to_have_text(re.compile("^GET /api/v1/tasksList"))
    page.keyboard.press("Enter")
    expect(page.locator("#operations-tasks-list_tasks .opblock-body")).to_be_visible()


def test_a_filtered_list_is_sent_as_it_is_filled_in(visit: Visit, keyed_server: RunningServer) -> None:
    page = visit.page
    page.goto(f"{keyed_server.url}/docs/api")
    authorize(page, keyed_server.key)
    answer = send_filter(page, None)
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer.locator(".response-col_description")).to_contain_text("next_cursor")
    save(page, "docs-filtered-list")


def test_an_operation_opens_without_another_request_and_with_few_elements(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.origin}/docs/api")
    page.locator("#operations-tag-tasks").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    operation = page.locator("#operations-tasks-list_tasks")
    operation.locator(".opblock-summary-control").click()
    expect(operation.locator(".responses-inner")).to_contain_text("Run 3 km in the park")
    assert operation.locator("*").count() < 600
    assert [url for url in asked if "favicon" not in url] == []


def test_a_wrong_name_is_told_and_its_kind_of_problem_explained(visit: Visit, keyed_server: RunningServer) -> None:
    page = visit.page
    page.goto(f"{keyed_server.url}/docs/api")
    authorize(page, keyed_server.key)
    answer = send_filter(page, '{"staus": "done"}')
    expect(answer.locator(".response-col_status")).to_contain_text("422")
    described = answer.locator(".response-col_description")
    expect(described).to_contain_text("Did you mean status?")
    [type_] = set(re.findall(r'"type": "(/problems/[a-z-]+)"', described.inner_text()))
    page.goto(f"{visit.origin}{type_}")
    expect(page.get_by_role("heading", level=1)).to_have_text("A value is wrong")


def send_filter(page: Page, text: str | None) -> Locator:
    """Send the list of tasks with this filter, or the one that is filled in; the row that shows the answer."""
    operation = open_operation(page, "tasks", "list_tasks")
    operation.get_by_role("button", name="Try it out").click()
    filled_in = operation.locator("tr[data-param-name=filter] textarea")
    if text is not None:
        filled_in.fill(text)
    operation.get_by_role("button", name="Execute").click()
    return operation.locator(".live-responses-table tr.response")


def test_a_section_of_a_page_is_found_by_search(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("combobox").fill("skip_locked claiming")
    page.get_by_role("option").first.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/docs/writes"))


def test_the_pages_fit_a_phone(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size(PHONE)
    for path in ("/docs", "/docs/query-language"):
        page.goto(f"{visit.origin}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    page.goto(f"{visit.origin}/docs")
    save(page, "docs-phone", full_page=False)


def test_the_pages_have_a_dark_form(visit: Visit) -> None:
    page = visit.page
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    save(page, "docs-dark", full_page=False)


def test_the_page_runs_no_script_but_its_own(visit: Visit) -> None:
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.injected = true'}))"
    )
    assert visit.page.evaluate("window.injected") is None
    [complaint] = visit.complaints
    assert "Content Security Policy" in complaint
