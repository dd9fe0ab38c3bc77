"""Balances, new orders, refunds and messages, as lists and customers' pages watch them."""

import uuid
from decimal import Decimal

import pytest

from core import ordering
from core.live.feed import Feed
from core.models import Customer, Message, Order, Site, Status, User
from tests.base import client_of, placed
from tests.test_live_feed import messages_of, watch


@pytest.fixture
def order(owner):
    site = Site.objects.create(name="Harbour", origin="http://127.0.0.1:9")
    return placed(owner, site, "1", price="0.01")


def news_of(feed: Feed, viewer) -> dict:
    feed.step()
    return {key: value for one in messages_of(viewer) for key, value in one["data"].items()}


def test_a_balance_moves_for_its_customer_and_for_staff(feed, owner, bob, order):
    viewers = [watch(feed, user, f"customer:{owner.pk}") for user in (owner.user, bob)]
    owner.refresh_from_db()
    for viewer in viewers:
        assert news_of(feed, viewer) == {"balance": str(owner.balance), "newest": order.pk}
    ordering.adjust(owner, Decimal("2.50"), note="x", actor=bob, request_key=uuid.uuid4())
    after = str(owner.balance + Decimal("2.50"))
    for viewer in viewers:
        assert news_of(feed, viewer) == {"balance": after}


def test_a_balance_is_nobody_elses(feed, owner, order, dave):
    stranger = Customer.objects.create(
        username="frank", user=User.objects.create(username="frank", is_staff=False)
    )
    for user in (stranger.user, dave):
        viewer = watch(feed, user, f"customer:{owner.pk}", "customer:no", "orders")
        feed.step()
        assert {message["subject"]: message["kind"] for message in messages_of(viewer)} == {
            f"customer:{owner.pk}": "refused",
            "customer:no": "refused",
            "orders": "refused",
        }
    Customer.objects.filter(pk=owner.pk).update(active=False)
    viewer = watch(feed, owner.user, f"customer:{owner.pk}")
    feed.step()
    assert "balance" not in str(messages_of(viewer))


def test_a_new_order_is_told_to_lists_that_are_open(feed, owner, bob, order):
    desk, portal = watch(feed, bob, "orders"), watch(feed, owner.user, f"customer:{owner.pk}")
    news_of(feed, desk), news_of(feed, portal)
    newer = placed(owner, order.site, "2", price="0.01")
    assert news_of(feed, desk) == {"newest": newer.pk}
    assert news_of(feed, portal)["newest"] == newer.pk
    assert f'data-newest="{newer.pk}" hidden' in client_of(bob).get("/admin/core/order/").text
    page = client_of(owner.user).get("/portal/")
    assert f'data-newer="customer:{owner.pk}" data-newest="{newer.pk}" hidden' in page.text


def test_a_refund_and_a_message_move_in_the_line_of_an_order(feed, owner, bob, order):
    subject = f"row:{order.pk}"
    desk, portal = watch(feed, bob, subject), watch(feed, owner.user, subject)
    assert news_of(feed, desk)["refund_cell"] == "–"
    assert news_of(feed, portal)["refund"] == ""
    Message.objects.say(order, bob, "for the desk alone", internal=True)
    assert news_of(feed, portal) == {}
    Message.objects.say(order, bob, "soon")
    assert news_of(feed, portal) == {"unread": "1 new"}
    Message.objects.say(order, owner.user, "when?")
    assert "1 new" in news_of(feed, desk)["talk_cell"]
    ordering.cancel(order, bob)
    assert Order.objects.get(pk=order.pk).status == Status.CANCELED
    price = f"{order.price}"
    assert news_of(feed, desk)["refund_cell"] == price
    told = news_of(feed, portal)
    assert told["refund"] == f"−{price} refunded"
    assert "talk_cell" not in told
