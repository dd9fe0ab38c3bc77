"""The tasks' benchmark: each task by the shortest way that we know, at our desk and in a stock one.

Law: a way is what a person would do who knows the page, with mouse and keyboard; both begin at the
first page. Overwriting what stands in a field takes a click into it and Control+A.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.hands import Hands

DIGITS = 6
# Nobody types before they see where.
DRAWN = """() => !document.querySelector('form[data-first-field]')
    || document.activeElement !== document.body"""


@dataclass
class Facts:
    """What a clerk has at hand, and what they have in the end: `balance` is the customer's before
    the task, `opened` the page they stand on, `exported` the lines of the file that came."""

    username: str
    balance: str = "50.00"
    order: Any = None
    charge: Any = None
    urls: tuple[str, ...] = ()
    file: Path | None = None
    opened: str = ""
    exported: list[list[str]] = field(default_factory=list)


# --- our desk


def pick(hands: Hands, username: str, key: str = "Enter") -> None:
    """In the picker that has the focus."""
    hands.type(username)
    expect(hands.page.locator(".select2-results__option--highlighted")).to_contain_text(username)
    hands.press(key)


def open_by(hands: Hands, key: str) -> None:
    """A page, by one key."""
    with hands.opening_page():
        hands.press(key)
    hands.page.wait_for_function(DRAWN)


def enter(hands: Hands) -> None:
    """Which leads to another page."""
    with hands.opening_page():
        hands.press("Enter")
    hands.page.wait_for_function(DRAWN)


def go(hands: Hands, where: str) -> None:
    with hands.opening_page():
        hands.click(where)
    hands.page.wait_for_function(DRAWN)


def find_order(hands: Hands, words: str) -> None:
    hands.press("/")
    hands.type(words)
    enter(hands)


def desk_add_customer(hands: Hands, facts: Facts) -> None:
    open_by(hands, "c")
    hands.type(facts.username)
    hands.press("Tab")
    hands.type("13811112222")
    enter(hands)


def desk_top_up(hands: Hands, facts: Facts) -> None:
    open_by(hands, "t")
    pick(hands, facts.username, "Tab")
    hands.type("30.00")
    enter(hands)


def desk_order(hands: Hands, facts: Facts) -> None:
    open_by(hands, "o")
    pick(hands, facts.username, "Tab")
    hands.type(facts.urls[0])
    hands.press("Tab")
    hands.type("10000")
    expect(hands.page.locator("[data-quote-of=price]")).to_have_text("5.00")
    enter(hands)


def desk_several(hands: Hands, facts: Facts) -> None:
    open_by(hands, "o")
    go(hands, ".desk-above a")
    pick(hands, facts.username, "Tab")
    hands.type("\n".join(facts.urls))
    hands.press("Tab")
    hands.type("10000")
    enter(hands)
    enter(hands)


def desk_find(hands: Hands, facts: Facts) -> None:
    find_order(hands, facts.order.oid[-DIGITS:])


def desk_pause(hands: Hands, facts: Facts) -> None:
    find_order(hands, facts.order.oid[-DIGITS:])
    hands.click("[data-post]:text-is('Pause')")
    hands.type("the customer asked")
    enter(hands)
    go(hands, "[data-post]:text-is('Resume')")


def desk_cancel(hands: Hands, facts: Facts) -> None:
    find_order(hands, facts.order.oid[-DIGITS:])
    hands.click("[data-post]:text-is('Cancel order')")
    hands.type("ordered twice")
    enter(hands)


def desk_approve(hands: Hands, facts: Facts) -> None:
    open_by(hands, "w")
    open_by(hands, "a")
    expect(hands.page.locator("dialog[open] [data-dialog-do]")).to_be_focused()
    enter(hands)


def desk_correct(hands: Hands, facts: Facts) -> None:
    go(hands, ".office-menu a:has-text('Top-ups')")
    go(hands, "#result_list tbody th a")
    go(hands, "a:text-is('Correct this top-up')")
    hands.type(facts.balance)
    hands.press("Tab")
    hands.type("a zero too many")
    enter(hands)


def desk_import(hands: Hands, facts: Facts) -> None:
    go(hands, ".office-menu a:has-text('Customers')")
    go(hands, ".import_link")
    assert facts.file
    with hands.choosing_file(facts.file):
        hands.click("#id_file")
    go(hands, "form[data-drop] [type=submit]")
    hands.click("[data-post]:text-is('Import 2 rows')")
    enter(hands)


def desk_answer(hands: Hands, facts: Facts) -> None:
    go(hands, "a.dash-todo:has-text('waiting for an answer')")
    # The one of the stock side is on the list as well: there nothing says that it was answered.
    go(hands, f"#result_list tr:has-text('{facts.order.oid}') a[href*=conversation]")
    hands.click("#talk-text")
    hands.type("Within the hour.")
    hands.press("Control+Enter")
    expect(hands.page.locator("[data-talk-messages]")).to_contain_text("Within the hour.")


def desk_export(hands: Hands, facts: Facts) -> None:
    go(hands, ".office-menu a:has-text('Orders')")
    go(hands, ".export_link")
    with hands.page.expect_download() as download:
        hands.click(".submit-row [type=submit]")
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        facts.exported = list(csv.reader(file))


# --- a stock admin


def add(hands: Hands, model: str) -> None:
    """By the link of the first page, or of the bar beside every other one. (The page of a model
    has its class as well.)"""
    go(hands, f"tr.model-{model} a.addlink")


def stock_pick(hands: Hands, name: str, words: str) -> None:
    """A click opens the picker. What comes behind it is reached by a click as well: there are three
    links in the way of Tab."""
    drawn = hands.page.locator(f".field-{name} .select2-selection")
    hands.click(drawn)
    pick(hands, words)
    expect(drawn).to_contain_text(words)


def click_and_type(hands: Hands, field: str, text: str) -> None:
    hands.click(f"#id_{field}")
    hands.type(text)


def tab_and_type(hands: Hands, *texts: str) -> None:
    for text in texts:
        hands.press("Tab")
        hands.type(text)


def open_stock(hands: Hands, model: str, words: str) -> None:
    """The row that a search finds."""
    go(hands, f"tr.model-{model} th a")
    hands.click("#searchbar")
    hands.type(words)
    enter(hands)
    go(hands, "#result_list tbody th a")


def overwrite(hands: Hands, field: str, text: str) -> None:
    hands.click(f"#id_{field}")
    hands.press("Control+A")
    hands.type(text)


def choose(hands: Hands, field: str, label: str) -> None:
    """Of a list of the browser's own: a click opens it, a click chooses."""
    hands.page.select_option(f"#id_{field}", label=label)
    hands.clicks += 2


def stock_balance(hands: Hands, facts: Facts, balance: str) -> None:
    open_stock(hands, "customer", facts.username)
    overwrite(hands, "balance", balance)
    enter(hands)


def stock_entry(
    hands: Hands, facts: Facts, kind: str, amount: str, after: str, reference: str, oid: str = ""
) -> None:
    add(hands, "ledgerentry")
    hands.type(kind)
    stock_pick(hands, "customer", facts.username)
    click_and_type(hands, "amount", amount)
    tab_and_type(hands, after)
    if oid:
        stock_pick(hands, "order", oid)
    click_and_type(hands, "reference", reference)
    enter(hands)


def stock_add_customer(hands: Hands, facts: Facts) -> None:
    add(hands, "customer")
    hands.type(facts.username)
    tab_and_type(hands, "13811112222")
    enter(hands)


def stock_top_up(hands: Hands, facts: Facts) -> None:
    add(hands, "chargerecord")
    stock_pick(hands, "customer", facts.username)
    click_and_type(hands, "amount", "30.00")
    enter(hands)


def stock_order_row(hands: Hands, facts: Facts, number: int) -> str:
    """Everything but Save."""
    url = facts.urls[number]
    oid = f"{facts.username}-{number}"
    stock_pick(hands, "customer", facts.username)
    click_and_type(hands, "oid", oid)
    tab_and_type(hands, url, "10000", "5.00", "0.0005", "Bench", url.rpartition("/")[2])
    return oid


def stock_order(hands: Hands, facts: Facts) -> None:
    add(hands, "order")
    oid = stock_order_row(hands, facts, 0)
    enter(hands)
    stock_entry(hands, facts, "order", "-5.00", "45.00", f"order:{oid}", oid)
    stock_balance(hands, facts, "45.00")


def stock_several(hands: Hands, facts: Facts) -> None:
    add(hands, "order")
    oids = []
    for number in range(len(facts.urls)):
        oids.append(stock_order_row(hands, facts, number))
        if number + 1 < len(facts.urls):
            go(hands, "[name=_addanother]")
        else:
            enter(hands)
    for number, oid in enumerate(oids, start=1):
        after = f"{50 - 5 * number}.00"
        stock_entry(hands, facts, "order", "-5.00", after, f"order:{oid}", oid)
    stock_balance(hands, facts, "35.00")


def stock_find(hands: Hands, facts: Facts) -> None:
    open_stock(hands, "order", facts.order.oid[-DIGITS:])


def stock_cancel(hands: Hands, facts: Facts) -> None:
    oid = facts.order.oid
    open_stock(hands, "order", oid[-DIGITS:])
    choose(hands, "status", "canceled")
    click_and_type(hands, "delivered", "0")
    tab_and_type(hands, "5.00")
    enter(hands)
    stock_entry(hands, facts, "refund", "5.00", "50.00", f"refund:{oid}", oid)
    stock_balance(hands, facts, "50.00")


def stock_approve(hands: Hands, facts: Facts) -> None:
    go(hands, "tr.model-order th a")
    go(hands, "#changelist-filter a:text-is('awaiting approval')")
    go(hands, "#result_list tbody th a")
    choose(hands, "status", "pending")
    go(hands, "[name=_save]")


def stock_correct(hands: Hands, facts: Facts) -> None:
    stock_entry(hands, facts, "correction", "-450.00", "50.00", f"correction:{facts.username}")
    stock_balance(hands, facts, "50.00")


def stock_answer(hands: Hands, facts: Facts) -> None:
    go(hands, "tr.model-message th a")
    add(hands, "message")
    stock_pick(hands, "order", facts.order.oid[-DIGITS:])
    choose(hands, "side", "desk")
    click_and_type(hands, "text", "Within the hour.")
    go(hands, "[name=_save]")
