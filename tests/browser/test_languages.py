"""Another language in the middle of a form: what is typed is there afterwards, and nothing secret
was kept for it."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from core.models import ChargeRecord, Customer, Site, User
from tests.browser.conftest import PHONE, Desk

pytestmark = pytest.mark.browser

KEPT = "sessionStorage.getItem('typed')"
START = "2027-01-05T09:00"


@pytest.fixture(scope="module")
def shop(open_desk) -> Desk:
    desk: Desk = open_desk()

    def stock() -> None:
        erin = Customer.objects.create(username="erin", user=User.objects.create(username="erin"))
        ChargeRecord.objects.create(customer=erin, amount=Decimal("100.00"))
        Site.objects.create(name="Harbour", origin="https://videos.example.com", verified=True)

    desk.do(stock)
    return desk


@pytest.fixture
def opened(shop, new_page) -> Callable[..., Page]:
    def open_page(path: str, username: str = "admin", **look) -> Page:
        page: Page = new_page(**look)
        shop.let_in(page.context, username)
        page.goto(shop.url + path)
        return page

    return open_page


def speak(page: Page, language: str) -> None:
    page.locator(".office-languages button").click()
    expect(page.locator("html")).to_have_attribute("lang", language)


def hold(page: Page, values: dict[str, str]) -> None:
    for name, value in values.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)


def test_a_half_filled_order_outlives_another_language_and_back(opened):
    page = opened("/admin/core/order/add/")
    page.locator(".field-customer .select2-selection").click()
    page.locator(".select2-search__field").fill("erin")
    page.locator(".select2-results__option--highlighted").click()
    typed = {"url": "https://elsewhere.example/1", "count": "10,000", "planned_start": START}
    typed["memo"] = "for the\nharbour"
    for name, value in typed.items():
        page.fill(f"[name={name}]", value)
    page.check("[name=by_day]")
    key = page.input_value("[name=request_key]")
    for language in ("zh-hans", "en"):
        speak(page, language)
        hold(page, typed | {"request_key": key})
        expect(page.locator(".field-customer .select2-selection")).to_contain_text("erin")
        expect(page.locator("[name=by_day]")).to_be_checked()
        expect(page.locator("[data-quote-of=balance]")).to_have_text("100.00")
    assert page.evaluate(KEPT) is None
    page.reload()
    hold(page, {"url": "", "memo": ""})


def test_a_half_filled_order_of_the_portal_outlives_another_language(opened):
    page = opened("/portal/orders/new/", "erin", viewport=PHONE)
    typed = {"url": "https://elsewhere.example/1", "count": "12345", "hours": "24"}
    page.click("summary:has-text('Spread over time')")
    for name, value in typed.items():
        page.fill(f"[name={name}]", value)
    page.locator(".menu summary").click()
    speak(page, "zh-hans")
    hold(page, typed)
    expect(page.locator("[name=hours]")).to_be_visible()


def test_what_was_refused_and_what_was_quoted_outlive_another_language(opened):
    page = opened("/admin/core/chargerecord/add/?customer=1")
    page.fill("[name=amount]", "no amount")
    page.fill("[name=memo]", "May")
    page.keyboard.press("Enter")
    expect(page.locator(".errornote")).to_be_visible()
    speak(page, "zh-hans")
    hold(page, {"amount": "no amount", "memo": "May", "customer": "1"})
    page.goto(page.url.partition("/admin/")[0] + "/admin/core/order/several/?customer=1")
    addresses = "https://elsewhere.example/1\nhttps://elsewhere.example/2 500"
    page.fill("[name=addresses]", addresses)
    page.fill("[name=count]", "10000")
    page.locator("[name=_quote]").click()
    expect(page.locator(".desk-refused")).to_have_count(2)
    speak(page, "en")
    hold(page, {"addresses": addresses, "count": "10000", "customer": "1"})


def test_a_row_that_is_edited_keeps_what_was_typed_and_shows_the_rest_as_it_is(opened, shop):
    page = opened("/admin/core/customer/1/change/")
    page.fill("[name=memo]", "calls on Mondays")
    speak(page, "zh-hans")
    hold(page, {"memo": "calls on Mondays", "username": "erin"})
    shop.do(lambda: Customer.objects.update(mobile="555"))
    page.locator("[name=_save]").click()
    expect(page.locator(".office-user")).to_be_visible()
    rows = shop.do(lambda: list(Customer.objects.values_list("memo", "mobile")))
    assert rows == [("calls on Mondays", "555")]


def test_passwords_are_not_kept(opened):
    page = opened("/admin/password_change/")
    kept = "addEventListener('pagehide', () => localStorage.setItem('seen', '' + " + KEPT + "))"
    page.evaluate(kept)
    page.fill("[name=old_password]", "hush-hush-1")
    speak(page, "zh-hans")
    hold(page, {"old_password": ""})
    assert "hush" not in page.evaluate("localStorage.getItem('seen')")


def test_who_would_lose_more_is_asked_and_may_stay(opened):
    page = opened("/admin/core/site/add/")
    kept = "addEventListener('pagehide', () => localStorage.setItem('seen', '' + " + KEPT + "))"
    page.evaluate(kept)
    page.fill("[name=name]", "Quay")
    page.select_option("[name=adapter]", "http")
    page.fill("[name=new_secrets]", "pwd = hush-hush-1")
    questions = []

    def say(answer: str) -> None:
        def respond(dialog) -> None:
            questions.append(dialog.message)
            getattr(dialog, answer)()

        page.once("dialog", respond)

    say("dismiss")
    page.locator(".office-languages button").click()
    assert page.get_attribute("html", "lang") == "en"
    hold(page, {"name": "Quay", "new_secrets": "pwd = hush-hush-1"})
    say("accept")
    speak(page, "zh-hans")
    hold(page, {"name": "Quay", "adapter": "http", "new_secrets": ""})
    assert len(questions) == 2
    seen = page.evaluate("localStorage.getItem('seen')")
    assert "Quay" in seen
    assert "hush" not in seen


def test_a_form_with_a_field_called_method_is_sent_once_too(opened):
    page = opened("/admin/core/chargerecord/add/?customer=1")
    page.fill("[name=amount]", "1.00")
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    page.locator("[name=_save]").click()
    expect(page.locator("#chargerecord_form")).to_have_attribute("data-sent", "yes")
