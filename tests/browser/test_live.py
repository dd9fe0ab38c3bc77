"""Pages that move by themselves: over a socket, and where sockets break."""

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from core import ordering
from core.models import ChargeRecord, Customer, ListColumns, Order, Site, Status, User
from tests.base import VIDEO, placed
from tests.browser.conftest import ADMIN, WIDE, Desk

pytestmark = pytest.mark.browser

DELIVERY_MS = 60_000
FALL_BACK_MS = 30_000


def sign_of(page):
    return page.locator("[data-live-sign]")


def checkpoint(desk: Desk, pk: int, done: int) -> None:
    """What a consumer's checkpoint writes."""
    moved = {"status": Status.RUNNING, "reserved": done, "done": done}
    desk.do(lambda: Order.objects.filter(pk=pk).update(**moved))


def test_a_page_whose_socket_is_cut_goes_on_by_polling_and_comes_back(chromium, desk):
    # No Watch: the browser itself writes a broken connection into the console.
    context = chromium.new_context(viewport=WIDE, locale="en-US")
    desk.let_in(context)
    page = context.new_page()
    pk = desk.do(lambda: Order.objects.get(video_id="1").pk)
    is_cut, sockets = [], []

    def on_socket(socket):
        if is_cut:
            socket.close()
        else:
            sockets.append((socket, socket.connect_to_server()))

    def refuse_to_wait(route):
        if '"wait":0' in (route.request.post_data or ""):
            route.continue_()
        else:
            route.abort()

    page.route_web_socket("**/live/socket/", on_socket)
    page.goto(f"{desk.url}/admin/core/order/{pk}/change/")
    expect(sign_of(page)).to_have_text("live")

    is_cut.append(True)
    for socket, _ in sockets:
        socket.close()
    expect(sign_of(page)).to_have_text("live by long polling", timeout=FALL_BACK_MS)
    checkpoint(desk, pk, 1_100)
    expect(page.locator("[data-section=delivery]")).to_contain_text("11%")

    page.route("**/live/poll/", refuse_to_wait)
    checkpoint(desk, pk, 2_200)
    expect(sign_of(page)).to_have_text("refreshed by polling", timeout=FALL_BACK_MS)
    checkpoint(desk, pk, 3_300)
    expect(page.locator("[data-section=delivery]")).to_contain_text("33%")

    is_cut.clear()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(sign_of(page)).to_have_text("live", timeout=FALL_BACK_MS)
    checkpoint(desk, pk, 4_400)
    expect(page.locator("[data-section=delivery]")).to_contain_text("44%")
    desk.do(lambda: Order.objects.filter(pk=pk).update(status=Status.PENDING, reserved=0, done=0))
    context.close()


def test_an_order_is_watched_to_its_end_on_postgresql_and_redis(
    new_office, new_page, demo_site, django_db_blocker
):
    desk = Desk(new_office("postgresql"), django_db_blocker.unblock)

    def stock() -> int:
        erin = Customer.objects.create(username="erin")
        ChargeRecord.objects.create(customer=erin, amount=Decimal(20))
        site = Site.objects.create(name="Harbour", origin=demo_site.url, max_rate=3000)
        demo_site.token(site.token)
        return placed(erin, site, VIDEO, creator=User.objects.get(username="admin")).pk

    pk = desk.do(stock)
    page, rows = new_page(), new_page()
    for one, address in ((page, f"{pk}/change/"), (rows, "")):
        desk.let_in(one.context)
        one.goto(f"{desk.url}/admin/core/order/{address}")
        expect(sign_of(one)).to_have_text("live")
    desk.office.consumer()
    expect(rows.locator("#result_list")).to_contain_text("running", timeout=DELIVERY_MS)
    expect(page.locator("[data-section=delivery]")).to_contain_text("Plays per second")
    expect(page.locator("[data-section=delivery]")).to_contain_text(
        "completed", timeout=DELIVERY_MS
    )
    expect(page.locator("[data-section=events]")).to_contain_text("completed")
    expect(page.locator("[data-desk-tools]")).to_contain_text("Order again")
    expect(page.locator("[data-chart] svg")).to_have_attribute(
        "aria-label",
        "Plays over time: 10,000 received by the site, 10,000 shown by its counter",
    )
    expect(rows.locator("#result_list")).to_contain_text("100%")
    expect(rows.locator("#result_list")).to_contain_text("completed")


def test_buttons_follow_what_changed_while_the_page_was_on_its_way(chromium, desk):
    # No Watch: the browser itself writes a refused request into the console.
    context = chromium.new_context(viewport=WIDE, locale="en-US")
    desk.let_in(context)
    page = context.new_page()
    order = desk.do(lambda: Order.objects.get(video_id="1"))
    address = f"{desk.url}/admin/core/order/{order.pk}/change/"
    answers = []

    def asked_to_pause(is_asked: bool) -> None:
        columns = {"status": Status.RUNNING if is_asked else Status.PENDING}
        desk.do(
            lambda: Order.objects.filter(pk=order.pk).update(pause_requested=is_asked, **columns)
        )

    def changes_meanwhile(route):
        answer = route.fetch()
        asked_to_pause(True)
        route.fulfill(response=answer)

    def refuse_the_first(route):
        answers.append(503 if not answers else 200)
        route.fulfill(status=503) if answers == [503] else route.continue_()

    page.route(address, changes_meanwhile)
    page.route("**/buttons/", refuse_the_first)
    page.goto(address)
    tools = page.locator("[data-desk-tools]")
    expect(tools).to_contain_text("Resume")
    assert answers == [503, 200]

    # Who stands on a button, or on its question, stands there still.
    cancel = tools.locator("button", has_text="Cancel order")
    cancel.focus()
    asked_to_pause(False)
    expect(tools).to_contain_text("Pause")
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-desk-dialog]")).to_be_visible()
    asked_to_pause(True)
    expect(tools).to_contain_text("Resume")
    page.keyboard.press("Escape")
    expect(cancel).to_be_focused()
    asked_to_pause(False)
    context.close()


def test_refunds_balances_and_new_orders_move_in_lists_of_any_columns(staff, desk):
    page, names = staff, ["shown_refund"]
    first = desk.do(lambda: Order.objects.select_related("customer", "site").first())
    order = desk.do(lambda: placed(first.customer, first.site, "moving", price="0.01"))
    admin = desk.do(lambda: User.objects.get(username=ADMIN))
    desk.do(lambda: ListColumns.objects.create(user=admin, model="core.order", names=names))
    try:
        page.goto(f"{desk.url}/admin/core/order/?q={order.oid}")
        expect(sign_of(page)).to_have_text("live")
        newer = page.locator("[data-newer]")
        expect(newer).to_be_hidden()
        refund = page.locator(f'[data-live-row="{order.pk}"][data-live-cell=refund]')
        expect(refund).to_have_text("–")
        other = page.context.new_page()
        other.goto(f"{desk.url}/admin/core/customer/{order.customer_id}/change/")
        balance = other.locator("[data-live-balance]")
        before = balance.inner_text()
        desk.do(lambda: ordering.cancel(Order.objects.get(pk=order.pk), admin))
        expect(refund).to_have_text(str(order.price))
        expect(balance).not_to_have_text(before)
        desk.do(lambda: placed(first.customer, first.site, "newer", price="0.01"))
        expect(newer).to_be_visible()
        newer.click()
        expect(page.locator("[data-newer]")).to_be_hidden()
        other.close()
    finally:
        desk.do(lambda: ListColumns.objects.filter(user=admin).delete())
