"""The main job as staff do it, in a browser, with the office's own programs: top up, quote, save,
watch the plays arrive, look it up in the book.
"""

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from core.models import ChargeRecord, Customer, LedgerEntry, Order, Site, Status
from tests.base import VIDEO
from tests.browser.conftest import Desk

pytestmark = pytest.mark.browser

DELIVERY_MS = 60_000
NOT_OURS = "https://videos.example.org"


@pytest.fixture(scope="module")
def shop(open_desk, demo_site_process):
    """An office with a consumer and a site that shows its token; erin has 1.00, grace nothing."""
    desk = open_desk(PRIVATE_SITES=f"127.0.0.1:{demo_site_process.port}")

    def stock() -> str:
        erin = Customer.objects.create(username="erin")
        Customer.objects.create(username="grace")
        ChargeRecord.objects.create(customer=erin, amount=Decimal("1.00"))
        return Site.objects.create(
            name="Harbour", origin=demo_site_process.url, max_rate=4000
        ).token

    demo_site_process.token(desk.do(stock))
    desk.office.consumer()
    return desk


def open_order_form(page: Page, shop: Desk) -> None:
    shop.let_in(page.context)
    page.goto(f"{shop.url}/admin/core/order/add/")


def pick_customer(page: Page, username: str) -> None:
    page.click(".field-customer .select2-selection")
    page.type(".select2-search__field", username)
    page.click(f".select2-results__option:has-text('{username} · ')")


def quoted(page: Page, figure: str):
    return page.locator(f"[data-quote-of={figure}]")


def error_at(page: Page, field: str):
    return page.locator(f".form-row.field-{field} ul.errorlist")


def test_an_order_saved_in_the_browser_is_delivered_before_the_staffs_eyes(page, shop, demo_site):
    before = demo_site.views(VIDEO)
    shop.log_in(page)

    page.goto(f"{shop.url}/admin/core/customer/?q=grace")
    page.click("#result_list a:has-text('grace')")
    page.click("a:has-text('Top up')")
    expect(page.locator(".field-customer .select2-selection")).to_contain_text("grace")
    page.fill("[name=amount]", "30")
    page.click("[name=_save]")
    page.wait_for_url("**/chargerecord/*/change/")

    page.goto(f"{shop.url}/admin/core/order/add/")
    pick_customer(page, "grace")
    page.type("#id_url", demo_site.address(VIDEO))
    page.click(".desk-chip[data-count='10000']")
    expect(quoted(page, "price")).to_have_text("5.00")
    expect(quoted(page, "balance_after")).to_have_text("25.00")
    expect(quoted(page, "site")).to_have_text("Harbour verified")
    expect(quoted(page, "views")).to_have_text(f"{before:,}")
    expect(page.locator("ul.errorlist")).to_have_count(0)

    page.click("[name=_save]")
    page.wait_for_url("**/order/*/change/")
    page.evaluate("window.sameDocument = true")
    state = page.locator(".desk-state .desk-tag")
    expect(state).to_have_text("completed", timeout=DELIVERY_MS)
    assert page.evaluate("window.sameDocument")
    expect(page.locator(".desk-state .desk-progress__text")).to_have_text("100%")
    expect(page.locator(".desk-refund")).to_contain_text("nothing is refunded")
    expect(page.locator("a:has-text('Order again')")).to_be_visible()

    order = shop.do(Order.objects.get)
    assert order.status == Status.COMPLETED
    assert demo_site.views(VIDEO) == before + 10_000
    assert demo_site.plays(order.oid) == 10_000

    page.goto(f"{shop.url}/admin/core/ledgerentry/?q=grace")
    cells = page.locator("#result_list tbody tr")
    expect(cells).to_have_count(2)
    for row, texts in enumerate((("order", "-5.00", "25.00", order.oid), ("+30.00", "30.00"))):
        for text in texts:
            expect(cells.nth(row)).to_contain_text(text)


def test_what_speaks_against_an_order_stands_at_its_field_before_it_is_saved(page, shop, demo_site):
    before = shop.do(lambda: (Order.objects.count(), LedgerEntry.objects.count()))
    open_order_form(page, shop)
    pick_customer(page, "erin")
    page.type("#id_count", "500")
    expect(error_at(page, "count")).to_have_text("The smallest order is 10,000 plays.")
    page.type("#id_url", f"{NOT_OURS}/videos/1")
    expect(error_at(page, "url")).to_have_text(f"{NOT_OURS} is not one of our sites.")
    page.click(".desk-chip[data-count='10000']")
    expect(error_at(page, "customer")).to_have_text("The balance is short by 4.00.")
    expect(quoted(page, "balance_after")).to_have_text("-4.00")
    expect(error_at(page, "count")).to_have_count(0)

    page.click("[name=_save]")
    page.wait_for_selector(".errornote")
    expect(error_at(page, "customer")).to_have_text("The balance is short by 4.00.")
    expect(error_at(page, "url")).to_have_text(f"{NOT_OURS} is not one of our sites.")
    assert shop.do(lambda: (Order.objects.count(), LedgerEntry.objects.count())) == before


def test_a_site_is_tried_with_one_play_from_its_page(page, shop, demo_site):
    before = demo_site.views(VIDEO)
    shop.let_in(page.context)
    page.goto(f"{shop.url}/admin/core/site/1/change/")
    page.click("[data-post$='/verify/']")
    page.click("[data-post$='/try/']")
    page.fill("[name=url]", demo_site.address(VIDEO))
    page.click("[data-dialog-do]")
    expect(page.locator(".desk-verdict")).to_have_text("The counter moved by one.")
    assert demo_site.views(VIDEO) == before + 1


def test_orders_are_entered_one_after_the_other_by_keyboard(page, shop, demo_site):
    def rich_customer() -> int:
        ken = Customer.objects.create(username="ken")
        ChargeRecord.objects.create(customer=ken, amount=Decimal("50.00"))
        return ken.pk

    ken = shop.do(rich_customer)
    shop.let_in(page.context)
    page.goto(f"{shop.url}/admin/core/order/add/?next=1&customer={ken}&count=10000")
    for number in (4001, 4002):
        expect(page.locator("#id_url")).to_be_focused()
        page.keyboard.type(demo_site.address(f"v{number}"))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.locator(".office-messages")).to_contain_text("10,000 plays for ken at 5.00")
    orders = Order.objects.filter(customer=ken).order_by("pk")
    assert shop.do(lambda: [order.video_id for order in orders]) == ["v4001", "v4002"]
