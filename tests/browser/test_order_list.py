"""The list of orders as it is filtered by hand, on a desk and on a phone; figures stay unfolded."""

import pytest
from playwright.sync_api import expect

from core.models import Customer, Order
from tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser


def test_a_customer_is_picked_by_a_part_of_the_name_and_left_again(desk, staff):
    first = desk.do(lambda: Order.objects.order_by("pk").select_related("customer")[0])
    name = first.customer.username
    staff.goto(f"{desk.url}/admin/core/order/?from=month")
    field = staff.locator("[data-picker*=customer]")
    field.fill(name[1:])
    with staff.expect_navigation():
        field.press("Enter")
    assert f"customer__id__exact={first.customer_id}" in staff.url
    assert "from=" in staff.url
    expect(staff.locator("[data-picker*=customer]")).to_have_value(name)
    with staff.expect_navigation():
        staff.locator("[data-picker*=customer]").fill("")
        staff.locator("[data-picker*=customer]").blur()
    assert "customer__id__exact" not in staff.url


def test_on_a_phone_a_row_is_a_card_and_nothing_scrolls_sideways(desk, new_page):
    page = new_page(PHONE)
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/core/order/")
    card = page.locator("#result_list tbody tr").first
    expect(card).to_be_visible()
    price = card.locator("[data-label=Price]")
    assert price.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Price"'
    for table in ("order", "customer", "chargerecord"):
        page.goto(f"{desk.url}/admin/core/{table}/")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        inner = page.evaluate(
            "(r => r.scrollWidth - r.clientWidth)(document.querySelector('.results'))"
        )
        assert (wide <= 0, inner <= 0) == (True, True), table


# The longest that a customer may be called, and a video beside it.
LONGEST = """() => {
    document.querySelector('td.field-customer_link a').textContent = 'n'.repeat(32);
    document.querySelector('td.field-video_cell a').textContent = 'n'.repeat(80);
}"""


def test_how_far_an_order_is_can_be_seen_without_scrolling(desk, staff):
    staff.goto(f"{desk.url}/admin/core/order/")
    staff.evaluate(LONGEST)
    for column in ("progress", "state"):
        box = staff.locator(f"thead .column-{column}").bounding_box()
        assert box["x"] + box["width"] <= staff.viewport_size["width"], column


def test_sentences_in_tables_keep_room_to_be_read_on_a_phone(desk, new_page):
    page = new_page(PHONE)
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/queue/")
    assert page.locator(".desk-table .desk-words").first.bounding_box()["width"] >= 150


def test_figures_stay_unfolded_while_the_order_moves(desk, staff):
    order = desk.do(lambda: Order.objects.get(video_id="1"))
    staff.goto(f"{desk.url}/admin/core/order/{order.pk}/change/")
    figures = staff.locator(".desk-engine")
    figures.locator("summary").click()
    expect(figures).to_contain_text("Failed attempts")
    desk.do(lambda: Order.objects.filter(pk=order.pk).update(failed=7))
    expect(figures.locator("div", has_text="Refused").locator("dd").first).to_be_visible()
    expect(figures).to_contain_text("7", timeout=15_000)
    assert figures.get_attribute("open") is not None
    desk.do(lambda: Order.objects.filter(pk=order.pk).update(failed=0))


def test_the_form_of_a_top_up_says_what_the_balance_will_be(desk, staff):
    erin = desk.do(lambda: Customer.objects.order_by("-balance")[0])
    staff.goto(f"{desk.url}/admin/core/chargerecord/add/?customer={erin.pk}")
    after = staff.locator("[data-shows=balance_after]")
    expect(staff.locator("[data-shows=balance]")).to_have_text(f"{erin.balance:,.2f}")
    staff.fill("[name=amount]", "1,5")
    expect(after).to_have_text(f"{float(erin.balance) + 1.5:,.2f}")
