"""A real Chromium on a real office: a web process with data of its own.

Law: a page that logs an error, throws one, or asks anybody but this machine for anything fails the
test that opened it.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    StorageState,
    ViewportSize,
    sync_playwright,
)

from tests.office import Office
from tests.services import needed_chromium

ADMIN, PASSWORD = "admin", "Correct-horse-9"
WIDE: ViewportSize = {"width": 1360, "height": 850}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOCAL_SCHEMES = ("about", "blob", "data")
# What the first pages need: somebody with money, a site, and orders in two states.
FIRST_ORDERS = """
from decimal import Decimal
from core.models import Customer, Order, Site, User
site = Site.objects.get()
Site.objects.update(verified=True)
customer = Customer.objects.order_by("-balance").first()
admin = User.objects.get(username="admin")
for video in ("1", "2"):
    Order.objects.place(
        customer=customer, site=site, video_id=video, url=f"{site.origin}/videos/{video}",
        count=10000, price=Decimal("5.00"), creator=admin,
    )
Order.objects.filter(video_id="2").update(attention="the site answered 404 to a play")
"""


class Desk:
    """A running office to look at. `url` is where it is."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.url: str = office.web().url  # type: ignore[attr-defined]
        # The super administrator's session, once there is one: a login takes half a second.
        self.session: StorageState | None = None

    def shell(self, code: str) -> str:
        """Run code in the office's own process space, past every form and validator."""
        return self.office.manage("shell", "--verbosity", "0", "--command", code).stdout.strip()

    def log_in(self, page: Page, username: str = ADMIN, password: str = PASSWORD) -> None:
        page.goto(f"{self.url}/admin/login/?next=/admin/home/")
        page.fill("[name=username]", username)
        page.fill("[name=password]", password)
        page.click("#login-form button[type=submit]")


class Watch:
    """What a page did wrong. A page that is itself an error page may say so in the console."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.error_pages: set[str] = set()
        context.on("console", self.on_console)
        context.on("weberror", lambda error: self.complaints.append(f"threw {error.error}"))
        context.on("request", lambda request: self.on_request(request.url))
        context.on("response", self.on_response)

    def on_console(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        if message.type == "error" and address not in self.error_pages:
            self.complaints.append(f"console at {address}: {message.text}")

    def on_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in LOCAL_SCHEMES and parts.hostname != "127.0.0.1":
            self.complaints.append(f"asked {url}")

    def on_response(self, response: Response) -> None:
        request = response.request
        whole_page = request.is_navigation_request() and request.frame.parent_frame is None
        if whole_page and response.status >= 400:
            self.error_pages.add(response.url)


@pytest.fixture(scope="session")
def desk(tmp_path_factory) -> Iterator[Desk]:
    office = Office("sqlite", tmp_path_factory.mktemp("desk"), ADMIN_PASSWORD=PASSWORD)
    try:
        office.manage("init_office", "--demo")
        desk = Desk(office)
        desk.shell(FIRST_ORDERS)
        yield desk
    finally:
        office.close()


# Not for the session: while playwright runs, this thread counts as one of asyncio, and Django's
# models refuse to work in it.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needed_chromium(),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser profile of its own; what it does wrong fails the test."""
    watches: list[Watch] = []
    contexts: list[BrowserContext] = []

    def open_page(
        viewport: ViewportSize = WIDE, session: StorageState | None = None, language: str = "en-US"
    ) -> Page:
        context = chromium.new_context(viewport=viewport, storage_state=session, locale=language)
        context.set_default_timeout(15_000)
        contexts.append(context)
        watches.append(Watch(context))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    complaints = [complaint for watch in watches for complaint in watch.complaints]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def page(new_page) -> Page:
    """Nobody's page."""
    return new_page()


@pytest.fixture
def staff(new_page, desk) -> Page:
    """The super administrator's page."""
    if desk.session is None:
        page = new_page()
        desk.log_in(page)
        desk.session = page.context.storage_state()
        return page
    return new_page(session=desk.session)


def csrf_token(page: Page) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content())
    assert found
    return found.group(1)
