"""Twelve tasks of a clerk by keyboard alone, each from the home page to what the database holds.

Where the focus is moved by the page it is asserted to be there; where Tab moves it, `Hands` asserts
that it shows.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import BrowserContext, expect

from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    Message,
    Order,
    Side,
    Site,
    Status,
    User,
)
from tests.base import new_staff, placed
from tests.browser.conftest import Desk, Watch, warm_profile
from tests.hands import SHOWS_FOCUS, Hands

pytestmark = pytest.mark.browser

MENU = ".office-menu a:has-text('{}')"


@pytest.fixture(scope="module")
def shop(open_desk, demo_site_process) -> Desk:
    """An office whose site shows its token; no consumer touches its orders."""
    desk: Desk = open_desk(PRIVATE_SITES=f"127.0.0.1:{demo_site_process.port}")
    url = demo_site_process.url
    site = desk.do(lambda: Site.objects.create(name="Harbour", origin=url, verified=True))
    demo_site_process.token(site.token)
    desk.do(lambda: new_staff("bob", "Administrators"))
    return desk


@pytest.fixture(scope="module")
def profile(chromium, shop) -> Iterator[tuple[BrowserContext, Watch]]:
    """The super administrator's browser, logged in once, its cache warm."""
    with warm_profile(chromium, shop) as profile:
        yield profile


@pytest.fixture
def hands(shop, profile) -> Iterator[Hands]:
    """On the home page of the super administrator, without a mouse."""
    context, watch = profile
    page = context.new_page()
    page.goto(f"{shop.url}/admin/home/")
    hands = Hands(page)
    yield hands
    assert hands.clicks == 0
    page.evaluate("window.localStorage.clear()")
    page.close()
    watch.judge()


def customer(shop: Desk, username: str, balance: str = "50.00") -> Customer:
    def make() -> Customer:
        made = Customer.objects.create(username=username)
        ChargeRecord.objects.create(customer=made, amount=Decimal(balance))
        return made

    made: Customer = shop.do(make)
    return made


def order(shop: Desk, username: str, creator: str = "admin") -> Order:
    """Of a customer of its own, on a video that is called as the customer is."""
    whose = customer(shop, username)

    def make() -> Order:
        by = User.objects.get(username=creator)
        return placed(whose, Site.objects.get(), username, creator=by)

    made: Order = shop.do(make)
    return made


def follow(hands: Hands, where: str) -> None:
    """To a link or button, and press it; another page comes."""
    hands.tab_to(where)
    with hands.opening_page():
        hands.press("Enter")


def open_list(hands: Hands, name: str) -> None:
    follow(hands, MENU.format(name))
    expect(hands.page.locator("h1")).to_have_text(name)


def into_content(hands: Hands) -> None:
    """Past the header and the menu."""
    hands.press("Tab")
    expect(hands.page.locator(".office-skip")).to_be_focused()
    hands.press("Enter")
    expect(hands.page.locator("#main")).to_be_focused()


def open_first_row(hands: Hands) -> None:
    hands.press("j")
    expect(hands.page.locator("#result_list tbody tr").first).to_be_focused()
    with hands.opening_page():
        hands.press("Enter")


def search(hands: Hands, words: str) -> None:
    hands.press("/")
    expect(hands.page.locator("#searchbar")).to_be_focused()
    hands.type(words)
    with hands.opening_page():
        hands.press("Enter")


def open_order(hands: Hands, order: Order) -> None:
    open_list(hands, "Orders")
    search(hands, order.oid)
    open_first_row(hands)
    expect(hands.page.locator("h1")).to_contain_text(order.oid)


def pick(hands: Hands, username: str) -> None:
    """In the customer's field, which has the focus: what is typed opens it."""
    expect(hands.page.locator(".field-customer .select2-selection")).to_be_focused()
    hands.type(username)
    shown = hands.page.locator(".select2-results__option--highlighted")
    expect(shown).to_contain_text(f"{username} · ")
    hands.press("Enter")
    expect(hands.page.locator(".field-customer .select2-selection")).to_contain_text(username)


def confirm(hands: Hands, reason: str = "") -> None:
    """In the dialog that is open."""
    box = hands.page.locator("dialog[open]")
    expect(box.locator("input[type=text]" if reason else "[data-dialog-do]")).to_be_focused()
    hands.type(reason)
    with hands.opening_page():
        hands.press("Enter")


def push(hands: Hands, label: str, reason: str = "") -> None:
    """A button of an object's page, and yes."""
    into_content(hands)
    hands.tab_to(f"[data-post]:text-is('{label}')")
    hands.press("Enter")
    confirm(hands, reason)


def told(hands: Hands) -> str:
    return hands.page.inner_text(".office-messages")


def test_add_a_customer(hands, shop):
    open_list(hands, "Customers")
    with hands.opening_page():
        hands.press("n")
    expect(hands.page.locator("#id_username")).to_be_focused()
    hands.type("keyboard ann")
    hands.press("Tab")
    hands.type("13811112222")
    with hands.opening_page():
        hands.press("Enter")
    ann = shop.do(lambda: Customer.objects.get(username="keyboard ann"))
    assert ann.mobile == "13811112222"


def test_top_up_a_customer(hands, shop):
    topped = customer(shop, "keyboard-ben", "1.00")
    open_list(hands, "Customers")
    search(hands, topped.username)
    open_first_row(hands)
    into_content(hands)
    follow(hands, "a:text-is('Top up')")
    expect(hands.page.locator("#id_amount")).to_be_focused()
    hands.type("30")
    with hands.opening_page():
        hands.press("Enter")
    assert shop.do(lambda: Customer.objects.get(pk=topped.pk).balance) == 31


def test_place_an_order(hands, shop, demo_site):
    whose = customer(shop, "keyboard-cleo")
    open_list(hands, "Orders")
    with hands.opening_page():
        hands.press("n")
    pick(hands, whose.username)
    hands.tab_to("#id_url", most=2)
    hands.type(demo_site.address("v4101"))
    hands.press("Tab")
    expect(hands.page.locator("#id_count")).to_be_focused()
    hands.type("10000")
    expect(hands.page.locator("[data-quote-of=price]")).to_have_text("5.00")
    with hands.opening_page():
        hands.press("Enter")
    placed = shop.do(lambda: Order.objects.get(customer=whose))
    assert (placed.video_id, placed.count, placed.price) == ("v4101", 10_000, 5)


def test_place_orders_for_several_addresses_at_once(hands, shop, demo_site):
    whose = customer(shop, "keyboard-dora")
    open_list(hands, "Orders")
    with hands.opening_page():
        hands.press("n")
    expect(hands.page.locator(".field-customer .select2-selection")).to_be_focused()
    hands.press("Shift+Tab")
    with hands.opening_page():
        hands.press("Enter")
    pick(hands, whose.username)
    hands.tab_to("#id_addresses", most=2)
    hands.type("\n".join(demo_site.address(video) for video in ("v4102", "v4103", "v4104")))
    hands.press("Tab")
    hands.type("10000")
    with hands.opening_page():
        hands.press("Enter")
    expect(hands.page.locator("[name=_save]")).to_be_focused()
    assert hands.page.evaluate(SHOWS_FOCUS)
    with hands.opening_page():
        hands.press("Enter")
    videos = Order.objects.filter(customer=whose).order_by("pk").values_list("video_id", flat=True)
    assert shop.do(lambda: list(videos)) == ["v4102", "v4103", "v4104"]
    assert "15.00" in told(hands)


def test_find_an_order_by_its_last_digits(hands, shop):
    found, _other = order(shop, "keyboard-eve"), order(shop, "keyboard-eve2")
    open_list(hands, "Orders")
    search(hands, found.oid[-6:])
    open_first_row(hands)
    expect(hands.page.locator("h1")).to_contain_text(found.oid)


def test_pause_an_order_and_resume_it(hands, shop):
    paused = order(shop, "keyboard-fay")
    open_order(hands, paused)
    push(hands, "Pause", "the customer asked")
    assert shop.do(lambda: Order.objects.get(pk=paused.pk).status) == Status.PAUSED
    into_content(hands)
    follow(hands, "[data-post]:text-is('Resume')")
    assert shop.do(lambda: Order.objects.get(pk=paused.pk).status) == Status.PENDING


def test_cancel_an_order(hands, shop):
    canceled = order(shop, "keyboard-gus")
    open_order(hands, canceled)
    push(hands, "Cancel order", "twice by mistake")
    now = shop.do(lambda: Order.objects.select_related("customer").get(pk=canceled.pk))
    assert (now.status, now.refunded, now.customer.balance) == (Status.CANCELED, 5, 50)


def waiting_order(shop: Desk, username: str) -> Order:
    """Above the limit of who placed it."""

    def limit() -> None:
        group = User.objects.get(username="bob").groups.get()
        ApprovalLimit.objects.get_or_create(group=group, defaults={"amount": Decimal("1.00")})

    shop.do(limit)
    waiting = order(shop, username, creator="bob")
    assert waiting.status == Status.AWAITING
    return waiting


def test_approve_an_order(hands, shop):
    waiting = waiting_order(shop, "keyboard-hal")
    hands.page.reload()
    into_content(hands)
    follow(hands, "a.dash-todo:has-text('awaiting approval')")
    open_first_row(hands)
    push(hands, "Approve")
    assert shop.do(lambda: Order.objects.get(pk=waiting.pk).status) == Status.PENDING


def test_approve_from_home_by_two_keys_and_a_yes(hands, shop):
    waiting = waiting_order(shop, "keyboard-ned")
    hands.page.reload()
    with hands.opening_page():
        hands.press("w")
    with hands.opening_page():
        hands.press("a")
    box = hands.page.locator("dialog[open]")
    expect(box.locator("[data-dialog-do]")).to_be_focused()
    expect(box).to_contain_text("keyboard-ned")
    assert shop.do(lambda: Order.objects.get(pk=waiting.pk).status) == Status.AWAITING
    confirm(hands)
    assert shop.do(lambda: Order.objects.get(pk=waiting.pk).status) == Status.PENDING
    assert hands.keys == 3


def test_back_to_an_order_asks_nothing_anew(hands, shop):
    waiting = waiting_order(shop, "keyboard-oda")
    hands.page.goto(f"{shop.url}/admin/core/order/?q={waiting.oid}")
    with hands.opening_page():
        hands.press("a")
    expect(hands.page.locator("dialog[open]")).to_be_visible()
    hands.page.reload()
    expect(hands.page.locator("h1")).to_contain_text(waiting.oid)
    assert hands.page.locator("dialog[open]").count() == 0
    assert shop.do(lambda: Order.objects.get(pk=waiting.pk).status) == Status.AWAITING


def test_a_picker_takes_what_was_typed_with_tab_and_goes_on(hands, shop):
    topped = customer(shop, "keyboard-pia", "1.00")
    customer(shop, "keyboard-pit", "1.00")
    with hands.opening_page():
        hands.press("t")
    expect(hands.page.locator(".field-customer .select2-selection")).to_be_focused()
    hands.type("keyboard-pia")
    shown = hands.page.locator(".select2-results__option--highlighted")
    expect(shown).to_contain_text("keyboard-pia · ")
    hands.press("Tab")
    expect(hands.page.locator(".field-customer .select2-selection")).to_contain_text("keyboard-pia")
    expect(hands.page.locator("#id_amount")).to_be_focused()
    hands.type("30")
    with hands.opening_page():
        hands.press("Enter")
    assert shop.do(lambda: Customer.objects.get(pk=topped.pk).balance) == 31
    assert hands.keys == 3


def test_a_customer_of_the_list_is_topped_up_by_one_key(hands, shop):
    topped = customer(shop, "keyboard-quin", "1.00")
    hands.page.goto(f"{shop.url}/admin/core/customer/?q={topped.username}")
    hands.press("t")
    expect(hands.page.locator("#id_amount")).to_be_focused()
    expect(hands.page.locator(".field-customer .select2-selection")).to_contain_text("quin")
    hands.type("30")
    hands.press("Tab", 3)
    expect(hands.page.locator("#id_memo")).to_be_focused()
    hands.type("paid at the counter")
    with hands.opening_page():
        hands.press("Control+Enter")
    assert shop.do(lambda: Customer.objects.get(pk=topped.pk).balance) == 31


def test_keys_that_are_switched_off_open_nothing(hands, shop):
    hands.page.evaluate("window.localStorage.setItem('keys', 'off')")
    hands.page.reload()
    for key in ("w", "t", "o", "c"):
        hands.press(key)
    expect(hands.page.locator("h1")).to_have_text("Home")
    assert hands.page.url.endswith("/admin/home/")


def test_correct_a_top_up(hands, shop):
    wrong = customer(shop, "keyboard-ida", "500.00")
    open_list(hands, "Top-ups")
    search(hands, wrong.username)
    open_first_row(hands)
    into_content(hands)
    follow(hands, "a:text-is('Correct this top-up')")
    expect(hands.page.locator("#id_right_amount")).to_be_focused()
    hands.type("50")
    hands.press("Tab")
    hands.type("a zero too many")
    with hands.opening_page():
        hands.press("Enter")
    assert shop.do(lambda: Customer.objects.get(pk=wrong.pk).balance) == 50


def test_import_a_file_of_customers(hands, shop, tmp_path):
    file = tmp_path / "customers.csv"
    file.write_text("username,mobile\nkeyboard-jim,13822223333\nkeyboard-kit,13822224444\n")
    open_list(hands, "Customers")
    into_content(hands)
    follow(hands, ".import_link")
    expect(hands.page.locator("#id_file")).to_be_focused()
    with hands.choosing_file(file):
        hands.press("Space")
    follow(hands, "form[data-drop] [type=submit]")
    push(hands, "Import 2 rows")
    names = Customer.objects.filter(username__in=["keyboard-jim", "keyboard-kit"])
    assert shop.do(names.count) == 2


def test_answer_a_conversation(hands, shop):
    asked = order(shop, "keyboard-lea")

    def ask() -> None:
        login = User.objects.create(username="lea")
        Message.objects.append(asked, login, Side.CUSTOMER, "When does it begin?")

    shop.do(ask)
    hands.page.reload()
    into_content(hands)
    follow(hands, "a.dash-todo:has-text('waiting for an answer')")
    open_first_row(hands)
    hands.tab_to("#talk-text")
    hands.type("Within the hour.")
    hands.press("Control+Enter")
    said = hands.page.locator("[data-talk-messages] .talk-message")
    expect(said).to_contain_text(["When does it begin?", "Within the hour."])
    expect(hands.page.locator("#talk-text")).to_be_focused()
    assert shop.do(lambda: Message.objects.get(side=Side.DESK).text) == "Within the hour."


def test_export_what_a_search_found(hands, shop):
    found = order(shop, "keyboard-mia")
    open_list(hands, "Orders")
    search(hands, found.oid)
    into_content(hands)
    follow(hands, ".export_link")
    into_content(hands)
    hands.tab_to(".submit-row [type=submit]")
    with hands.page.expect_download() as download:
        hands.press("Enter")
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 2
    assert found.oid in lines[1]
