"""axe over every page of desk and portal: nothing to mend, in both languages, light and dark."""

from importlib.resources import files

import pytest
from playwright.sync_api import Page

from core.models import Customer, Order, User
from tests.browser.conftest import Desk
from tests.browser.test_theme import PAGES, speak_chinese

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = "axe.run(document, {resultTypes: ['violations'], preload: false})"
# With what the list of PAGES has no row for.
DESK = [
    *PAGES,
    "/admin/core/chargerecord/import/",
    "/admin/core/customer/1/portal-link/",
    "/admin/core/order/?q=nothing+of+the+kind",
    "/admin/core/order/1/repeat/",
    "/admin/core/order/import/",
]
FOR_ALL = ["/admin/login/", "/portal/login/", "/portal/welcome/x/y/", "/nothing"]
# What axe leaves to us: heads of tables that say of what, fields described by something that is
# there, and what stands in empty fields, on the ground of the field.
OURS = """() => {
    const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const light = (colour) => {
        paint.fillStyle = colour;
        paint.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map(
            (part) => part > 10 ? ((part / 255 + .055) / 1.055) ** 2.4 : part / 255 / 12.92);
        return .2126 * r + .7152 * g + .0722 * b + .05;
    };
    const contrast = (a, b) => Math.max(light(a), light(b)) / Math.min(light(a), light(b));
    const pale = (field) => contrast(getComputedStyle(field, '::placeholder').color,
        getComputedStyle(field).backgroundColor) < 4.5;
    const ids = (field) => field.getAttribute('aria-describedby').split(' ').filter(Boolean);
    const told = (name, found) => found.map((one) => `${name}: ${one.outerHTML.slice(0, 200)}`);
    const all = (query) => [...document.querySelectorAll(query)];
    return [
        ...told('th without scope', all('main th:not([scope])')),
        ...told('described by nothing', all('[aria-describedby]').filter(
            (field) => ids(field).some((id) => !document.getElementById(id)))),
        ...told('pale placeholder', all('[placeholder]:not(:disabled)').filter(pale)),
    ];
}"""
# Some are drawn by a script after the page is there.
DRAWN = "() => new Promise((go) => requestAnimationFrame(() => setTimeout(go)))"


def violations(page: Page) -> list[str]:
    page.evaluate(DRAWN)
    page.evaluate(AXE)
    found = page.evaluate(RUN)["violations"]
    broken = [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
    return broken + page.evaluate(OURS)


def spoilt(page: Page, desk: Desk, addresses: list[str]) -> dict[str, list[str]]:
    """What axe finds, by page."""
    found = {}
    for address in addresses:
        page.goto(desk.url + address)
        if wrong := violations(page):
            found[address] = wrong
    return found


@pytest.fixture(params=[("en", "light"), ("zh-hans", "dark")], ids=["English", "Chinese, dark"])
def reader(request, new_page, desk) -> Page:
    language, scheme = request.param
    page = new_page()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    if language != "en":
        speak_chinese(desk, page.context)
    return page


def let_in_a_customer(desk: Desk) -> tuple[str, str]:
    """The login of the one who has orders, and an order's number."""

    def make() -> tuple[str, str]:
        order = Order.objects.order_by("pk")[0]
        customer = Customer.objects.get(pk=order.customer_id)
        if customer.user is None:
            customer.user = User.objects.create(username=f"portal of {customer.pk}")
            customer.save(update_fields=["user"])
        return customer.user.username, order.oid

    return desk.do(make)


@pytest.mark.parametrize("part", range(3))
def test_the_desk_has_nothing_to_mend(reader, desk, part):
    desk.let_in(reader.context)
    assert spoilt(reader, desk, DESK[part::3]) == {}


def test_the_customers_pages_have_nothing_to_mend(reader, desk):
    username, oid = let_in_a_customer(desk)
    desk.let_in(reader.context, username)
    own = ["", "orders/new/", f"orders/{oid}/", f"orders/{oid}/cancel/", "balance/", "password/"]
    pages = [*(f"/portal/{path}" for path in own), "/portal/orders/none/"]
    assert spoilt(reader, desk, pages) == {}


def test_pages_for_everybody_have_nothing_to_mend(reader, desk):
    assert spoilt(reader, desk, FOR_ALL) == {}
