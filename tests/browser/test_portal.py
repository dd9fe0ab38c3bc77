"""The customers' pages in a browser on a phone, with the office's own programs: from the link that
staff make to a receipt that is right.
"""

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from core.models import ChargeRecord, Customer, Order, PricePolicy, Site, Status, User
from tests.base import VIDEO
from tests.browser.conftest import PHONE, WIDE, Desk
from tests.browser.test_theme import faults_of, speak_chinese

pytestmark = pytest.mark.browser

DELIVERY_MS = 60_000
PASSWORD = "Harbour-lights-7"
OTHER_VIDEO = "night-train-north"
THIRD_VIDEO = "city-of-lanterns"


@pytest.fixture(scope="module")
def shop(open_desk, demo_site_process):
    """An office with a consumer and a site that shows its token; erin has 30.00 and no login."""
    desk = open_desk(PRIVATE_SITES=f"127.0.0.1:{demo_site_process.port}")

    def stock() -> str:
        erin = Customer.objects.create(username="erin")
        ChargeRecord.objects.create(customer=erin, amount=Decimal("30.00"))
        return Site.objects.create(
            name="Harbour", origin=demo_site_process.url, max_rate=2500, verified=True
        ).token

    demo_site_process.token(desk.do(stock))
    desk.office.consumer()
    return desk


def made_link(page: Page, shop: Desk) -> str:
    """As staff make it, on the customer's page."""
    shop.let_in(page.context)
    page.goto(f"{shop.url}/admin/core/customer/1/change/")
    page.click("a:has-text('Portal link')")
    page.click("button:has-text('Create link')")
    expect(page.locator("[data-copied]")).to_contain_text("/portal/welcome/")
    return page.inner_text("[data-copied]")


def in_list(page: Page, order: Order):
    return page.locator(".order", has_text=order.oid)


def receipt_line(page: Page, label: str):
    return page.locator(f".sum tr:has(th:text-matches('^{label}'))").locator("td")


def test_from_the_staffs_link_to_a_receipt_without_a_reload(new_page, shop, demo_site):
    link = made_link(new_page(WIDE), shop)
    before = demo_site.views(VIDEO)

    page = new_page(PHONE)
    page.goto(link)
    expect(page).to_have_url(
        shop.url + link.removeprefix(shop.url).rsplit("/", 2)[0] + "/set-password/"
    )
    expect(page.locator("main")).to_contain_text("erin")
    page.fill("[name=new_password1]", PASSWORD)
    page.fill("[name=new_password2]", PASSWORD)
    page.click("main .button")
    expect(page.locator(".empty")).to_contain_text("You have not ordered yet")

    page.click(".empty .button")
    page.type("[name=url]", demo_site.address(VIDEO))
    page.click(".chip[data-count='10000']")
    expect(page.locator("[data-quote-of=price]")).to_have_text("5.00")
    expect(page.locator("[data-quote-of=balance_after]")).to_have_text("25.00")
    expect(page.locator("[data-quote-of=site]")).to_have_text("Harbour verified")
    assert not faults_of(page)
    page.click("button:has-text('Order and pay')")

    page.wait_for_url("**/portal/orders/*-*/")
    page.evaluate("window.sameDocument = true")
    order = shop.do(Order.objects.get)
    beside = page.context.new_page()
    beside.goto(f"{shop.url}/portal/")
    beside.evaluate("window.sameDocument = true")
    for watched in (
        page.locator("[data-section=heading] .tag"),
        in_list(beside, order).locator(".tag"),
    ):
        expect(watched).to_have_text("completed", timeout=DELIVERY_MS)
    assert page.evaluate("window.sameDocument") and beside.evaluate("window.sameDocument")
    expect(in_list(beside, order).locator("[data-percent]")).to_have_text("100%")
    expect(page.locator("[data-percent]")).to_have_text("100%")
    expect(page.locator("[data-done]")).to_have_text("10,000")
    expect(page.locator(".step").last).to_contain_text("Completed")
    expect(page.locator("[data-section=state] a")).to_have_text("Order again")
    for label, figure in (("Ordered", "10,000"), ("Delivered", "10,000"), ("You paid", "5.00")):
        expect(receipt_line(page, label)).to_have_text(figure)
    expect(page.locator(".sum")).to_contain_text(
        ["its counter went from", "the bundle of 10,000 plays for 5.00"]
    )
    assert not faults_of(page)
    assert demo_site.views(VIDEO) == before + 10_000

    page.goto(f"{shop.url}/portal/balance/")
    expect(page.locator(".balance")).to_have_text("25.00")

    second = new_page(PHONE)
    second.goto(link)
    expect(second.locator("h1")).to_have_text("This link is not valid any more")
    expect(second.locator("input[type=password]")).to_have_count(0)


def test_an_order_is_canceled_after_a_question_and_the_page_says_so(new_page, shop, demo_site):
    page = new_page(PHONE)
    shop.do(lambda: have_login("erin"))
    shop.let_in(page.context, "erin")
    page.goto(f"{shop.url}/portal/orders/new/?url={demo_site.address(OTHER_VIDEO)}&count=20000")
    page.click("summary:has-text('Spread over time')")
    page.fill("[name=hours]", "24")
    page.click("button:has-text('Order and pay')")
    page.click("a:has-text('Cancel order')")
    page.click("button:has-text('Cancel order')")
    expect(page.locator("[data-section=heading] .tag")).to_have_text(
        "canceled", timeout=DELIVERY_MS
    )
    order = shop.do(lambda: Order.objects.order_by("-pk").first())
    assert order.status == Status.CANCELED
    expect(receipt_line(page, "You paid")).to_have_text(f"{order.price - order.refunded:.2f}")
    expect(page.locator(".step").last).to_contain_text("refunded")


def test_a_price_that_changed_is_asked_about_until_the_order_is_sent_again(
    new_page, shop, demo_site
):
    page = new_page(PHONE)
    shop.do(lambda: have_login("erin"))
    shop.let_in(page.context, "erin")
    page.goto(f"{shop.url}/portal/orders/new/")
    page.type("[name=url]", demo_site.address(THIRD_VIDEO))
    page.click(".chip[data-count='20000']")
    price = page.locator("[data-quote-of=price]")
    expect(price).to_have_text("9.00")
    shop.do(lambda: PricePolicy.objects.filter(count=20_000).update(price=8))
    page.click("button:has-text('Order and pay')")
    expect(price).to_have_text("8.00")  # by the quote of the page that came back
    expect(page.get_by_role("alert").first).to_contain_text("The price is now 8.00, not 9.00")
    shop.do(lambda: PricePolicy.objects.filter(count=20_000).update(price=9))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_page_hangs_over_the_edge_of_a_phone(new_page, shop, language):
    page = new_page(PHONE)
    shop.do(lambda: have_login("erin"))
    if language != "en":
        speak_chinese(shop, page.context)
    page.goto(f"{shop.url}/portal/login/")
    assert not faults_of(page)
    shop.let_in(page.context, "erin")
    oids = shop.do(lambda: list(Order.objects.values_list("oid", flat=True)[:1]))
    orders = [f"orders/{oid}/{rest}" for oid in oids for rest in ("", "cancel/")]
    for address in ("", "orders/new/", "balance/", "password/", "?q=nothing", "nowhere/", *orders):
        page.goto(f"{shop.url}/portal/{address}")
        assert not faults_of(page), address


def have_login(name: str) -> None:
    user, _made = User.objects.get_or_create(username=name)
    Customer.objects.filter(username=name).update(user=user)
