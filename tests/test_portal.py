"""The customers' pages: what they sell, show and refuse. test_portal_access.py says to whom."""

import csv
import io
import re
import uuid
from decimal import Decimal
from itertools import count

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from core import ordering
from core.live import Audience
from core.live.sources.orders import whole_order
from core.models import (
    FLOW,
    ChargeRecord,
    Customer,
    Message,
    Order,
    PricePolicy,
    Site,
    Status,
)
from core.portal.receipt import money_of, plays_of
from core.portal.words import STEPS
from tests.base import VIDEO, client_of, messages_of, placed

NEW = "/portal/orders/new/"
videos = count(1)


@pytest.fixture
def portal(owner, policies):
    """A browser in which the owner is logged in."""
    return client_of(owner.user)


@pytest.fixture
def form(site, demo_site):
    Site.objects.update(verified=True)  # for customers no other is asked
    return {"url": demo_site.address(VIDEO), "count": 15_000, "hours": 0}


def sold(customer: Customer, site: Site, **about) -> Order:
    """An order, without asking the site."""
    number = next(videos)
    order = placed(customer, site, str(number), price="0.05")
    Order.objects.filter(pk=order.pk).update(**about)
    order.refresh_from_db()
    return order


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def rows_of(response) -> list[str]:
    return re.findall(
        r'class="order__link address" href="/portal/orders/([\w-]+)/"', page(response)
    )


def page(response) -> str:
    return response.content.decode()


# A new order


def test_a_customer_orders_by_the_desks_rules_and_pays_from_the_balance(portal, owner, form):
    response = portal.post(NEW, form)
    order = Order.objects.get()
    assert (response.status_code, response.url) == (302, f"/portal/orders/{order.oid}/")
    assert (order.customer, order.creator) == (owner, owner.user)
    assert (order.count, order.price, order.bundle_count) == (15_000, Decimal("7.50"), 10_000)
    owner.refresh_from_db()
    assert owner.balance == Decimal("12.50")


def test_a_form_sent_twice_is_one_order(portal, owner, form):
    form["request_key"] = str(uuid.uuid4())
    first = portal.post(NEW, form)
    second = portal.post(NEW, form, follow=True)
    assert Order.objects.count() == 1
    assert second.redirect_chain == [(first.url, 302)]
    assert "nothing was done twice" in messages_of(second)[-1]
    owner.refresh_from_db()
    assert owner.balance == Decimal("12.50")


def test_the_key_of_somebody_elses_form_makes_an_order_of_ones_own(portal, owner, form, site):
    form["request_key"] = str(uuid.uuid4())
    other = Customer.objects.create(username="gina")
    ChargeRecord.objects.create(customer=other, amount=Decimal("1.00"))
    theirs = sold(other, site, request_key=form["request_key"])
    portal.post(NEW, form)
    assert Order.objects.exclude(pk=theirs.pk).get().customer == owner


def test_a_customer_in_the_form_is_not_asked_for(portal, owner, form, frank):
    portal.post(NEW, form | {"customer": frank.pk, "memo": "mine", "price": "0.01"})
    order = Order.objects.get()
    assert (order.customer, order.memo, order.price) == (owner, "", Decimal("7.50"))


@pytest.mark.parametrize(
    ("typed", "field", "told"),
    [
        ({"count": 500}, "count", "The smallest order is 10,000 plays."),
        ({"count": "10.000"}, "count", "May be 10000 or 10.000: write one of them."),
        ({"count": 900_000}, "__all__", "The balance is short by 370.00."),
        ({"url": "https://videos.example.org/1"}, "url", "is not one of our sites"),
    ],
)
def test_what_speaks_against_an_order_stands_on_the_page(portal, form, typed, field, told):
    response = portal.post(NEW, form | typed)
    assert response.status_code == 200
    assert told in " ".join(response.context["form"].errors[field])
    assert told in text_of(response)
    assert not Order.objects.exists()


def test_a_customer_is_asked_about_a_price_that_changed_since_it_was_seen(portal, owner, form):
    seen = portal.get("/portal/orders/quote/", form).json()["quoted_price"]
    PricePolicy.objects.update(price=F("price") + 4)
    asked = portal.post(NEW, form | {"quoted_price": seen})
    assert "not 7.50 as shown" in text_of(asked)
    assert not Order.objects.exists()
    portal.post(NEW, form | {"quoted_price": asked.context["form"]["quoted_price"].value()})
    assert Order.objects.get().price > 7.50


def test_no_customer_reads_where_a_sites_token_has_to_stand(portal, form, site, demo_site, desk):
    demo_site.remove_token(site.token)
    at_the_desk = desk.get("/admin/core/order/quote/", form).content.decode()
    assert site.token in at_the_desk
    for answer in (portal.post(NEW, form), portal.get("/portal/orders/quote/", form)):
        text = answer.content.decode()
        assert "The site is not verified." in text
        assert site.token not in text
    assert not Order.objects.exists()


def test_no_customer_reads_how_a_site_counts(portal, form, desk):
    assert "never calibrated" in desk.get("/admin/core/order/quote/", form).json()["counting"]
    answer = portal.get("/portal/orders/quote/", form)
    assert "counting" not in answer.json()
    assert "calibrated" not in answer.content.decode()


def test_the_quote_is_the_customers_own_whatever_is_asked(portal, form, frank):
    quote = portal.get("/portal/orders/quote/", form | {"customer": frank.pk}).json()
    assert (quote["price"], quote["balance"], quote["balance_after"]) == ("7.50", "20.00", "12.50")
    assert quote["errors"] == {}


def test_an_order_again_begins_with_what_was_ordered(portal, owner, site, erin):
    order = sold(owner, site, hours=5)
    form = portal.get(f"{NEW}?again={order.oid}").context["form"]
    assert (form["url"].value(), form["count"].value(), form["hours"].value()) == (
        order.url,
        10_000,
        5,
    )
    assert portal.get(f"{NEW}?again=1-2").status_code == 404


# One order


def test_canceling_asks_first_and_refunds_as_at_the_desk(portal, owner, site):
    order = sold(owner, site)
    address = f"/portal/orders/{order.oid}/cancel/"
    assert "Cancel this order?" in text_of(portal.get(address))
    order.refresh_from_db()
    assert order.status == Status.PENDING
    response = portal.post(address, follow=True)
    assert messages_of(response) == ["Your order is canceled; 0.05 was refunded to your balance."]
    order.refresh_from_db()
    assert order.status == Status.CANCELED
    assert order.events.last().creator == owner.user
    assert "you" in text_of(response)


def test_a_canceled_order_says_that_it_is_being_settled(portal, owner, alice, site):
    order = sold(owner, site, status=Status.VERIFYING, cancel_requested=True)
    page = text_of(portal.get(f"/portal/orders/{order.oid}/"))
    assert "Canceled; being settled" in page and "being stopped" not in page
    at_the_desk = text_of(client_of(alice).get(f"/admin/core/order/{order.pk}/change/"))
    assert "canceled, being settled" in at_the_desk and "stopping" not in at_the_desk
    Order.objects.update(status=Status.RUNNING)
    assert "being stopped" in text_of(portal.get(f"/portal/orders/{order.oid}/"))


def test_where_flow_does_not_lead_nothing_is_canceled(portal, owner, site):
    for status in (Status.VERIFYING, Status.COMPLETED):
        order = sold(owner, site, status=status)
        address = f"/portal/orders/{order.oid}/"
        assert "Cancel order" not in text_of(portal.get(address))
        assert portal.get(f"{address}cancel/").url == address
        portal.post(f"{address}cancel/")
        order.refresh_from_db()
        assert order.status == status


def test_a_receipt_is_a_sum_that_can_be_followed(owner, site):
    order = sold(
        owner,
        site,
        count=15_000,
        price=Decimal("7.50"),
        bundle_count=10_000,
        bundle_price=Decimal("5.00"),
        status=Status.PARTIAL,
        done=14_000,
        reserved=15_000,
        delivered=10_000,
        refunded=Decimal("2.50"),
        old_view_count=1_200,
        view_count=11_200,
    )
    assert [(line.label, line.figure, line.how) for line in plays_of(order)] == [
        ("Ordered", "15,000", ""),
        ("Received by the site", "14,000", ""),
        ("Counted by the site", "10,000", "its counter went from 1,200 to 11,200"),
        ("Delivered", "10,000", ""),
    ]
    rule = "5.00 × 15,000 ÷ 10,000, by the bundle of 10,000 plays for 5.00"
    assert [(line.label, line.figure, line.how) for line in money_of(order)] == [
        ("Price", "7.50", rule),
        ("Refund", "−2.50", "7.50 × 5,000 undelivered ÷ 15,000"),
        ("You paid", "5.00", ""),
    ]


def test_every_step_that_an_order_can_take_has_words_for_customers():
    ways = [(None, Status.PENDING), (None, Status.AWAITING), (Status.RUNNING, Status.RUNNING)]
    ways += [(before, after) for before, onward in FLOW.items() for after in onward]
    told = {way: STEPS[way[1]].get(way[0], STEPS[way[1]][None]) for way in ways}
    assert all(told.values())
    # The first step and the ones after a pause or an approval are not the same.
    assert len({told[way] for way in ways if way[1] == Status.PENDING}) == 3


def test_a_declined_order_says_why_and_other_reasons_stay_at_the_desk(portal, owner, site, alice):
    declined = sold(owner, site, status=Status.AWAITING)
    ordering.decline(declined, alice, "The video is not yours.")
    canceled = sold(owner, site)
    ordering.cancel(canceled, alice, "owes us")
    shown = text_of(portal.get(f"/portal/orders/{declined.oid}/"))
    assert "The video is not yours." in shown and "Not accepted. Everything was refunded." in shown
    assert "alice" not in shown
    assert "owes us" not in text_of(portal.get(f"/portal/orders/{canceled.oid}/"))


def test_what_a_customer_says_on_the_page_is_the_customers(portal, owner, site, alice):
    order = sold(owner, site)
    address = f"/portal/orders/{order.oid}/"
    response = portal.post(f"{address}message/", {"text": "Is it stuck?", "internal": "1"})
    assert response.status_code == 403  # a note is the desk's
    response = portal.post(f"{address}message/", {"text": "Is it stuck?", "author": alice.pk})
    assert response.url == f"{address}#conversation"
    assert Message.objects.get().author == owner.user
    Message.objects.say(order, alice, "It is not.")
    Message.objects.say(order, alice, "Impatient again.", internal=True)
    assert "1 new" in text_of(portal.get("/portal/"))
    shown = text_of(portal.get(address))
    assert "It is not." in shown and "Impatient" not in shown and "alice" not in shown
    assert "1 new" not in text_of(portal.get("/portal/"))


def test_the_feed_writes_a_customers_page_without_a_word_of_the_desk(owner, site, alice, bob):
    order = sold(owner, site, attention="counter fell", memo="watch him")
    ordering.cancel(order, alice, "owes us")
    feed = whole_order
    key = str(order.pk)
    with CaptureQueriesContext(connection) as loading:
        loaded = feed.load([key])[key]
    data = feed.render(loaded, Audience.CUSTOMER)
    told = " ".join(str(value) for value in data.values())
    assert {"heading", "state", "receipt", "steps", "way", "readings"} <= set(data)
    assert "Order again" in data["state"] and "canceled" in data["heading"]
    for word in ("counter fell", "watch him", "owes us", "alice"):
        assert word not in told
    assert len(loading) < 8
    with CaptureQueriesContext(connection) as rendering:
        feed.render(loaded, Audience.CUSTOMER)
    assert not len(rendering)
    assert feed.authorize([(owner.user, key), (bob, key)]) == {
        (owner.user.pk, key): Audience.CUSTOMER,
        (bob.pk, key): Audience.STAFF,
    }
    Customer.objects.update(active=False)
    assert feed.authorize([(owner.user, key)]) == {}


# The list


def test_a_list_is_filtered_by_status_address_number_and_date(portal, owner, site):
    first, second = sold(owner, site, status=Status.COMPLETED), sold(owner, site)
    Order.objects.filter(pk=first.pk).update(create_date="2026-03-01T12:00Z")
    for query, found in (
        ("", [second, first]),
        ("?status=3", [first]),
        (f"?q=videos/{second.video_id}", [second]),
        (f"?q={first.oid}", [first]),
        ("?until=2026-03-01", [first]),
        ("?since=2026-03-02", [second]),
        ("?since=2026-03-01&until=2026-03-01&status=1", []),
        ("?status=x&since=y&before=z", [second, first]),
    ):
        assert rows_of(portal.get(f"/portal/{query}")) == [order.oid for order in found], query


def test_a_number_is_looked_for_in_addresses_too(portal, owner, site):
    order = sold(owner, site, url="https://videos.example.com/watch/98765?list=100%25_a")
    sold(owner, site, url="https://videos.example.com/watch/1")
    for text in ("98765", "watch/9876", "100%25_A", order.oid, order.oid[:9]):
        found = rows_of(portal.get("/portal/", {"q": text}))
        assert order.oid in found and (len(found) == 1 or order.oid.startswith(text)), text
    for text in ("98764", "1005", "%%%"):
        assert rows_of(portal.get("/portal/", {"q": text})) == []


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize(
    "query", ["since=0001-01-01", "until=9999-12-31", "since=0001-01-01&until=9999-12-31"]
)
def test_the_first_and_the_last_day_there_are_leave_nothing_out(
    portal, owner, site, settings, zone, query
):
    settings.TIME_ZONE = zone
    order = sold(owner, site)
    assert rows_of(portal.get(f"/portal/?{query}")) == [order.oid]
    assert order.oid in b"".join(portal.get(f"/portal/orders.csv?{query}")).decode()


def test_pages_go_there_and_back_and_miss_nothing(portal, owner, site):
    orders = [sold(owner, site, status=Status.COMPLETED).oid for _ in range(60)][::-1]
    first = portal.get("/portal/?status=3")
    assert rows_of(first) == orders[:25]
    window = first.context["page"]
    assert window.newer == "" and "status=3" in window.older
    second = portal.get(f"/portal/{window.older}")
    assert rows_of(second) == orders[25:50]
    third = portal.get(f"/portal/{second.context['page'].older}")
    assert rows_of(third) == orders[50:] and third.context["page"].older == ""
    back = portal.get(f"/portal/{third.context['page'].newer}")
    assert rows_of(back) == orders[25:50]
    assert rows_of(portal.get(f"/portal/{back.context['page'].newer}")) == orders[:25]


def test_the_csv_holds_what_the_filter_shows_and_no_formula(portal, owner, site):
    kept = sold(owner, site, url="=HYPERLINK(1)")
    sold(owner, site, status=Status.COMPLETED)
    answer = b"".join(portal.get("/portal/orders.csv?status=1")).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(answer))
    assert row["order number"] == kept.oid
    assert row["video address"] == "'=HYPERLINK(1)"
    assert (row["status"], row["plays"], row["price"]) == ("pending", "10000", "0.05")


def test_the_balance_runs_with_every_entry_and_tells_top_ups_apart(portal, owner, site):
    order = sold(owner, site)
    ordering.cancel(order, owner.user)
    lines = portal.get("/portal/balance/").context["rows"]
    assert [(str(line["what"]), line["amount"], line["after"]) for line in lines] == [
        ("Refund", "+0.05", "20.00"),
        ("Order", "-0.05", "19.95"),
        ("Top-up", "+20.00", "20.00"),
    ]
    top_ups = portal.get("/portal/balance/?kind=top-ups").context["rows"]
    assert [line["amount"] for line in top_ups] == ["+20.00"]
    written = b"".join(portal.get("/portal/balance.csv?kind=refunds")).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(written))
    assert (row["order number"], row["amount"], row["balance after"]) == (
        order.oid,
        "0.05",
        "20.00",
    )


def test_a_list_asks_no_more_for_many_orders_than_for_one(portal, owner, site):
    asked = []
    for number in (1, 24):
        for _ in range(number):
            sold(owner, site)
        with CaptureQueriesContext(connection) as queries:
            assert portal.get("/portal/").status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 6
