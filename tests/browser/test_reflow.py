"""Twice as large on a small screen (WCAG 1.4.10): at 320 px nothing but a table scrolls sideways,
and nothing covers or leaves what it stands in."""

import datetime

import pytest
from playwright.sync_api import ViewportSize

from core.models import Customer, Order, Repeat, User
from core.ordering import repeat
from tests.browser.test_theme import faults_of

pytestmark = pytest.mark.browser

NARROW: ViewportSize = {"width": 320, "height": 700}
BEYOND = """() => {
    const right = (element) => element.getBoundingClientRect().right;
    const within = (box) => right(box) - parseFloat(getComputedStyle(box).paddingRight);
    const out = [...document.querySelectorAll('main input:not([type=hidden]), main .desk-tag')]
        .filter((element) => right(element)
            > within(element.closest('.module, .desk-block, .card, tr, main')) + 1)
        .map((element) => element.outerHTML.slice(0, 120));
    const brand = document.querySelector('.office-brand span');
    if (brand && right(brand) > document.querySelector('.office-languages').offsetLeft) {
        out.push('the name of the office over the languages');
    }
    return out;
}"""


@pytest.fixture
def narrow(new_page, desk):
    def open_pages(username: str, addresses: list[str]) -> dict[str, list[str]]:
        page = new_page(NARROW)
        desk.let_in(page.context, username)
        found = {}
        for address in addresses:
            page.goto(desk.url + address)
            if wrong := faults_of(page) + page.evaluate(BEYOND):
                found[address] = wrong
        return found

    return open_pages


def test_the_desk_fits_a_narrow_screen(narrow, desk):
    def repeated() -> None:
        order, admin = Order.objects.order_by("pk")[0], User.objects.get(username="admin")
        repeat(order, admin, every=Repeat.Every.DAY, at=datetime.time(9))

    desk.do(repeated)
    pages = ["core/administrator/1/change/", "core/repeat/", "core/customer/import/"]
    assert narrow("admin", [f"/admin/{page}" for page in pages]) == {}


def test_the_customers_pages_fit_a_narrow_screen(narrow, desk):
    def let_in() -> str:
        customer = Customer.objects.order_by("pk")[0]
        if customer.user is None:
            customer.user = User.objects.create(username="narrow")
            customer.save(update_fields=["user"])
        return customer.user.username

    assert narrow(desk.do(let_in), ["/portal/", "/portal/orders/new/", "/portal/balance/"]) == {}
