"""Two people, two browsers: customer and desk talk, and one decides on what another ordered."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, expect

from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    Message,
    Order,
    Site,
    Status,
    User,
)
from tests.base import new_staff, placed
from tests.browser.conftest import PHONE, Desk

pytestmark = pytest.mark.browser

# The feed takes a second; a busy machine takes more.
LIVE_MS = 20_000
WAITING = "/admin/core/order/?status__exact=7"
SCRIPT = '<script>document.title = "taken"</script>'


@pytest.fixture(scope="module")
def shop(open_desk) -> Desk:
    """An office without a consumer: erin has a login, bob may order for 5.00 alone."""
    desk: Desk = open_desk()

    def stock() -> None:
        erin = Customer.objects.create(username="erin", user=User.objects.create(username="erin"))
        ChargeRecord.objects.create(customer=erin, amount=Decimal("100.00"))
        Site.objects.create(name="Harbour", origin="https://videos.example.com", verified=True)
        new_staff("bob", "Administrators")
        group = Group.objects.get(name="Administrators")
        ApprovalLimit.objects.create(group=group, amount=Decimal("5.00"))

    desk.do(stock)
    return desk


def new_order(shop: Desk, video: str, price: str, by: str = "bob") -> Order:
    def place() -> Order:
        creator = User.objects.get(username=by)
        return placed(
            Customer.objects.get(), Site.objects.get(), video, price=price, creator=creator
        )

    order: Order = shop.do(place)
    return order


def opened(shop: Desk, page: Page, username: str, path: str) -> Page:
    """The page, looked at by this user; it must never be loaded anew."""
    shop.let_in(page.context, username)
    page.goto(shop.url + path)
    page.evaluate("window.sameDocument = true")
    return page


def say(page: Page, text: str) -> None:
    page.fill("#talk-text", text)
    page.click(".talk-button")


def said(page: Page):
    return page.locator(".talk-message")


def test_customer_and_desk_talk_without_a_reload(shop, new_page):
    order = new_order(shop, "dawn", "5.00")
    desk = opened(shop, new_page(), "bob", f"/admin/core/order/{order.pk}/change/")
    customer = opened(shop, new_page(PHONE), "erin", f"/portal/orders/{order.oid}/")

    say(customer, f"Is it stuck? {SCRIPT}")
    expect(said(desk)).to_contain_text([f"Is it stuck? {SCRIPT}"], timeout=LIVE_MS)
    expect(customer.locator("#talk-text")).to_have_value("")

    desk.check("[name=internal]")
    say(desk, "Be kind.")
    expect(said(desk)).to_have_count(2)
    say(desk, "It goes on tonight, see https://videos.example.com/help?a=1&b=2")
    expect(said(customer)).to_have_count(2, timeout=LIVE_MS)
    expect(said(customer).nth(1)).to_contain_text("It goes on tonight")
    link = customer.locator(".talk-message a")
    assert link.get_attribute("href") == "https://videos.example.com/help?a=1&b=2"
    assert link.get_attribute("rel") == "noopener nofollow"
    expect(customer.locator("body")).not_to_contain_text("Be kind.")

    customer.locator("#conversation").scroll_into_view_if_needed()
    expect(said(desk).nth(2)).to_contain_text("Read by erin", timeout=LIVE_MS)
    for page in (desk, customer):
        assert page.evaluate("window.sameDocument")
        assert page.title() != "taken"


def test_a_conversation_works_without_scripts(shop, chromium):
    order = new_order(shop, "dusk", "5.00")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    shop.let_in(context, "erin")
    page.goto(f"{shop.url}/portal/orders/{order.oid}/")
    say(page, "When does it begin?")
    expect(said(page)).to_have_count(1)
    page.reload()
    expect(said(page)).to_have_count(1)
    context.close()
    assert shop.do(lambda: Message.objects.filter(order=order).count()) == 1


def test_a_second_person_sees_what_waits_decides_and_the_first_one_sees_it(shop, new_page):
    second = opened(shop, new_page(), "admin", WAITING)
    order = new_order(shop, "noon", "9.00")
    row = second.locator("#result_list tr", has_text=order.oid)
    expect(row).to_contain_text("bob", timeout=LIVE_MS)
    expect(row).to_contain_text("9.00")
    first = opened(shop, new_page(), "bob", f"/admin/core/order/{order.pk}/change/")
    expect(first.locator(".desk-state .desk-tag")).to_have_text("awaiting approval")
    expect(first.locator("[data-post$='/approve/']")).to_have_count(0)

    row.locator("a").first.click()
    second.click("[data-post$='/approve/']")
    second.click("[data-dialog-do]")
    expect(second.locator(".office-messages")).to_contain_text("approved")
    expect(first.locator(".desk-state .desk-tag")).to_have_text("pending", timeout=LIVE_MS)
    assert first.evaluate("window.sameDocument")


def test_declining_asks_for_the_reason_and_the_customer_reads_it(shop, new_page):
    order = new_order(shop, "midnight", "9.00")
    customer = opened(shop, new_page(PHONE), "erin", f"/portal/orders/{order.oid}/")
    second = opened(shop, new_page(), "admin", f"/admin/core/order/{order.pk}/change/")
    second.click("[data-post$='/decline/']")
    second.click("[data-dialog-do]")
    expect(second.locator("[data-desk-dialog]")).to_be_visible()
    second.fill("[data-desk-dialog] [name=reason]", "Not at midnight.")
    second.click("[data-dialog-do]")
    expect(second.locator(".office-messages")).to_contain_text("declined")
    expect(said(customer)).to_contain_text(["Not at midnight."], timeout=LIVE_MS)
    assert shop.do(lambda: Order.objects.get(pk=order.pk).status) == Status.CANCELED
