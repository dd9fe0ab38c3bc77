"""The list of orders: days, one customer or creator, its sums, and columns of one's choice."""

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from core import ordering
from core.admin import paging
from core.admin.orders import OrderAdmin
from core.db.patience import TooSlowError
from core.models import Customer, ListColumns, Order, Status, User
from tests.base import client_of, new_staff, placed
from tests.plans import listening

LIST = "/admin/core/order/"
DAY = datetime.timedelta(days=1)


@pytest.fixture
def orders(erin, frank, harbour, bob, alice):
    """The days they were placed on, from today back; erin's by bob, frank's by alice."""
    Customer.objects.filter(pk=frank.pk).update(balance=100)
    made = [
        placed(erin, harbour, "dawn", price="4.00", creator=bob),
        placed(erin, harbour, "noon", price="5.00", creator=bob),
        placed(frank, harbour, "dusk", price="6.00", creator=alice),
    ]
    for back, order in enumerate(made):
        when = timezone.now() - back * DAY
        Order.objects.filter(pk=order.pk).update(create_date=when)
    return made


def listed(desk, query: str) -> list[int]:
    page = desk.get(f"{LIST}?{query}")
    assert page.status_code == 200, page.headers
    return [order.pk for order in page.context["cl"].result_list]


def day(back: int) -> str:
    return (timezone.localdate() - back * DAY).isoformat()


def test_orders_are_those_from_one_day_to_another(desk, orders):
    today, yesterday, before = (order.pk for order in orders)
    assert listed(desk, f"from={day(1)}") == [today, yesterday]
    assert listed(desk, f"to={day(1)}") == [yesterday, before]
    assert listed(desk, f"from={day(1)}&to={day(1)}") == [yesterday]
    assert listed(desk, "from=today") == [today]
    assert listed(desk, f"from={day(9)}&customer__id__exact={orders[0].customer_id}") == [
        today,
        yesterday,
    ]


def test_this_month_begins_on_its_first_day(desk, orders):
    first = timezone.localdate().replace(day=1)
    midnight = timezone.make_aware(datetime.datetime.combine(first, datetime.time()))
    Order.objects.filter(pk=orders[1].pk).update(create_date=midnight)
    Order.objects.filter(pk=orders[2].pk).update(
        create_date=midnight - datetime.timedelta(seconds=1)
    )
    assert set(listed(desk, "from=month")) == {orders[0].pk, orders[1].pk}


@pytest.mark.parametrize(
    "query", ["from=x", "to=2024-02-30", "customer__id__exact=x", "creator__id__exact=1e3"]
)
def test_what_is_no_day_or_number_leads_back_to_the_list(desk, orders, query):
    assert desk.get(f"{LIST}?{query}").status_code == 302


def test_days_at_the_end_of_all_calendars_are_days(desk, orders):
    assert listed(desk, "from=0001-01-01&to=9999-12-31") == [order.pk for order in orders]


def test_the_search_form_keeps_days_and_customer(desk, orders, erin):
    page = desk.get(f"{LIST}?from={day(1)}&customer__id__exact={erin.pk}&status__exact=1")
    text = page.content.decode()
    assert text.count('name="from"') == text.count('name="customer__id__exact"') == 1
    assert f'name="from" value="{day(1)}"' in text
    assert 'value="erin" placeholder="All"' in text
    assert '<input type="hidden" name="status__exact" value="1">' in text


def test_orders_are_those_of_one_customer_or_creator(desk, orders, erin, bob, alice):
    assert listed(desk, f"customer__id__exact={erin.pk}") == [order.pk for order in orders[1::-1]]
    assert listed(desk, f"creator__id__exact={alice.pk}") == [orders[2].pk]


def test_creators_are_offered_from_the_staff_oneself_first(desk, bob, alice, owner, dave, client):
    def offered(term: str) -> list[str]:
        answer = desk.get(f"{LIST}creators/", {"term": term})
        return [one["text"] for one in answer.json()["results"]]

    assert offered("") == ["bob", "alice", "dave"]
    assert offered("AL") == ["alice"]
    assert offered("erin") == []
    assert client_of(dave).get(f"{LIST}creators/").status_code == 403


def test_customers_are_not_offered_to_who_may_not_see_them(orders):
    heidi = new_staff("heidi")
    heidi.user_permissions.set(
        [one for one in permissions() if one.codename in ("view_order", "view_site")]
    )
    text = client_of(heidi).get(LIST).content.decode()
    assert "/admin/autocomplete/" not in text
    assert "creators/" in text


def permissions():
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(content_type__app_label="core")


def sums(desk, query: str = "") -> dict[str, str]:
    found = desk.get(f"{LIST}?{query}").context["cl"].sums
    return {str(label): value for label, value in found}


def test_the_list_says_what_the_orders_found_add_up_to(desk, orders, erin):
    ordering.cancel(orders[0], None)
    assert sums(desk) == {"plays": "30,000", "price": "15.00", "refunded": "4.00"}
    assert sums(desk, f"customer__id__exact={erin.pk}&status__exact=1") == {
        "plays": "10,000",
        "price": "5.00",
        "refunded": "–",
    }
    assert sums(desk, "q=dusk")["price"] == "6.00"
    assert "15.00" in desk.get(LIST).content.decode()


def test_more_orders_than_are_counted_are_not_added_up(desk, orders, monkeypatch):
    monkeypatch.setattr(paging, "CAP", 2)
    assert sums(desk) == {}
    assert sums(desk, "status__exact=1") == {}
    assert "sums/?status__exact=1" in desk.get(f"{LIST}?status__exact=1").content.decode()


def test_many_orders_are_added_up_when_somebody_asks(desk, dave, orders, monkeypatch):
    monkeypatch.setattr(paging, "CAP", 1)
    found = desk.get(f"{LIST}sums/?status__exact=1&from={day(9)}").json()
    assert found == {"text": "plays 30,000 · price 15.00 · refunded –"}
    assert desk.get(f"{LIST}sums/?q=d&customer__id__exact=0").json() == {"text": ""}
    assert desk.get(f"{LIST}sums/?from=x").status_code == 400
    assert client_of(dave).get(f"{LIST}sums/").status_code == 403


def test_a_database_that_gives_up_says_so(desk, orders, monkeypatch):
    def give_up(seconds: float) -> None:
        raise TooSlowError

    monkeypatch.setattr("core.admin.orders.at_most", give_up)
    assert "narrow the filters" in desk.get(f"{LIST}sums/").json()["text"]


def test_the_list_shows_the_video_by_its_title_and_what_was_refunded(desk, orders):
    Order.objects.filter(pk=orders[1].pk).update(video_title="Harbour <at> noon")
    ordering.cancel(orders[0], None)
    text = desk.get(LIST).content.decode()
    assert f'href="{orders[1].url}"' in text
    assert ">Harbour &lt;at&gt; noon</a>" in text
    assert ">dawn</a>" in text
    assert orders[0].refunded == Decimal("4.00")
    cell = f'<span data-live-row="{orders[0].pk}" data-live-cell="refund">4.00</span>'
    assert 'data-label="Refunded">' + cell in text


# Columns


def columns_of(desk) -> tuple[str, ...]:
    shown: tuple[str, ...] = desk.get(LIST).context["cl"].list_display
    return tuple(name for name in shown if name != "action_checkbox")


def test_columns_are_each_persons_own(desk, super_desk, orders):
    usual = columns_of(desk)
    choice = {"column": ["state", "pace", "no-such-column"], "query": "status__exact=1&o=3"}
    answer = desk.post(f"{LIST}columns/", choice)
    assert answer.url == f"{LIST}?status__exact=1"  # an order is by the places of columns
    assert columns_of(desk) == ("oid", "state", "pace")
    assert columns_of(super_desk) == usual
    assert listed(desk, "status__exact=1")
    desk.post(f"{LIST}columns/", {"column": ["customer_link"]})
    assert columns_of(desk) == ("oid", "customer_link")
    desk.post(f"{LIST}columns/", {"do": "reset"})
    assert columns_of(desk) == usual
    assert not ListColumns.objects.exists()


def test_a_column_that_is_gone_is_left_out(desk, bob, orders):
    ListColumns.objects.create(user=bob, model="core.order", names=["of-another-release", "state"])
    assert columns_of(desk) == ("oid", "state")


def test_columns_are_chosen_by_who_sees_the_list_and_by_a_form(dave, desk):
    assert client_of(dave).post(f"{LIST}columns/", {"column": ["state"]}).status_code == 403
    assert desk.get(f"{LIST}columns/").status_code == 405
    assert not ListColumns.objects.exists()


def test_the_list_of_those_that_wait_has_columns_of_its_own(desk, bob, orders):
    ListColumns.objects.create(user=bob, model="core.order", names=["state"])
    page = desk.get(f"{LIST}?status__exact={Status.AWAITING.value}")
    assert "asked_by" in page.context["cl"].list_display
    assert "columns/" not in page.content.decode()


def test_a_list_reads_of_an_order_what_its_columns_show(desk, orders):
    asked = statements_of(desk, "")
    (page,) = [one for one in asked if '"core_order"."oid"' in one and '"video_id"' in one]
    for unread in ("answers", "watch", "lease_until", "core_site", "core_user"):
        assert unread not in page


def test_no_column_reads_each_row_anew(desk, bob, orders):
    for query in ("", f"status__exact={Status.AWAITING.value}"):
        status = Status.AWAITING if query else Status.RUNNING
        Order.objects.update(status=status, planned_start=timezone.now() + DAY)
        Order.objects.filter(pk=orders[1].pk).update(status=Status.VERIFYING, cancel_requested=True)
        for chosen in (None, OrderAdmin.list_display + OrderAdmin.more_columns):
            if chosen is not None:
                ListColumns.objects.create(user=bob, model="core.order", names=chosen)
            asked = statements_of(desk, query)
            assert len([one for one in asked if '"core_order"."oid"' in one]) == 1, (query, chosen)
            assert len(asked) <= 15, (query, chosen)
        ListColumns.objects.all().delete()


def statements_of(desk, query: str) -> list[str]:
    with listening() as asked:
        assert listed(desk, query)
    return [one.sql for one in asked]


def test_a_person_who_goes_takes_their_columns_along(bob):
    ListColumns.objects.create(user=bob, model="core.order", names=[])
    User.objects.filter(pk=bob.pk).delete()
    assert not ListColumns.objects.exists()


def test_a_filter_for_today_is_sent_on_as_today(desk, orders):
    page = desk.get(f"{LIST}?from=today").content.decode()
    assert '<input type="hidden" name="from" value="today">' in page
    assert page.count('name="from"') == 1
    assert f'value="{day(0)}"' in page


@pytest.mark.parametrize("kind", ["a digit", "two letters"])
def test_a_list_shows_no_rows_that_all_found_would_not_take(desk, orders, kind):
    term = orders[0].oid[-1] if kind == "a digit" else "ri"
    query = f"customer__id__exact={orders[0].customer_id}&q={term}"
    changelist = desk.get(f"{LIST}?{query}").context["cl"]
    shown = {order.pk for order in changelist.result_list}
    meant = set(changelist.queryset.values_list("pk", flat=True))
    assert shown == meant


def found(desk, words: str) -> str:
    answer = desk.get("/admin/core/order/find/", {"q": words})
    assert answer.status_code == 302, answer.content
    return answer["Location"]


def test_the_field_in_the_header_leads_to_the_order_that_is_meant(desk, orders):
    first = orders[0]
    page = f"/admin/core/order/{first.pk}/change/"
    assert found(desk, f" {first.oid} ") == page
    assert found(desk, first.url) == page
    assert found(desk, "frank") == f"/admin/core/order/{orders[2].pk}/change/"


def test_the_field_in_the_header_leads_to_the_list_where_several_or_none_are_meant(desk, orders):
    assert found(desk, "erin") == f"{LIST}?q=erin"
    assert found(desk, "no & thing") == f"{LIST}?q=no+%26+thing"
    assert found(desk, " ") == f"{LIST}?q="
