"""A real Chromium on real offices: web processes with data of their own.

Law: a page that logs an error, throws one, or asks anybody but this machine for anything fails the
test that opened it.
"""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management import call_command
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    ViewportSize,
    expect,
    sync_playwright,
)

from core.models import Customer, Order, Site, User
from core.reasons import Reason, reason_columns
from tests.base import client_of, placed
from tests.office import Office, working_in
from tests.programs import CHROMIUM_ARGS, needed

ADMIN, PASSWORD = "admin", "Correct-horse-9"
WIDE: ViewportSize = {"width": 1360, "height": 850}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOCAL_SCHEMES = ("about", "blob", "data")

T = TypeVar("T")


class Desk:
    """A running office to look at. `url` is where it is."""

    def __init__(self, office: Office, unblocked: Callable[[], Any]) -> None:
        self.office = office
        self.unblocked = unblocked
        self.do(set_password)
        self.url: str = office.web().url  # type: ignore[attr-defined]

    def do(self, work: Callable[[], T]) -> T:
        """Work on the office's rows, past every form. In a thread: while playwright runs, this one
        counts as one of asyncio, and Django's models refuse to work in it."""

        def in_the_office() -> T:
            with self.unblocked(), working_in(self.office):
                return work()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(in_the_office).result()

    def log_in(self, page: Page, username: str = ADMIN, password: str = PASSWORD) -> None:
        """As people do it."""
        page.goto(f"{self.url}/admin/login/?next=/admin/home/")
        page.fill("[name=username]", username)
        page.fill("[name=password]", password)
        page.click("#login-form button[type=submit]")

    def let_in(self, context: BrowserContext, username: str = ADMIN) -> None:
        """Without the login page, whose hashing takes half a second."""

        def session() -> str:
            return client_of(User.objects.get(username=username)).cookies["sessionid"].value

        cookie = {"name": "sessionid", "value": self.do(session), "url": self.url}
        context.add_cookies([cookie])  # type: ignore[list-item]


def set_password() -> None:
    """As the office hashes it: at a login a quick hash would be made anew, which ends sessions."""
    admin = User.objects.get(username=ADMIN)
    hasher = PBKDF2PasswordHasher()
    admin.password = hasher.encode(PASSWORD, hasher.salt())
    admin.save(update_fields=["password"])


class Watch:
    """What the pages of a browser profile did wrong. A page that is itself an error page may say so
    in the console."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.error_pages: set[str] = set()
        context.set_default_timeout(15_000)
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
        if response.status < 400:
            return  # of a window that just opens the frame is not known yet
        request = response.request
        if request.is_navigation_request() and request.frame.parent_frame is None:
            self.error_pages.add(response.url)

    def judge(self) -> None:
        """Fail for what was done since the last time."""
        complaints, self.complaints = self.complaints, []
        assert not complaints, "\n".join(complaints)


# For the package and not for the session: once playwright has ended, this thread is as it was.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needed("chromium"), args=CHROMIUM_ARGS)
        expect.set_options(timeout=15_000)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def open_desk(
    sqlite_template: Path, tmp_path_factory, django_db_blocker
) -> Iterator[Callable[..., Desk]]:
    """Open an office of its own, with nothing in it but the price policies and the admin."""
    offices: list[Office] = []

    def open_office(**env: str) -> Desk:
        data_dir = tmp_path_factory.mktemp("desk")
        shutil.copy(sqlite_template, data_dir / sqlite_template.name)
        offices.append(Office("sqlite", data_dir, **env))
        return Desk(offices[-1], django_db_blocker.unblock)

    yield open_office
    for office in offices:
        office.close()


@pytest.fixture(scope="package")
def desk(open_desk) -> Desk:
    """The office that most tests look at. No consumer touches its two orders."""
    desk: Desk = open_desk()
    desk.do(first_orders)
    return desk


def first_orders() -> None:
    """What the first pages need: somebody with money, a site, and orders in two states."""
    call_command("demo_data", stdout=io.StringIO())
    Site.objects.update(verified=True)
    site, customer = Site.objects.get(), Customer.objects.order_by("-balance")[0]
    for video in ("1", "2"):
        placed(customer, site, video, creator=User.objects.get(username=ADMIN))
    remark = Reason.of("play_answered", status=404)
    Order.objects.filter(video_id="2").update(**reason_columns(remark, "attention"))


@pytest.fixture
def new_page(chromium) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser profile of its own; what it does wrong fails the test."""
    watches: list[Watch] = []
    contexts: list[BrowserContext] = []

    def open_page(viewport: ViewportSize = WIDE, language: str = "en-US") -> Page:
        context = chromium.new_context(viewport=viewport, locale=language)
        contexts.append(context)
        watches.append(Watch(context))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    for watch in watches:
        watch.judge()


@pytest.fixture
def page(new_page) -> Page:
    """Nobody's page."""
    return new_page()


@contextmanager
def warm_profile(chromium: Browser, desk: Desk) -> Iterator[tuple[BrowserContext, Watch]]:
    context = chromium.new_context(viewport=WIDE, locale="en-US")
    desk.let_in(context)
    yield context, Watch(context)
    context.close()


@pytest.fixture(scope="package")
def staff_profile(chromium, desk) -> Iterator[tuple[BrowserContext, Watch]]:
    """The super administrator's browser, logged in once, its cache warm."""
    with warm_profile(chromium, desk) as profile:
        yield profile


@pytest.fixture
def staff(staff_profile) -> Iterator[Page]:
    """A page of the super administrator's, for tests that leave the cookies alone."""
    context, watch = staff_profile
    page = context.new_page()
    yield page
    page.close()
    watch.judge()


def csrf_token(page: Page) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content())
    assert found
    return found.group(1)
