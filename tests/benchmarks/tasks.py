"""Twelve tasks of a clerk, clicks and keys: `python -m tests.benchmarks.tasks`.

Each is done in Chromium by the shortest way that we know, once at our desk and once in a stock
Django admin over the same tables (stock_office.py), from the first page to what the database has to
hold, which is asked each time. Counted are clicks and keys that move or decide; what is typed as
data is counted beside them, in characters. A stock admin has no pausing, no import and no export:
what has no peer is shown and not compared.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks import task_paths as paths
from tests.benchmarks.goals import Goal, tell
from tests.benchmarks.task_paths import Facts
from tests.hands import Hands

SHARE_GOAL = 0.5


@dataclass(frozen=True)
class Task:
    """`before` makes what the task needs, for a customer of that name; `holds` asks afterwards."""

    name: str
    before: Callable[["Office", str], Facts]
    desk: Callable[[Hands, Facts], None]
    stock: Callable[[Hands, Facts], None] | None
    holds: Callable[[Facts], bool]


class Office:
    """Two admins over one database, with an administrator who may do everything."""

    def __init__(self, office: Any, site: Any) -> None:
        from core.models import User
        from tests.base import client_of, new_staff

        # What playwright runs in this thread looks like an event loop to Django.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        self.site, self.videos, self.folder = site, 0, office.data_dir
        self.desk = office.run_web("--processes", "1").url + "/admin/home/"
        self.stock = office.web("tests.benchmarks.stock_office:application").url + "/stock/"
        self.key = client_of(User.objects.get(username="admin")).cookies["sessionid"].value
        new_staff("bob", "Administrators")

    def addresses(self, number: int) -> tuple[str, ...]:
        """Of videos that nobody plays."""
        first = self.videos + 1
        self.videos += number
        return tuple(self.site.address(f"v{one}") for one in range(first, first + number))

    def hands(self, browser: Browser, start: str) -> Hands:
        """At the first page, in a browser of their own."""
        context = browser.new_context(viewport={"width": 1360, "height": 850}, locale="en-US")
        context.set_default_timeout(15_000)
        # For all of the server: by an address the cookie would be its folder's.
        cookie = {"name": "sessionid", "value": self.key, "domain": "127.0.0.1", "path": "/"}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(start)
        return Hands(page)


def customer(office: Office, name: str, balance: str = "50.00") -> Facts:
    from core.models import ChargeRecord, Customer

    made = Customer.objects.create(username=name)
    charge = ChargeRecord.objects.create(customer=made, amount=Decimal(balance))
    return Facts(name, charge=charge)


def newcomer(office: Office, name: str) -> Facts:
    return Facts(name)


def buyer(office: Office, name: str) -> Facts:
    facts = customer(office, name)
    facts.urls = office.addresses(3)
    return facts


def overpaid(office: Office, name: str) -> Facts:
    return customer(office, name, "500.00")


def ordered(office: Office, name: str, creator: str = "admin") -> Facts:
    from core.models import Customer, Site, User
    from tests.base import placed

    facts = customer(office, name)
    whose, by = Customer.objects.get(username=name), User.objects.get(username=creator)
    facts.order = placed(whose, Site.objects.get(name="Bench"), name, creator=by)
    return facts


def above_a_limit(office: Office, name: str) -> Facts:
    from django.contrib.auth.models import Group

    from core.models import ApprovalLimit

    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.get_or_create(group=group, defaults={"amount": Decimal("1.00")})
    return ordered(office, name, "bob")


def asked(office: Office, name: str) -> Facts:
    from core.models import Message, Side, User

    facts = ordered(office, name)
    login = User.objects.create(username=name)
    Message.objects.append(facts.order, login, Side.CUSTOMER, "When does it begin?")
    return facts


def with_a_file(office: Office, name: str) -> Facts:
    file = office.folder / "customers.csv"
    file.write_text(f"username,mobile\n{name},13822223333\n{name}b,13822224444\n")
    return Facts(name, file=file)


# --- what the database has to hold


def there_are(number: int) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        from core.models import Customer

        return Customer.objects.filter(username__startswith=facts.username).count() == number

    return holds


def balance(amount: str, orders: int = 0) -> Callable[[Facts], bool]:
    """The customer's, by the book and in the row, with so many orders."""

    def holds(facts: Facts) -> bool:
        from django.db.models import Sum

        from core.models import Customer

        whose = Customer.objects.get(username=facts.username)
        booked = whose.ledger.aggregate(sum=Sum("amount"))["sum"]
        return whose.balance == booked == Decimal(amount) and whose.orders.count() == orders

    return holds


def status(name: str) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        from core.models import Order, Status

        return Order.objects.get(pk=facts.order.pk).status == Status[name]

    return holds


def canceled(facts: Facts) -> bool:
    return status("CANCELED")(facts) and balance("50.00", 1)(facts)


def answered(facts: Facts) -> bool:
    texts = facts.order.messages.values_list("text", flat=True)
    return "Within the hour." in texts


def is_open(facts: Facts) -> bool:
    """The page of the order whose last digits were looked for."""
    return f"/order/{facts.order.pk}/change/" in facts.opened


def is_exported(facts: Facts) -> bool:
    """Every order of the database has a line in the file that came."""
    from core.models import Order

    oids = set(Order.objects.values_list("oid", flat=True))
    return {oid for line in facts.exported for oid in oids & set(line)} == oids


TASKS = (
    Task(
        "add a customer",
        newcomer,
        paths.desk_add_customer,
        paths.stock_add_customer,
        there_are(1),
    ),
    Task("top up", customer, paths.desk_top_up, paths.stock_top_up, balance("80.00")),
    Task("place an order", buyer, paths.desk_order, paths.stock_order, balance("45.00", 1)),
    Task("order three videos", buyer, paths.desk_several, paths.stock_several, balance("35.00", 3)),
    Task("find an order by its last digits", ordered, paths.desk_find, paths.stock_find, is_open),
    Task("pause and resume an order", ordered, paths.desk_pause, None, status("PENDING")),
    Task("cancel an order", ordered, paths.desk_cancel, paths.stock_cancel, canceled),
    Task(
        "approve an order",
        above_a_limit,
        paths.desk_approve,
        paths.stock_approve,
        status("PENDING"),
    ),
    Task("correct a top-up", overpaid, paths.desk_correct, paths.stock_correct, balance("50.00")),
    Task("import a file", with_a_file, paths.desk_import, None, there_are(2)),
    Task("answer a customer", asked, paths.desk_answer, paths.stock_answer, answered),
    Task("export the orders", ordered, paths.desk_export, None, is_exported),
)


def done(office: Office, browser: Browser, task: Task, *, at_the_desk: bool) -> Hands:
    """One task on one side; its outcome is asserted."""
    number = 2 * TASKS.index(task) + at_the_desk
    facts = task.before(office, f"clerk{number:02}")
    hands = office.hands(browser, office.desk if at_the_desk else office.stock)
    way = task.desk if at_the_desk else task.stock
    assert way
    way(hands, facts)
    facts.opened = hands.page.url
    shown = f"{hands.page.url}\n{hands.page.inner_text('body')}"
    hands.page.context.close()
    assert task.holds(facts), f"{task.name}: {'desk' if at_the_desk else 'stock'}\n{shown}"
    return hands


def measure(words: str) -> list[tuple[Task, Hands, Hands | None]]:
    """Each task whose name has these words, on both sides."""
    from tests.benchmarks.orders import an_office
    from tests.programs import CHROMIUM_ARGS, chromium_path
    from tests.sites import DemoSite

    with DemoSite(extra=50) as site, an_office("sqlite", site) as made:
        office = Office(made, site)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=CHROMIUM_ARGS
            )
            found = []
            for task in TASKS:
                if words not in task.name:
                    continue
                print(task.name, file=sys.stderr)
                stock = done(office, browser, task, at_the_desk=False) if task.stock else None
                found.append((task, done(office, browser, task, at_the_desk=True), stock))
            browser.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="the same: counts do not vary")
    parser.add_argument("--only", default="", help="tasks whose names have these words")
    options = parser.parse_args()
    print("| task | desk: clicks + keys | typed | stock: clicks + keys | typed | desk ÷ stock |")
    print(f"|{'---|' * 6}")
    compared = []
    for task, desk, stock in measure(options.only):
        if stock is None:
            theirs = "nothing | | "
        else:
            compared.append((desk.presses, stock.presses))
            share = f"{desk.presses / stock.presses:.2f}"
            theirs = f"{stock.clicks} + {stock.keys} | {stock.typed} | {share}"
        print(f"| {task.name} | {desk.clicks} + {desk.keys} | {desk.typed} | {theirs} |")
    if not compared:
        return 0
    ours, others = (sum(counts) for counts in zip(*compared, strict=True))
    middle = statistics.median(desk / stock for desk, stock in compared)
    tell(
        [
            Goal("clicks and keys of all compared tasks ÷ stock", ours / others, SHARE_GOAL, True),
            Goal("the same, median of the tasks", middle, SHARE_GOAL, True),
        ]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
