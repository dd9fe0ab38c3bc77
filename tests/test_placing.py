"""From a quote to an order: one place, one wording, all of it or nothing."""

import ast
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.admin.orders import OrderAdmin
from core.importing import jobs, store
from core.importing.uploads import new_job
from core.models import (
    ChargeRecord,
    Customer,
    ImportJob,
    InsufficientBalanceError,
    LedgerEntry,
    Order,
    OrderEvent,
    Site,
    Status,
    User,
)
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, Placement, Quote, Quoter, place, place_once
from tests.base import VIDEO, client_of, quoted
from tests.trees import nodes_of, tree_of

ROOT = Path(__file__).resolve().parents[1]
ADD = "/admin/core/order/add/"
CREATING = {"create", "bulk_create", "get_or_create", "update_or_create", "place"}


@pytest.fixture
def erin(erin):
    """As on a page that was opened before: her balance is known."""
    erin.refresh_from_db()
    return erin


def nothing_was_written() -> bool:
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ORDER)
    return not (Order.objects.exists() or OrderEvent.objects.exists() or entries.exists())


def creates_orders(node: ast.AST) -> bool:
    """`Order(…)`, or a method of its manager that inserts."""
    if not isinstance(node, ast.Call):
        return False
    words = ast.unparse(node.func).split(".")
    return words == ["Order"] or (words[0] == "Order" and words[-1] in CREATING)


def test_nothing_but_placing_creates_orders():
    found = {
        str(path.relative_to(ROOT))
        for room in ("core", "booster")
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts
        for node in nodes_of(tree_of(path))
        if creates_orders(node)
    }
    assert found == {"core/ordering/placing.py"}


def test_many_orders_are_each_what_one_is(erin, site, bob):
    quotes = [quoted(erin, site, video, price="6.50") for video in ("dawn", "dusk", "noon")]
    orders = place_once([Placement(quote, memo="spring") for quote in quotes], bob)
    assert [order.oid for order in orders] == [order.oid for order in Order.objects.order_by("pk")]
    assert len({order.oid for order in orders}) == 3
    assert {(order.status, order.memo, order.creator) for order in orders} == {
        (Status.PENDING, "spring", bob)
    }
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ORDER).order_by("pk")
    assert [entry.balance_after for entry in entries] == [
        Decimal("13.50"),
        Decimal("7.00"),
        Decimal("0.50"),
    ]
    assert [entry.order for entry in entries] == orders
    assert [order.events.get().to_status for order in orders] == [Status.PENDING] * 3
    assert list(differences()) == []


def test_of_many_orders_all_are_placed_or_none(erin, site):
    dear = [Placement(quoted(erin, site, video, price="15.00")) for video in ("dawn", "dusk")]
    with pytest.raises(InsufficientBalanceError) as refused:
        place_once(dear, None)
    assert refused.value.missing == Decimal("10.00")
    same = [Placement(quoted(erin, site, "dawn")) for _ in range(2)]
    with pytest.raises(IntegrityError):
        place_once(same, None)
    assert nothing_was_written()
    erin.refresh_from_db()
    assert erin.balance == Decimal("20.00")


def test_texts_longer_than_the_forms_take_are_refused_in_their_words_and_nothing_is_charged(
    erin, site, bob
):
    """As a command could hand them in; no form could change such a memo any more."""
    told = "Ensure this value has at most {} characters (it has {})."
    for video, memo, errors in (
        ("dawn", "m" * 2_001, {"memo": told.format(2000, 2001)}),
        ("d" * 500, "", {"url": told.format(500, len(f"{site.origin}/videos/") + 500)}),
    ):
        with pytest.raises(OrderRefusedError) as refused:
            place(quoted(erin, site, video), bob, memo=memo)
        assert refused.value.errors == errors
    assert nothing_was_written()
    assert place(quoted(erin, site), bob, memo="m" * 2_000).memo == "m" * 2_000


def test_the_command_takes_no_longer_memo_either(erin, site, demo_site, policies):
    words = ("place_order", "erin", demo_site.address(VIDEO), "10000")
    with pytest.raises(CommandError, match="memo: Ensure this value has at most 2000 characters"):
        call_command(*words, memo="m" * 5_000)
    assert nothing_was_written()
    call_command(*words, memo=" spring ")
    assert Order.objects.get().memo == "spring"


def test_the_desks_log_stands_and_falls_with_the_order(erin, site, bob, policies, monkeypatch):
    def fail(*args):
        raise DatabaseError("the disk is full")

    form = {"customer": erin.pk, "url": f"{site.origin}/videos/v1", "count": 10_000}
    desk = client_of(bob, raise_request_exception=False)
    with monkeypatch.context() as broken:
        broken.setattr(OrderAdmin, "log_addition", fail)
        assert desk.post(ADD, form).status_code >= 500
    assert nothing_was_written()
    erin.refresh_from_db()
    assert erin.balance == Decimal("20.00")

    desk.post(ADD, form)
    log = LogEntry.objects.get()
    assert (log.user, log.get_edited_object()) == (bob, Order.objects.get())


def test_a_form_that_was_overtaken_by_itself_leads_to_the_one_order(
    erin, site, bob, policies, monkeypatch
):
    """A double click: both were checked before either wrote."""
    form = {"customer": erin.pk, "url": f"{site.origin}/videos/v1", "count": 10_000}
    form["request_key"] = str(uuid.uuid4())
    desk = client_of(bob)
    prepare = Quote.prepare

    def and_meanwhile(*args, **options):
        quote = prepare(*args, **options)
        with monkeypatch.context() as first:
            first.setattr(Quote, "prepare", prepare)
            desk.post(ADD, form)
        return quote

    monkeypatch.setattr(Quote, "prepare", and_meanwhile)
    second = desk.post(ADD, form)
    order = Order.objects.get()
    assert second.url == f"/admin/core/order/{order.pk}/change/"
    assert LogEntry.objects.count() == 1
    erin.refresh_from_db()
    assert erin.balance == Decimal("15.00")


@pytest.mark.parametrize("field", ["nonsense", "request_key", "memo"])
def test_a_popup_gets_no_field_that_nothing_refers_to(erin, site, bob, policies, field):
    form = {"customer": erin.pk, "url": f"{site.origin}/videos/v1", "count": 10_000}
    answer = client_of(bob).post(ADD, form | {"_popup": 1, "_to_field": field})
    assert answer.status_code == 400
    assert nothing_was_written()


# One wording


@pytest.mark.parametrize(
    ("buyer", "path", "count"),
    [
        ("erin", "/videos/v1", 9_999),
        ("erin", "/videos/v1", 0),
        ("erin", "/about", 10_000),
        ("erin", "/videos/v1", 80_000),
        ("frank", "/videos/v1", 10_000),
        ("grace", "/videos/v1", 10_000),
        ("frank", "/nothing", 9_999),
    ],
)
def test_an_upload_refuses_in_the_words_of_the_form(
    erin, frank, site, policies, bob, settings, tmp_path, buyer, path, count
):
    settings.DATA_DIR = tmp_path
    Customer.objects.create(username="grace", active=False)
    customer = Customer.objects.get(username=buyer)
    form = {"customer": customer.pk, "url": site.origin + path, "count": count}
    page = client_of(bob).post(ADD, form)
    asked = page.context["adminform"].form.errors
    said = {text for texts in asked.values() for text in texts}

    text = f"username,url,count\n{buyer},{site.origin}{path},{count}\n"
    job = new_job(ImportJob.Kind.ORDERS, "orders.csv", iter([text.encode()]), creator=bob)
    jobs.run(job.pk)
    job.refresh_from_db()
    refused = {reason for *_where, reason in store.first_errors(job, 9)}
    assert refused
    assert refused == said
    assert nothing_was_written()


def test_a_file_asks_for_what_costs_a_query_once(erin, site, policies):
    def queries(rows: int) -> int:
        quoter = Quoter(reads_views=False)
        wanted = [(erin, f"{site.origin}/videos/v{row}", 10_000) for row in range(rows)]
        with CaptureQueriesContext(connection) as sent:
            quoter.prepare_many(wanted)
        return len(sent)

    Quote.prepare(erin, f"{site.origin}/videos/v1", 10_000)  # the site is asked
    site.refresh_from_db()
    assert queries(50) == queries(2)


def test_each_quote_counts_on_what_those_before_it_leave(erin, site, policies):
    rows = [(erin, f"{site.origin}/videos/v{row}", 20_000) for row in range(3)]
    quotes = Quoter(reads_views=False).prepare_many(rows)
    assert [quote.balance_after for quote in quotes] == [11, 2, -7]
    assert [quote.errors for quote in quotes] == [
        {},
        {},
        {"customer": "The balance is short by 7.00."},
    ]


def test_an_order_saved_in_the_form_is_one_transaction(office, demo_site):
    """In an office of its own: whatever is rolled back after a test has no COMMIT."""
    desk = client_of(User.objects.get(username="admin"))
    erin = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=erin, amount=Decimal(20))
    proved = {"verified": True, "verified_at": timezone.now()}
    site = Site.objects.create(name="Harbour", origin=demo_site.url, **proved)
    demo_site.token(site.token)
    form = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}

    with CaptureQueriesContext(connection) as queries:
        desk.post(ADD, form | {"request_key": str(uuid.uuid4())})

    assert LedgerEntry.objects.filter(order__isnull=False).count() == 1
    verbs = [query["sql"].split()[0] for query in queries]
    ordered = [
        index
        for index, query in enumerate(queries)
        if verbs[index] in ("INSERT", "UPDATE") and "core_sitelook" not in query["sql"]
        if "core_lookallowance" not in query["sql"]
    ]
    between = verbs[min(ordered) : max(ordered)]
    assert not {"BEGIN", "COMMIT"} & {*between}
    assert "BEGIN" in verbs[: min(ordered)]
    assert "COMMIT" in verbs[max(ordered) :]


def test_a_line_that_is_named_twice_takes_no_share_of_the_balance(erin, site, policies):
    videos = ("v1", "v1", "v2", "v3")
    rows = [(erin, f"{site.origin}/videos/{video}", 10_000) for video in videos]
    quotes = Quoter(reads_views=False).prepare_many(rows)
    assert [list(quote.reasons) for quote in quotes] == [[], ["url"], [], []]
    assert [quote.balance_after for quote in quotes] == [15, 10, 10, 5]
