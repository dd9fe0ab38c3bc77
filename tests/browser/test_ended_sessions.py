"""A session that ended while a form was filled in, or an office that was busy: what was typed is
there after the login, or by the way back, for who typed it and for nobody else."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from core.models import ChargeRecord, Customer, User
from office.unavailable import busy_page
from tests.base import new_staff
from tests.browser.conftest import ADMIN, PASSWORD, PHONE, Desk

pytestmark = pytest.mark.browser

KEPT = "sessionStorage.getItem('typed')"


@pytest.fixture(scope="module")
def shop(open_desk) -> Desk:
    desk: Desk = open_desk()

    def stock() -> None:
        hashed = User.objects.get(username=ADMIN).password
        erin = User.objects.create(username="erin")
        Customer.objects.create(username="erin", user=erin)
        new_staff("bob", "Administrators")
        User.objects.update(password=hashed)

    desk.do(stock)
    return desk


@pytest.fixture
def opened(shop, new_page) -> Callable[..., Page]:
    def open_page(path: str, username: str = ADMIN, **look) -> Page:
        page: Page = new_page(**look)
        shop.let_in(page.context, username)
        page.goto(shop.url + path)
        return page

    return open_page


def send_without_session(page: Page, button: str) -> None:
    """The login comes."""
    page.context.clear_cookies(name="sessionid")
    page.locator(button).click()
    expect(page.locator("[name=password]")).to_be_visible()


def log_in(page: Page, username: str, password: str = PASSWORD) -> None:
    page.fill("[name=username]", username)
    page.fill("[name=password]", password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def hold(page: Page, values: dict[str, str]) -> None:
    for name, value in values.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)


def test_what_was_typed_comes_back_after_the_login_and_is_booked_once(opened, shop):
    page = opened("/admin/core/chargerecord/add/?customer=1")
    page.fill("[name=amount]", "12.50")
    page.fill("[name=memo]", "paid at the counter")
    key = page.input_value("[name=request_key]")
    send_without_session(page, "[name=_save]")
    log_in(page, ADMIN, "wrong")
    expect(page.locator("[role=alert]")).to_be_visible()
    log_in(page, ADMIN)
    hold(page, {"amount": "12.50", "memo": "paid at the counter", "request_key": key})
    page.locator("[name=_save]").click()
    expect(page.locator(".office-messages .success")).to_be_visible()
    assert page.evaluate(KEPT) is None
    booked = shop.do(lambda: list(ChargeRecord.objects.values_list("amount", "memo")))
    assert booked == [(Decimal("12.50"), "paid at the counter")]


def test_a_customer_finds_their_half_filled_order_again(opened):
    page = opened("/portal/orders/new/", "erin", viewport=PHONE)
    typed = {"url": "https://elsewhere.example/1", "count": "12345"}
    for name, value in typed.items():
        page.fill(f"[name={name}]", value)
    send_without_session(page, "main form .button")
    log_in(page, "erin")
    hold(page, typed)


def test_nobody_else_is_shown_what_was_typed(opened):
    page = opened("/admin/core/customer/add/")
    page.fill("[name=memo]", "for the eyes of one")
    send_without_session(page, "[name=_save]")
    log_in(page, "bob")
    hold(page, {"memo": ""})
    assert page.evaluate(KEPT) is None


def test_what_was_saved_does_not_come_back(opened):
    page = opened("/admin/core/customer/add/")
    page.fill("[name=username]", "ann")
    page.fill("[name=memo]", "calls on Mondays")
    page.locator("[name=_addanother]").click()
    expect(page.locator(".office-messages .success")).to_be_visible()
    hold(page, {"username": "", "memo": ""})
    assert page.evaluate(KEPT) is None


def test_who_is_told_to_go_back_and_try_again_finds_what_was_typed(opened):
    page = opened("/portal/orders/new/", "erin", viewport=PHONE)
    typed = {"url": "https://elsewhere.example/1", "count": "12345"}
    for name, value in typed.items():
        page.fill(f"[name={name}]", value)
    busy = {"status": 503, "body": busy_page(), "content_type": "text/html"}
    page.route("**/orders/new/", lambda route: route.fulfill(**busy))
    with page.expect_navigation():
        page.locator("main form .button").click()
    expect(page.locator("h1").first).to_have_text("The office is busy")
    page.unroute("**/orders/new/")
    page.go_back()
    hold(page, typed)


def test_a_form_whose_sending_was_stopped_is_sent_again(opened, shop):
    page = opened("/admin/core/customer/add/")
    page.clock.install()
    page.fill("[name=username]", "stopped")
    page.route("**/customer/add/", lambda route: route.abort("aborted"))
    with page.expect_request("**/customer/add/"):
        page.locator("[name=_save]").click()
    page.unroute("**/customer/add/")
    page.clock.run_for(10_000)
    page.locator("[name=_save]").click()
    expect(page.locator(".office-messages .success")).to_be_visible()
    assert shop.do(lambda: Customer.objects.filter(username="stopped").count()) == 1
