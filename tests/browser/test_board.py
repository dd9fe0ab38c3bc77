"""The board and the home page in a browser: a node opens its list, figures move by themselves."""

import pytest
from playwright.sync_api import Page, expect

from core.models import Order, Status, transitions
from tests.browser.conftest import PHONE, Desk
from tests.steps import pause_for_token

pytestmark = pytest.mark.browser


def first_pending() -> Order:
    return Order.objects.filter(status=Status.PENDING).order_by("pk")[0]


def test_a_click_or_enter_on_a_node_opens_the_list_filtered(staff: Page, desk: Desk):
    for go in ("click", "press"):
        staff.goto(f"{desk.url}/admin/board/")
        node = staff.locator(".flow-drawing--wide [data-node='1']")
        getattr(node, go)(*(["Enter"] if go == "press" else []))
        staff.wait_for_url("**/order/?status__exact=1")
        expect(staff.locator("#result_list tbody tr")).to_have_count(
            desk.do(Order.objects.filter(status=Status.PENDING).count)
        )


def test_the_board_and_the_home_page_move_without_a_reload(staff: Page, desk: Desk):
    order = desk.do(first_pending)
    staff.goto(f"{desk.url}/admin/home/")
    state = staff.locator("[data-live-part=orders] .dash-state[href$='status__exact=9'] strong")
    expect(state).to_have_text("0")
    desk.do(lambda: pause_for_token(order, "its token is gone", fence=order.fence))
    expect(state).to_have_text("1")
    staff.goto(f"{desk.url}/admin/board/")
    figure = staff.locator(".flow-drawing--wide [data-node='9'] .flow-node__figure")
    expect(figure).to_have_text("1")
    staff.evaluate("window.sameDocument = true")
    desk.do(lambda: transitions.apply([(order, transitions.resume(order))], None))
    expect(figure).to_have_text("0")
    item = staff.locator(".flow-list [data-status='9']")
    expect(item).to_have_text("paused: 0 orders now")
    assert staff.evaluate("window.sameDocument")


def test_a_phone_gets_the_drawing_that_leads_down(new_page, desk: Desk):
    page = new_page(PHONE)
    desk.let_in(page.context)
    order = desk.do(first_pending)
    for path in ("/admin/board/", f"/admin/core/order/{order.pk}/change/"):
        page.goto(desk.url + path)
        expect(page.locator(".flow-drawing--narrow")).to_be_visible()
        expect(page.locator(".flow-drawing--wide")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_menu_leads_to_the_board(staff: Page, desk: Desk):
    staff.goto(f"{desk.url}/admin/")
    staff.locator(".office-menu a", has_text="Board").click()
    expect(staff.locator("[data-live-board]")).to_be_visible()
    expect(staff).to_have_url(f"{desk.url}/admin/board/")
