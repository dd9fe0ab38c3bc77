"""Many at once for one balance: who comes too late is refused, and nothing is charged twice."""

import http.client
import multiprocessing
import re
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import OperationalError, connections
from huey.contrib.djhuey import HUEY

from core import ordering
from core.models import Customer, LedgerEntry, Order
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, Quote
from tests.base import placed
from tests.faults.guards import take_away
from tests.faults.trial import VIDEOS, Trial, on, size
from tests.processes import Process

BUYERS, AFFORDED, PRICE = 64, 10, Decimal("5.00")


def buy_at_once(
    trial: Trial, customers: list[Customer], prepare: Callable[[], None]
) -> tuple[list[int], int]:
    """Each of 64 processes places an order with every customer, all at the same moment. How many
    orders each customer got, and how many failed for another reason than the balance."""
    connections.close_all()
    HUEY.storage.close()
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(BUYERS, timeout=300)
    videos = [next(VIDEOS) for _ in range(BUYERS)]
    failures = context.Value("i", 0)

    def buy(video: int) -> None:
        prepare()
        for customer in customers:
            gate.wait()
            try:
                placed(customer, trial.site, f"v{customer.pk}-{video}", price=PRICE)
            except OrderRefusedError as refused:
                assert set(refused.errors) == {"customer"}
            except OperationalError:
                with failures.get_lock():
                    failures.value += 1

    buyers = [context.Process(target=buy, args=(video,)) for video in videos]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join(3600)
    orders = [Order.objects.filter(customer=customer).count() for customer in customers]
    return orders, failures.value


def test_of_64_orders_at_once_on_a_balance_for_10_ten_are_placed(trial, row):
    rounds = size(3, 200)
    customers = [trial.customer(f"round-{number}", "50.00") for number in range(rounds)]
    orders, failed = buy_at_once(trial, customers, lambda: None)
    row("buyers", f"{rounds} times", figures=f"placed each time: {sorted(set(orders))}")
    assert (orders, failed) == ([AFFORDED] * rounds, 0)
    assert not Customer.objects.filter(username__startswith="round").exclude(balance=0).exists()
    assert list(differences()) == []


@on("postgresql")
def test_without_its_guard_the_balance_does_not_hold(trial, control):
    """The control: who looks at the balance first and then writes spends the same money again."""
    erin = trial.customer("erin", "50.00")
    orders, _ = buy_at_once(trial, [erin], lambda: take_away(["debit"]))
    assert orders[0] > AFFORDED
    control("debit on condition", f"placed {orders[0]} on a balance for {AFFORDED}")


def post_at_once(web: Process, user: str, form: dict[str, str], times: int) -> list[int]:
    """Log in, then send the same form `times` at the same moment; the statuses."""
    host = urlsplit(web.url).netloc  # type: ignore[attr-defined]
    cookies: dict[str, str] = {}

    def call(method: str, path: str, data: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(host, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        if data is not None:
            data = data | {"csrfmiddlewaretoken": cookies["csrftoken"]}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urlencode(data or {}), headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie" and (found := re.match(r"(\w+)=([^;]*)", value)):
                cookies[found[1]] = found[2]
        connection.close()
        return answer.status, body

    call("GET", "/admin/login/")
    assert call("POST", "/admin/login/", {"username": user, "password": PASSWORD})[0] == 302
    statuses: list[int] = []
    gate = threading.Barrier(times)

    def send() -> None:
        gate.wait()
        statuses.append(call("POST", "/admin/core/order/add/", form)[0])

    senders = [threading.Thread(target=send) for _ in range(times)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return statuses


PASSWORD = "a long password of a test"


@pytest.fixture
def staff(office):
    from core.models import User

    return User.objects.create_superuser("stella", password=PASSWORD).username


@on("sqlite")
def test_a_form_posted_ten_times_at_once_is_one_order_and_one_charge(trial, row, staff):
    web = trial.office.web()
    rounds = size(3, 50)
    for number in range(rounds):
        erin = trial.customer(f"erin-{number}", "50.00")
        form = {
            "customer": str(erin.pk),
            "url": trial.demo_site.address(f"v{next(VIDEOS)}"),
            "count": "10000",
            "memo": "",
            "request_key": str(uuid.uuid4()),
        }
        statuses = post_at_once(web, staff, form, 10)
        assert set(statuses) == {302}
        assert Order.objects.filter(customer=erin).count() == 1
        erin.refresh_from_db()
        assert erin.balance == Decimal("45.00")
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ORDER).count()
    row("form", f"{rounds} forms", figures=f"{rounds} orders, {entries} charges")
    assert (entries, list(differences())) == (rounds, [])


@on("sqlite")
def test_without_the_request_key_each_post_is_an_order(trial, control):
    """The control, on the level below: the video is another each time, as nothing else differs."""
    key = uuid.uuid4()
    erin = trial.customer("erin", "50.00")

    def post_anew() -> None:
        take_away(["request_key"])
        for _ in range(3):
            url = trial.demo_site.address(f"v{next(VIDEOS)}")
            ordering.place(Quote.prepare(erin, url, 10_000), None, request_key=key)

    assert trial.in_child(post_anew) == 0
    orders = Order.objects.filter(customer=erin).count()
    assert orders == 3
    control("key of a form", f"{orders} orders of one form")
