"""What a person typed is theirs until the office has it: a slow answer, a broken network, a reload,
another language or an ended session take none of it away."""

from decimal import Decimal

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from core.models import ChargeRecord, Customer, Message, Order, Site, User
from tests.base import new_staff, placed
from tests.browser.conftest import PHONE, Desk

pytestmark = pytest.mark.browser

POSTS = "**/message/"


@pytest.fixture(scope="module")
def shop(open_desk) -> Desk:
    desk: Desk = open_desk()

    def stock() -> None:
        erin = Customer.objects.create(username="erin", user=User.objects.create(username="erin"))
        ChargeRecord.objects.create(customer=erin, amount=Decimal("100.00"))
        Site.objects.create(name="Harbour", origin="https://videos.example.com", verified=True)
        new_staff("bob", "Administrators")
        new_staff("carol", "Administrators")

    desk.do(stock)
    return desk


@pytest.fixture
def order(shop, request) -> Order:
    def place() -> Order:
        bob = User.objects.get(username="bob")
        return placed(Customer.objects.get(), Site.objects.get(), request.node.name, creator=bob)

    order: Order = shop.do(place)
    return order


def opened(shop: Desk, page: Page, order: Order, username: str = "bob") -> Page:
    shop.let_in(page.context, username)
    page.goto(f"{shop.url}/admin/core/order/{order.pk}/change/")
    return page


def texts(shop: Desk, order: Order) -> list[tuple[str, bool]]:
    said = Message.objects.filter(order=order).order_by("pk").values_list("text", "internal")
    return shop.do(lambda: list(said))


def test_what_is_sent_during_a_slow_answer_follows_it_and_what_is_typed_stays(
    shop, new_page, order
):
    page = opened(shop, new_page(), order)
    held: list[Route] = []
    page.route(POSTS, lambda route: held.append(route), times=1)
    page.fill("#talk-text", "first")
    page.click(".talk-button")
    page.check("[name=internal]")
    page.fill("#talk-text", "second")
    page.keyboard.press("Control+Enter")
    page.fill("#talk-text", "third, not sent")
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator("[data-talk-messages] .talk-message")).to_contain_text(["first", "second"])
    expect(page.locator("#talk-text")).to_have_value("third, not sent")
    expect(page.locator("[data-talk-outbox] li")).to_have_count(0)
    assert texts(shop, order) == [("first", False), ("second", True)]


def test_a_draft_outlives_a_reload_and_another_language_and_is_its_writers_alone(
    shop, new_page, order
):
    page = opened(shop, new_page(PHONE), order)
    page.fill("#talk-text", "half a sent")
    page.check("[name=internal]")
    page.reload()
    expect(page.locator("#talk-text")).to_have_value("half a sent")
    expect(page.locator("[name=internal]")).to_be_checked()
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": shop.url}])
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator("#talk-text")).to_have_value("half a sent")
    opened(shop, page, order, "carol")
    expect(page.locator("#talk-text")).to_have_value("")
    opened(shop, page, order)
    page.click(".talk-button")
    expect(page.locator("[data-talk-messages] .talk-message")).to_contain_text(["half a sent"])
    page.reload()
    expect(page.locator("#talk-text")).to_have_value("")
    assert texts(shop, order) == [("half a sent", True)]


def test_a_message_waits_for_the_login_when_the_session_is_over(shop, chromium, order):
    # The refused calls are what is tried here; the console may say so.
    page = chromium.new_context().new_page()
    opened(shop, page, order)
    shop.do(Session.objects.all().delete)
    page.fill("#talk-text", "are you there?")
    page.click(".talk-button")
    expect(page.locator("[data-talk-outbox] li")).to_contain_text("your login has ended")
    assert texts(shop, order) == []
    shop.let_in(page.context, "bob")
    page.click("[data-talk-reload]")
    expect(page.locator("[data-talk-messages] .talk-message")).to_contain_text(["are you there?"])
    assert texts(shop, order) == [("are you there?", False)]
    page.context.close()


def test_a_message_whose_answer_was_lost_is_said_once(shop, chromium, order):
    page = chromium.new_context().new_page()
    opened(shop, page, order)

    def deliver_and_break(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(POSTS, deliver_and_break, times=1)
    page.fill("#talk-text", "only once")
    page.click(".talk-button")
    expect(page.locator("[data-talk-messages] .talk-message")).to_contain_text(["only once"])
    expect(page.locator("[data-talk-outbox] li")).to_have_count(0)
    assert texts(shop, order) == [("only once", False)]
    page.context.close()


def test_what_the_office_refuses_is_kept_with_its_reason_and_can_be_changed(shop, new_page, order):
    page = opened(shop, new_page(), order)
    page.evaluate("document.querySelector('#talk-text').removeAttribute('maxlength')")
    page.fill("#talk-text", "x" * 20_000)
    page.click(".talk-button")
    expect(page.locator("[data-talk-outbox] li")).to_contain_text("At most")
    page.fill("#talk-text", "typed since")
    page.click("[data-talk-edit]")
    expect(page.locator("#talk-text")).to_have_value("x" * 20_000 + "\ntyped since")
    expect(page.locator("[data-talk-outbox] li")).to_have_count(0)
    assert texts(shop, order) == []
