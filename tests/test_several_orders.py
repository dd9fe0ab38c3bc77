"""One order after the other, and many at once: what is kept, one quote, all or none."""

import re
import time
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import ordering
from core.models import ApprovalLimit, Customer, LedgerEntry, Order, Status, transitions
from tests.base import VIDEO, balance, client_of, messages_of, placed

ADD = "/admin/core/order/add/"
SEVERAL = "/admin/core/order/several/"


# One after the other


def test_the_next_form_keeps_customer_plays_and_pace(desk, erin, site, demo_site, policies):
    form = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}
    form |= {"hours": 24, "by_day": "on", "_addanother": ""}
    answer = desk.post(ADD, form, follow=True)
    order = Order.objects.get()
    assert answer.request["PATH_INFO"] == ADD
    assert str(order) in messages_of(answer)[0]
    following = answer.context["adminform"].form
    kept = {name: following[name].value() for name in ("customer", "url", "count", "hours")}
    assert kept == {"customer": str(erin.pk), "url": None, "count": "10000", "hours": "24"}
    assert following["by_day"].value()
    # Enter presses the form's first button.
    first = re.search(r'<button type="submit" name="(\w+)"', answer.content.decode())
    assert first
    assert first[1] == "_addanother"


def test_a_single_form_still_leads_to_its_order(desk, erin, site, demo_site, policies):
    page = desk.get(ADD).content.decode()
    assert "data-enters-many" not in page
    form = {"customer": erin.pk, "url": demo_site.address(VIDEO), "count": 10_000}
    assert desk.post(ADD, form).url.endswith(f"/{Order.objects.get().pk}/change/")


# Many at once


@pytest.fixture
def rich(erin):
    Customer.objects.filter(pk=erin.pk).update(balance=100)
    erin.refresh_from_db()
    return erin


@pytest.fixture
def form(rich, site, demo_site, policies):
    """Three videos, the last one with a number of its own as two cells are pasted."""
    lines = [demo_site.address(f"v{number}") for number in (1, 2, 3)]
    lines[2] += "\t20,000"
    return {
        "customer": rich.pk,
        "addresses": "\r\n".join([lines[0], "", *lines[1:]]),
        "count": 10_000,
        "request_key": str(uuid.uuid4()),
    }


def quoted(desk, form) -> dict:
    """The form as it comes back with its quote, as a browser would send it."""
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert answer.status_code == 200
    return form | {"quoted": answer.context["quoted"], "_save": ""}


def errors_of(answer) -> dict[int, list[str]]:
    assert answer.status_code == 200
    lines = answer.context["lines"]
    return {line["number"]: line["errors"] for line in lines if line["errors"]}


def nothing_was_sold() -> bool:
    sold = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ORDER)
    return not (Order.objects.exists() or sold.exists())


def test_many_addresses_get_one_quote_before_anything_is_bought(desk, form):
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert errors_of(answer) == {}
    sums = dict(answer.context["sums"])
    assert (sums["Orders"], sums["Plays"]) == ("3", "40,000")
    assert (sums["Total price"], sums["Balance"], sums["Balance after"]) == (
        "19.00",
        "100.00",
        "81.00",
    )
    assert [line["number"] for line in answer.context["lines"]] == [1, 3, 4]
    assert nothing_was_sold()


def test_what_was_quoted_is_placed_as_one_order_each(desk, bob, rich, form):
    answer = desk.post(SEVERAL, quoted(desk, form) | {"hours": 24, "memo": "spring"}, follow=True)
    assert "3 orders were placed for 19.00 together." in messages_of(answer)
    orders = list(Order.objects.order_by("pk"))
    assert [order.count for order in orders] == [10_000, 10_000, 20_000]
    assert {(one.creator, one.hours, one.memo, one.status) for one in orders} == {
        (bob, 24, "spring", Status.PENDING)
    }
    assert balance(rich) == Decimal("81.00")


def test_saving_shows_the_quote_first_where_none_was_seen(desk, form):
    answer = desk.post(SEVERAL, form | {"_save": ""})
    assert answer.context["is_good"]
    assert nothing_was_sold()


def test_a_price_that_changed_since_is_seen_before_it_is_paid(desk, form):
    from core.models import PricePolicy

    sent = quoted(desk, form)
    PricePolicy.objects.filter(count=10_000).update(price=6)
    answer = desk.post(SEVERAL, sent)
    assert dict(answer.context["sums"])["Total price"] == "21.00"
    assert nothing_was_sold()


def test_the_same_form_twice_is_ordered_once(desk, rich, form):
    sent = quoted(desk, form)
    desk.post(SEVERAL, sent)
    answer = desk.post(SEVERAL, sent, follow=True)
    assert "nothing was done twice" in messages_of(answer)[-1]
    assert (Order.objects.count(), balance(rich)) == (3, 81)


def test_a_refused_line_is_named_and_nothing_is_ordered(desk, form, demo_site):
    known = demo_site.address("v1")
    form["addresses"] = "\n".join(
        [
            demo_site.address("no-such-video"),
            known,
            "https://elsewhere.example/videos/x",
            known,
            f"{known} 5",
            f"{demo_site.address('v9')} many plays",
        ]
    )
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    wrong = errors_of(answer)
    assert sorted(wrong) == [1, 3, 4, 5, 6]
    assert "no-such-video" in wrong[1][0]
    assert "is not one of our sites" in wrong[3][0]
    assert "in use by another open order" in wrong[4][0]
    assert "smallest order" in wrong[5][0]
    assert "not an address and a number" in wrong[6][0]
    assert "_save" not in answer.content.decode()
    desk.post(SEVERAL, form | {"quoted": answer.context["quoted"], "_save": ""})
    assert nothing_was_sold()


def test_a_balance_that_does_not_cover_all_covers_none(desk, rich, form):
    Customer.objects.filter(pk=rich.pk).update(balance=12)
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert errors_of(answer) == {4: ["The balance is short by 7.00."]}
    desk.post(SEVERAL, quoted(desk, form))
    assert (nothing_was_sold(), balance(rich)) == (True, 12)


def test_a_video_taken_since_the_quote_is_named(desk, rich, site, form, monkeypatch):
    sent = quoted(desk, form)
    from core.admin import several

    real = several.place_several

    def somebody_was_faster(quotes, *args, **kwargs):
        placed(rich, site, quotes[1].video_id, price=1)
        return real(quotes, *args, **kwargs)

    monkeypatch.setattr(several, "place_several", somebody_was_faster)
    answer = desk.post(SEVERAL, sent)
    assert errors_of(answer) == {3: ["This video is in use by another open order or calibration."]}
    assert not Order.objects.filter(price__gt=1).exists()


def test_each_order_counts_alone_for_its_creators_limit(desk, form):
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=Decimal(6))
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert "Above your limit of 6.00" in answer.context["note"]
    desk.post(SEVERAL, quoted(desk, form))
    statuses = Order.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.PENDING, Status.PENDING, Status.AWAITING]


def test_too_many_addresses_are_refused_as_a_whole(desk, form):
    form["addresses"] = "\n".join(f"https://a.example/{number}" for number in range(201))
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert "At most 200 addresses at once." in str(answer.context["form"].errors)
    assert answer.context["lines"] == []


@pytest.mark.parametrize("missing", ["customer", "addresses", "count", "request_key"])
def test_what_is_missing_is_said_at_its_field(desk, form, missing):
    answer = desk.post(SEVERAL, {**form, missing: "", "_quote": ""})
    assert missing in answer.context["form"].errors
    assert nothing_was_sold()


def test_only_who_may_order_orders_several(carol, form):
    assert client_of(carol).get(SEVERAL).status_code == 403
    assert client_of(carol).post(SEVERAL, form | {"_save": ""}).status_code == 403
    assert nothing_was_sold()


# What a clerk does between quote and order


def test_an_address_may_hold_commas_and_decimals_are_no_plays(desk, form, demo_site):
    known = demo_site.address("v1")
    form["addresses"] = f"{known},34\n{demo_site.address('v2')} 10000.5"
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    wrong = errors_of(answer)
    assert answer.context["lines"][0]["plays"] == "10,000"
    assert sorted(wrong) == [1, 2]  # no such video; no whole number
    assert "whole number" in wrong[2][0]


def test_long_lines_are_refused_in_no_time(desk, form):
    form["addresses"] = "1," * 40_000 + "x"
    began = time.process_time()
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert time.process_time() - began < 2
    assert "not an address and a number" in errors_of(answer)[1][0]


def test_what_was_quoted_to_one_customer_is_no_quote_for_another(desk, form):
    frank = Customer.objects.create(username="frank", balance=100)
    answer = desk.post(SEVERAL, quoted(desk, form) | {"customer": frank.pk})
    assert "Nothing was ordered" in str(answer.context["form"].errors)
    assert nothing_was_sold()


def test_a_refused_quote_cannot_be_sent_as_a_good_one(desk, form, demo_site):
    form["addresses"] = demo_site.address("no-such-video")
    sent = quoted(desk, form)
    assert sent["quoted"] == ""
    desk.post(SEVERAL, sent)
    assert nothing_was_sold()


def test_the_quote_that_is_shown_anew_has_looked_at_the_videos(desk, form, demo_site):
    sent = quoted(desk, form)
    sent["addresses"] = demo_site.address("no-such-video")
    answer = desk.post(SEVERAL, sent)
    assert "no-such-video" in errors_of(answer)[1][0]
    assert not answer.context["is_good"]


def test_other_addresses_in_a_form_that_was_saved_are_other_orders(desk, form, demo_site):
    desk.post(SEVERAL, quoted(desk, form))
    form["addresses"] = "\n".join(demo_site.address(video) for video in ("v1", "v7"))
    answer = desk.post(SEVERAL, form | {"_quote": ""})
    assert list(errors_of(answer)) == [1]  # it runs
    form["addresses"] = demo_site.address("v7")
    desk.post(SEVERAL, quoted(desk, form))
    assert Order.objects.filter(video_id="v7").count() == 1


def test_orders_keep_what_the_site_calls_their_videos(desk, form):
    desk.post(SEVERAL, quoted(desk, form))
    titles = dict(Order.objects.values_list("video_id", "video_title"))
    quoted_titles = set(titles.values())
    assert len(titles) == 3
    assert "" not in quoted_titles


def test_orders_that_wait_for_a_token_go_on_together(site, erin):
    for number in range(40):
        placed(erin, site, f"v{number}", price="0.10", count=100)
    Order.objects.update(status=Status.PAUSED, held_by_site=True)
    some = list(Order.objects.order_by("pk")[:3])
    resumes = [(order, transitions.resume(order)) for order in some]
    Order.objects.filter(pk=some[0].pk).update(status=Status.PENDING)  # somebody else was first
    assert transitions.apply_unchanged(resumes, None) == [order.pk for order in some[1:]]
    with CaptureQueriesContext(connection) as queries:
        assert ordering.verify(site, None) == ""
    assert set(Order.objects.values_list("status", flat=True)) == {Status.PENDING}
    assert len(queries) < 37
