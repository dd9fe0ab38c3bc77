"""The order form of the admin: what it says before saving, what saving does, what it refuses."""

import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booster.net.client import SiteClient
from core.models import (
    ChargeRecord,
    Customer,
    LedgerEntry,
    Order,
    OrderEvent,
    PricePolicy,
    Site,
    SiteCheck,
    Status,
)
from core.ordering import placing
from tests.base import VIDEO, client_of, messages_of, new_staff
from tests.office import wait_for

ADD = "/admin/core/order/add/"
QUOTE = "/admin/core/order/quote/"


@pytest.fixture
def desk(bob, policies):
    return client_of(bob)


@pytest.fixture
def form(erin, site, demo_site):
    """What a script posts: Django's own field names and no more."""
    return {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}


def change_url(order) -> str:
    return reverse("admin:core_order_change", args=[order.pk])


def errors_of(response) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def nothing_was_sold() -> bool:
    sold = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ORDER)
    return not (Order.objects.exists() or OrderEvent.objects.exists() or sold.exists())


# Saving


def test_saving_charges_the_customer_and_shows_the_order(desk, bob, erin, form):
    response = desk.post(ADD, form | {"memo": "for the opening"})

    order = Order.objects.get()
    assert response.status_code == 302
    assert response.url == change_url(order)
    assert (order.customer, order.count, order.price) == (erin, 10_000, Decimal("5.00"))
    assert (order.creator, order.memo, order.status) == (bob, "for the opening", Status.PENDING)
    erin.refresh_from_db()
    assert erin.balance == Decimal("15.00")
    assert LedgerEntry.objects.get(order=order).creator == bob


def test_the_same_form_sent_twice_is_one_order_and_one_charge(desk, erin, form):
    form["request_key"] = str(uuid.uuid4())
    first = desk.post(ADD, form)
    second = desk.post(ADD, form, follow=True)

    order = Order.objects.get()
    assert first.url == change_url(order)
    assert second.redirect_chain == [(change_url(order), 302)]
    assert any("already saved" in text for text in messages_of(second))
    erin.refresh_from_db()
    assert erin.balance == Decimal("15.00")


def test_a_form_changed_after_it_was_saved_asks_first_and_is_a_new_order_then(
    desk, erin, form, demo_site
):
    form["request_key"] = str(uuid.uuid4())
    desk.post(ADD, form)
    other = form | {"url": demo_site.address("night-train-north")}

    asked = desk.post(ADD, other)
    assert any("already saved" in text for text in errors_of(asked)["__all__"])
    assert Order.objects.count() == 1

    fresh = asked.context["adminform"].form["request_key"].value()
    assert fresh != form["request_key"]
    desk.post(ADD, other | {"request_key": fresh})
    assert Order.objects.count() == 2
    erin.refresh_from_db()
    assert erin.balance == Decimal("10.00")


def test_every_form_has_a_key_of_its_own(desk):
    def key():
        return re.search(rb'name="request_key" value="([0-9a-f-]{36})"', desk.get(ADD).content)[1]

    assert key() != key()


def test_a_bad_key_is_refused(desk, form):
    response = desk.post(ADD, form | {"request_key": "1"})
    assert "request_key" in errors_of(response)
    assert nothing_was_sold()


# The price that was seen


def test_a_price_that_changed_since_it_was_seen_is_asked_about(desk, erin, form):
    seen = desk.get("/admin/core/order/quote/", form).json()["quoted_price"]
    assert seen == "5.00"
    PricePolicy.objects.filter(count=10_000).update(price=9)

    asked = desk.post(ADD, form | {"quoted_price": seen})
    assert "The price is now 9.00, not 5.00" in errors_of(asked)["__all__"][0]
    assert nothing_was_sold()

    again = asked.context["adminform"].form["quoted_price"].value()
    desk.post(ADD, form | {"quoted_price": again})
    assert Order.objects.get().price == 9
    erin.refresh_from_db()
    assert erin.balance == 11


def test_a_quote_of_another_number_of_plays_is_no_agreement(desk, form):
    asked = desk.post(ADD, form | {"count": 20_000, "quoted_price": "5.00"})
    assert "The price is now 9.00, not 5.00" in errors_of(asked)["__all__"][0]
    assert nothing_was_sold()


@pytest.mark.parametrize("seen", ["5", "5.00", ""])
def test_the_price_that_was_seen_or_none_is_no_question(desk, form, seen):
    assert desk.post(ADD, form | {"quoted_price": seen}).status_code == 302


@pytest.mark.parametrize("seen", ["NaN", "five", "1e99"])
def test_a_price_that_nobody_can_have_seen_is_refused(desk, form, seen):
    assert "quoted_price" in errors_of(desk.post(ADD, form | {"quoted_price": seen}))
    assert nothing_was_sold()


def test_an_order_can_be_spread_over_hours(desk, form):
    spread = form | {"hours": 24, "by_day": "on"}
    quote = desk.get(QUOTE, spread).json()
    assert (quote["seconds"], quote["duration"]) == (86_400, "24 hours")
    desk.post(ADD, spread)
    order = Order.objects.get()
    assert (order.hours, order.by_day) == (24, True)
    assert "over 24 hours, by daily load profile" in desk.get(change_url(order)).content.decode()


def test_an_order_without_a_pace_is_as_fast_as_its_site(desk, form):
    desk.post(ADD, form | {"hours": ""})
    order = Order.objects.get()
    assert (order.hours, order.by_day) == (0, False)


@pytest.mark.parametrize(
    "typed", ["10,000", "10 000", "１０，０００", "10k", "1万", " 10000 ", "10000.00"]
)
def test_plays_are_ordered_as_they_were_typed(desk, form, typed):
    desk.post(ADD, form | {"count": typed})
    assert Order.objects.get().count == 10_000


# Refusals, each at its field


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"count": 9_999}, "count", "10,000"),
        ({"count": 0}, "count", "At least one play"),
        ({"count": ""}, "count", "required"),
        ({"customer": ""}, "customer", "required"),
        ({"customer": 987_654}, "customer", "valid choice"),
        ({"count": 2**40}, "count", "At most"),
        ({"count": "10.000"}, "count", "May be 10000 or 10.000"),
        ({"count": "10.000,00"}, "count", "Not a whole number"),
        ({"count": "１０．０００"}, "count", "May be 10000 or 10.000"),
        ({"count": "$10000"}, "count", "Not a whole number"),
        ({"count": "10000.5"}, "count", "Not a whole number"),
        ({"count": "1e4"}, "count", "damaged"),
        ({"hours": 2161}, "hours", "2160"),
        ({"hours": -1}, "hours", "0"),
        ({"url": ""}, "url", "required"),
        ({"url": "harbour-at-dawn"}, "url", "http"),
        ({"url": "https://videos.example.com/videos/1"}, "url", "not one of our sites"),
        ({"url": "https://www.youtube.com/watch?v=1"}, "url", "not one of our sites"),
    ],
)
def test_what_cannot_be_sold_is_refused_at_its_field(desk, form, change, field, reason):
    response = desk.post(ADD, form | change)
    assert reason in " ".join(errors_of(response)[field])
    assert nothing_was_sold()


def test_a_balance_too_small_says_by_how_much(desk, form, erin):
    response = desk.post(ADD, form | {"count": 80_000})  # 34.67 of 20.00
    assert "14.67" in " ".join(errors_of(response)["customer"])
    assert nothing_was_sold()
    erin.refresh_from_db()
    assert erin.balance == Decimal("20.00")


def test_all_errors_are_said_at_once(desk, form, frank):
    response = desk.post(ADD, {"customer": frank.pk, "url": "ftp://x", "count": 10_000})
    assert set(errors_of(response)) == {"customer", "url"}


def test_a_customer_who_is_switched_off_buys_nothing(desk, form, erin):
    Customer.objects.filter(pk=erin.pk).update(active=False)
    assert "switched off" in " ".join(errors_of(desk.post(ADD, form))["customer"])
    assert nothing_was_sold()


def test_a_site_that_does_not_show_the_token_is_refused_and_the_look_is_logged(
    desk, form, site, demo_site
):
    demo_site.remove_token(site.token)
    assert "not verified" in " ".join(errors_of(desk.post(ADD, form))["url"])
    assert nothing_was_sold()
    assert site.checks.get().outcome == SiteCheck.Outcome.LOST


def test_a_site_that_is_switched_off_is_no_site(desk, form, site):
    Site.objects.update(active=False)
    assert "not one of our sites" in " ".join(errors_of(desk.post(ADD, form))["url"])
    assert nothing_was_sold()


def test_a_video_the_site_does_not_know_is_refused(desk, form, demo_site):
    response = desk.post(ADD, form | {"url": demo_site.address("no-such-video")})
    assert "no-such-video" in " ".join(errors_of(response)["url"])
    assert nothing_was_sold()


def test_a_second_order_on_a_video_waits_for_the_first_to_end(desk, form, erin):
    desk.post(ADD, form)
    response = desk.post(ADD, form)
    assert "in use by another open order" in " ".join(errors_of(response)["url"])
    assert Order.objects.count() == 1
    erin.refresh_from_db()
    assert erin.balance == Decimal("15.00")


def test_money_spent_between_quote_and_charge_is_told_at_the_field(
    desk, form, erin, frank, monkeypatch
):
    place = placing.place

    def somebody_was_faster(quote, *args, **kwargs):
        Customer.objects.filter(pk=erin.pk).update(balance=Decimal("1.00"))
        return place(quote, *args, **kwargs)

    monkeypatch.setattr(placing, "place", somebody_was_faster)
    response = desk.post(ADD, form)
    assert "4.00" in " ".join(errors_of(response)["customer"])
    assert nothing_was_sold()


# The network and the database


def test_no_call_to_a_site_is_made_inside_a_transaction(office, demo_site, settings, monkeypatch):
    calls = []
    fetch = SiteClient.fetch

    def spy(client, *args, **kwargs):
        calls.append(connection.in_atomic_block)
        return fetch(client, *args, **kwargs)

    monkeypatch.setattr(SiteClient, "fetch", spy)
    with at_work(demo_site, settings) as (bob, _erin, form):
        client_of(bob).post(ADD, form)
    assert Order.objects.count() == 1
    assert calls
    assert not any(calls)


@pytest.mark.timing
def test_a_site_that_answers_slowly_keeps_nobody_from_writing(office, demo_site, settings):
    with at_work(demo_site, settings) as (bob, _erin, form):
        demo_site.fault("count", "delay", seconds=2)
        slow = threading.Thread(target=post_in_thread, args=(bob, form))
        slow.start()
        wait_for(lambda: demo_site.faults()[0]["strikes"], what="the call to the site")
        started = time.monotonic()
        Customer.objects.create(username="frank")
        waited = time.monotonic() - started
        still_asking = slow.is_alive()
        slow.join()
    assert still_asking
    assert waited < 1.5
    assert Order.objects.count() == 1


def test_a_storm_of_clicks_on_one_form_is_one_order(office, demo_site, settings):
    with at_work(demo_site, settings) as (bob, erin, form):
        form["request_key"] = str(uuid.uuid4())
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: post_in_thread(bob, form), range(8)))
    assert set(answers) == {(302, change_url(Order.objects.get()))}
    erin.refresh_from_db()
    assert erin.balance == Decimal("15.00")


@contextmanager
def at_work(demo_site, settings):
    """What an order needs, in the office that this test works in; its threads see it as well."""
    settings.PRIVATE_SITES = (f"127.0.0.1:{demo_site.port}",)
    erin = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=erin, amount=Decimal("20.00"))
    site = Site.objects.create(name="Harbour", origin=demo_site.url)
    demo_site.token(site.token)
    form = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}
    yield new_staff("bob", "Administrators"), erin, form
    demo_site.remove_token(site.token)


def post_in_thread(user, form):
    try:
        response = client_of(user).post(ADD, form)
        return response.status_code, response.get("Location", "")
    finally:
        connections.close_all()


# Before saving: the quote


def test_the_quote_says_all_before_anything_is_bought(desk, form, demo_site):
    quote = desk.get(QUOTE, form).json()
    assert quote["errors"] == {}
    assert (quote["price"], quote["unit_price"]) == ("5.00", "0.0005")
    assert (quote["balance"], quote["balance_after"]) == ("20.00", "15.00")
    assert quote["site"] == {"name": "Harbour", "verified": True}
    assert quote["views"].replace(",", "") == str(demo_site.views(VIDEO))
    assert (quote["seconds"], quote["duration"]) == (10.0, "10 seconds")
    assert nothing_was_sold()


def test_a_quote_for_half_a_form_says_what_is_known_and_blames_nobody(desk, policies):
    quote = desk.get(QUOTE, {"customer": "", "url": "", "count": "15000"}).json()
    assert quote["errors"] == {}
    assert quote["price"] == "7.50"
    assert quote["site"] is quote["balance"] is quote["views"] is None


def test_the_quote_puts_each_error_at_its_field(desk, frank):
    asked = {"customer": frank.pk, "url": "https://elsewhere.example.com/1", "count": "20000"}
    quote = desk.get(QUOTE, asked).json()
    assert "9.00" in quote["errors"]["customer"]
    assert "elsewhere.example.com" in quote["errors"]["url"]
    assert desk.get(QUOTE, {"count": "many"}).json()["errors"].keys() == {"count"}
    assert desk.get(QUOTE, {"count": str(10**30)}).json()["errors"].keys() == {"count"}
    for customer in ("x", "9" * 30):
        assert desk.get(QUOTE, {"customer": customer}).json()["errors"].keys() == {"customer"}


def test_quotes_are_for_those_who_may_order(carol, dave, client):
    assert client_of(carol).get(QUOTE).status_code == 403
    assert client_of(dave).get(QUOTE).status_code == 403
    assert client.get(QUOTE).status_code == 302


# The page


def test_the_form_offers_the_bundles_on_sale(desk):
    PricePolicy.objects.filter(count=30_000).update(active=False)
    page = desk.get(ADD).content.decode()
    assert re.findall(r'data-count="(\d+)"', page) == ["10000", "20000"]


def test_the_form_is_filled_in_from_its_address(desk, erin):
    page = desk.get(ADD, {"customer": erin.pk, "url": "https://x.example/1", "count": 20_000})
    html = page.content.decode()
    assert f'<option value="{erin.pk}" selected>erin</option>' in html
    assert 'value="https://x.example/1"' in html
    assert 'value="20000"' in html


@pytest.mark.parametrize("customer", ["x", "1 OR 1=1", "²", "9" * 30])
def test_a_customer_in_the_address_that_is_none_is_left_out(desk, customer):
    assert desk.get(ADD, {"customer": customer}).status_code == 200


def test_the_customer_is_offered_with_the_balance(desk, erin, frank):
    Customer.objects.filter(pk=frank.pk).update(active=False)
    where = {"app_label": "core", "model_name": "order", "field_name": "customer"}
    for term, text in (("er", "erin · 20.00"), ("FR", "frank · 0.00 · switched off")):
        found = desk.get("/admin/autocomplete/", where | {"term": term}).json()["results"]
        assert [row["text"] for row in found] == [text]


def test_what_was_bought_cannot_be_changed_afterwards(desk, form, frank):
    desk.post(ADD, form)
    order = Order.objects.get()
    change = {"customer": frank.pk, "url": "https://x.example", "count": 1, "memo": "a new memo"}
    response = desk.post(change_url(order), change | {"price": "0.01", "status": 3})
    assert response.status_code == 302

    changed = Order.objects.get()
    assert changed.memo == "a new memo"
    for field in ("customer_id", "url", "count", "price", "status", "request_key"):
        assert getattr(changed, field) == getattr(order, field)


def test_saving_a_memo_writes_the_memo_alone(desk, form):
    """Delivery moves an order's figures while somebody types."""
    desk.post(ADD, form)
    order = Order.objects.get()
    with CaptureQueriesContext(connection) as queries:
        desk.post(change_url(order), {"memo": "new"})
    updates = [query["sql"] for query in queries if query["sql"].startswith('UPDATE "core_order"')]
    assert len(updates) == 1
    assert re.match(r"UPDATE \"core_order\" SET \"memo\" = 'new' WHERE", updates[0])
