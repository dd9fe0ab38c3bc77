"""The desk: lists that cost the same however long they are, buttons, money that is only added."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from booster.sites import Recipe
from core.models import (
    ChargeRecord,
    CounterReading,
    Customer,
    LedgerEntry,
    Order,
    PricePolicy,
    Site,
    SiteCheck,
    Status,
    User,
)
from core.ops.auditing import differences
from core.pages.dashboard import home
from core.reports.dashboard import Takings
from tests.base import VIDEO, balance, client_of, messages_of, new_staff, placed, sent_export

LISTS = (
    *("user", "administrator", "customer", "chargerecord", "pricepolicy", "ledgerentry"),
    *("site", "sitecheck", "order", "orderevent", "counterreading"),
)
ADD_CHARGE = "/admin/core/chargerecord/add/"
ADJUST = "/admin/core/ledgerentry/add/"
ADD_SITE = "/admin/core/site/add/"
ADD_CUSTOMER = "/admin/core/customer/add/"


def change_url(obj) -> str:
    return reverse(f"admin:core_{obj._meta.model_name}_change", args=[obj.pk])


def errors_of(response) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def updates_of(queries, table: str) -> list[str]:
    return [query["sql"] for query in queries if query["sql"].startswith(f'UPDATE "{table}"')]


def fill(number: int, since: int) -> None:
    """A row more in every list, each pointing to rows of its own."""
    for index in range(since, number):
        staff = new_staff(f"staff {index}", "Auditors")
        customer = Customer.objects.create(username=f"customer {index}", creator_id=staff.pk)
        ChargeRecord.objects.create(customer=customer, amount=Decimal(9), creator_id=staff.pk)
        PricePolicy.objects.create(count=1_000 + index, price=1)
        site = Site.objects.create(name=f"site {index}", origin=f"https://s{index}.example.com")
        site.record_check(SiteCheck.Outcome.PROVED, method="file", actor=staff)
        order = placed(customer, site, str(index), creator=staff)
        CounterReading.objects.create(order=order, views=index, done=0)


# Lists


@pytest.mark.parametrize("model", LISTS)
def test_a_list_asks_the_database_as_often_for_twenty_rows_as_for_three(super_desk, model):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert super_desk.get(f"/admin/core/{model}/").status_code == 200
        return len(seen)

    fill(3, since=0)
    queries()  # the first visit also fills caches
    three = queries()
    fill(20, since=3)
    assert queries() == three
    assert three <= 15


@pytest.mark.parametrize("model", ["customer", "chargerecord", "ledgerentry", "order"])
def test_an_export_asks_the_database_as_often_for_twenty_rows_as_for_three(super_desk, model):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert sent_export(super_desk, model).status_code == 200
        return len(seen)

    fill(3, since=0)
    queries()
    three = queries()
    fill(20, since=3)
    assert queries() == three


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("order", "q=customer+1"),
        ("order", "status__exact=1&site__id__exact=1"),
        ("order", "attention=1"),
        ("customer", "q=13&active__exact=1"),
        ("ledgerentry", "q=x&kind__exact=1"),
        ("chargerecord", "customer__id__exact=1"),
        ("sitecheck", "outcome__exact=1&site__id__exact=1"),
        ("orderevent", "q=1-2026"),
        ("counterreading", "q=1-2026"),
        ("user", "q=staff&is_staff__exact=1"),
    ],
)
def test_lists_can_be_searched_and_filtered(super_desk, model, query):
    fill(2, since=0)
    assert super_desk.get(f"/admin/core/{model}/?{query}").status_code == 200


def test_the_order_list_finds_an_order_by_its_number_customer_and_address(desk, order):
    for words in (order.oid, "erin", VIDEO):
        assert list(desk.get("/admin/core/order/", {"q": words}).context["cl"].queryset) == [order]
    assert not desk.get("/admin/core/order/", {"q": "nobody"}).context["cl"].queryset


def test_the_home_page_sums_up_what_each_may_see(desk, alice, dave, order):
    Order.objects.filter(pk=order.pk).update(attention="The site redirects plays.")
    parts = desk.get("/admin/home/").context["parts"]
    figures = {part.name: part.figures() for part in home.PARTS}
    assert parts == {part.name: part.render(figures[part.name]) for part in home.PARTS}
    money = figures["money"]
    assert money.today == money.week == money.month == Takings(Decimal(5), Decimal(20))
    standing = {line.status: line.count for line in figures["orders"]}
    assert standing == {status: int(status == Status.PENDING) for status in Status}
    assert [line.oid for line in figures["attention"].orders] == [order.oid]
    assert figures["waiting_orders"] == {"remarks": 1, "awaiting": 0}
    assert [site.orders for site in figures["sites"].lines] == [1]
    for status, count in standing.items():
        listed = desk.get(f"/admin/core/order/?status__exact={status}").context["cl"]
        assert listed.result_count == count

    assert client_of(dave).get("/admin/home/").context["parts"] == {}


# An order's page


def test_an_order_shows_its_figures_its_events_and_its_money(desk, order):
    order.refresh_from_db()
    Order.objects.filter(pk=order.pk).update(
        old_view_count=18_204, view_count=21_204, reserved=4_000, done=3_000, failed=7
    )
    CounterReading.objects.create(order=order, views=18_204, done=0)
    page = desk.get(change_url(order)).content.decode()
    for text in ("18,204", "21,204", "3,000 of 10,000", "30%", "-5.00", "bob"):
        assert text in page


def test_the_buttons_of_an_order_can_be_asked_for_alone(desk, order):
    address = f"/admin/core/order/{order.pk}/buttons/"
    assert "Cancel order" in desk.get(address).content.decode()
    Order.objects.filter(pk=order.pk).update(cancel_requested=True)
    assert "Cancel order" not in desk.get(address).content.decode()


def test_cancel_refunds_and_says_so(desk, bob, erin, order):
    reply = desk.post(
        f"/admin/core/order/{order.pk}/cancel/", {"reason": "no longer wanted"}, follow=True
    )
    order.refresh_from_db()
    assert order.status == Status.CANCELED
    assert balance(erin) == Decimal("20.00")
    event = order.events.last()
    assert (event.creator, event.reason) == (bob, "no longer wanted")
    assert messages_of(reply) == ["Order canceled; 5.00 was refunded to the customer."]
    page = reply.content.decode()
    assert "5.00 × 10,000 undelivered ÷ 10,000 = 5.00 refunded" in page
    assert "Order again" in page
    assert LogEntry.objects.filter(user=bob, object_id=str(order.pk)).exists()


def test_cancel_of_an_ended_order_changes_nothing(desk, erin, order):
    address = f"/admin/core/order/{order.pk}/cancel/"
    desk.post(address)
    entries = LedgerEntry.objects.count()
    reply = desk.post(address, follow=True)
    assert messages_of(reply)[-1] == "It has already ended: canceled."
    assert LedgerEntry.objects.count() == entries
    assert balance(erin) == Decimal("20.00")


def test_a_running_order_is_asked_to_stop(desk, erin, order):
    Order.objects.filter(pk=order.pk).update(status=Status.RUNNING)
    reply = desk.post(f"/admin/core/order/{order.pk}/cancel/", follow=True)
    order.refresh_from_db()
    assert (order.status, order.cancel_requested) == (Status.RUNNING, True)
    assert "is being stopped" in messages_of(reply)[0]
    assert "stopping" in reply.content.decode()
    assert "Cancel order" not in reply.content.decode()
    assert balance(erin) == Decimal("15.00")


def test_retry_lets_an_order_go_on_that_waits_for_a_token(desk, order):
    waits = {"status": Status.PAUSED, "held_by_site": True, "attempts": 3}
    Order.objects.filter(pk=order.pk).update(due=timezone.now() + timedelta(hours=1), **waits)
    desk.post(f"/admin/core/order/{order.pk}/retry/")
    order.refresh_from_db()
    assert (order.status, order.attempts) == (Status.PENDING, 0)
    assert order.due <= timezone.now()


def test_an_order_somebody_works_on_is_not_offered_for_retry(desk, order):
    lease = timezone.now() + timedelta(seconds=20)
    Order.objects.filter(pk=order.pk).update(status=Status.RUNNING, lease_until=lease)
    assert "Retry now" not in desk.get(change_url(order)).content.decode()
    Order.objects.filter(pk=order.pk).update(lease_until=None)
    assert "Retry now" in desk.get(change_url(order)).content.decode()


def test_buttons_of_an_order_that_is_not_there_lead_nowhere(desk):
    assert desk.post("/admin/core/order/999/cancel/").status_code == 404
    assert desk.get("/admin/core/order/999/buttons/").status_code == 404


def test_auditors_see_no_buttons_that_change_anything(carol, order):
    page = client_of(carol).get(change_url(order)).content.decode()
    assert "data-post=" not in page.split('id="order_form"')[0]
    assert 'name="memo"' not in page


# Money


def test_a_top_up_credits_the_customer(desk, bob, frank):
    form = {"customer": frank.pk, "amount": "30.50", "memo": "cash"}
    response = desk.post(ADD_CHARGE, form)
    record = ChargeRecord.objects.get()
    assert response.url == change_url(record)
    assert record.creator_id == bob.pk
    assert balance(frank) == Decimal("30.50")
    assert LedgerEntry.objects.get().creator == bob
    assert not list(differences())


def test_the_same_top_up_sent_twice_is_one(desk, frank):
    form = {"customer": frank.pk, "amount": "30", "request_key": str(uuid.uuid4())}
    first = desk.post(ADD_CHARGE, form)
    second = desk.post(ADD_CHARGE, form, follow=True)
    assert second.redirect_chain[0][0] == first.url
    assert "already saved" in messages_of(second)[-1]
    assert ChargeRecord.objects.count() == 1
    assert balance(frank) == Decimal(30)
    assert LogEntry.objects.count() == 1


def test_a_storm_of_clicks_on_one_form_is_one_top_up(office):
    bob, frank = new_staff("bob", "Administrators"), Customer.objects.create(username="frank")
    form = {"customer": frank.pk, "amount": "30", "request_key": str(uuid.uuid4())}

    def click(_number):
        try:
            return client_of(bob).post(ADD_CHARGE, form)["Location"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(click, range(8)))) == 1
    assert ChargeRecord.objects.count() == 1
    assert balance(frank) == Decimal(30)


def test_another_amount_under_the_same_key_is_asked_about(desk, frank):
    form = {"customer": frank.pk, "amount": "30", "request_key": str(uuid.uuid4())}
    desk.post(ADD_CHARGE, form)
    asked = desk.post(ADD_CHARGE, form | {"amount": "31"})
    assert "already saved" in errors_of(asked)["__all__"][0]
    assert balance(frank) == Decimal(30)


@pytest.mark.parametrize("amount", ["0", "-5", "0.001", "", "1e9", "NaN", "100000000"])
def test_odd_amounts_are_refused(desk, frank, amount):
    response = desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": amount})
    assert "amount" in errors_of(response)
    assert not ChargeRecord.objects.exists()
    assert balance(frank) == 0


def test_a_top_up_is_never_edited(desk, super_desk, frank):
    record = ChargeRecord.objects.create(customer=frank, amount=Decimal(5))
    for client in (desk, super_desk):
        assert client.post(change_url(record), {"amount": "500"}).status_code == 403
    assert ChargeRecord.objects.get().amount == 5
    assert balance(frank) == 5


def test_an_adjustment_is_an_entry_with_a_reason(super_desk, alice, erin):
    form = {"customer": erin.pk, "amount": "-3.00", "note": "typed 20 instead of 17"}
    form["request_key"] = str(uuid.uuid4())
    super_desk.post(ADJUST, form)
    super_desk.post(ADJUST, form)
    entry = LedgerEntry.objects.get(kind=LedgerEntry.Kind.ADJUSTMENT)
    assert (entry.amount, entry.balance_after, entry.creator) == (-3, 17, alice)
    assert entry.reference == f"adjustment:{form['request_key']}"
    assert balance(erin) == 17
    assert not list(differences())


@pytest.mark.parametrize(
    ("change", "field"),
    [({"amount": "-20.01"}, "amount"), ({"amount": "0"}, "amount"), ({"note": ""}, "note")],
)
def test_an_adjustment_that_breaks_a_rule_is_refused(super_desk, erin, change, field):
    form = {"customer": erin.pk, "amount": "1", "note": "why"} | change
    assert field in errors_of(super_desk.post(ADJUST, form))
    assert LedgerEntry.objects.count() == 1
    assert balance(erin) == 20


# Customers


def test_a_new_customer_has_a_creator_and_no_money(desk, bob):
    desk.post(ADD_CUSTOMER, {"username": "grace", "active": "on", "balance": "500"})
    grace = Customer.objects.get()
    assert (grace.creator_id, grace.balance) == (bob.pk, 0)


def test_saving_a_customer_never_writes_the_balance(desk, erin):
    """It moves while somebody types; a stale one written back would be money made of nothing."""
    with CaptureQueriesContext(connection) as queries:
        form = {"username": "erin", "mobile": "13800000000", "active": "on", "balance": "999"}
        assert desk.post(change_url(erin), form).status_code == 302
    updates = updates_of(queries, "core_customer")
    assert len(updates) == 1
    assert "balance" not in updates[0]
    assert "13800000000" in updates[0]
    assert balance(erin) == 20


@pytest.mark.parametrize("username", ["<b>", "{{ 7*7 }}", "a\x00b", "\u202eerin", "x" * 33])
def test_odd_names_are_refused(desk, username):
    assert "username" in errors_of(desk.post(ADD_CUSTOMER, {"username": username}))
    assert not Customer.objects.exists()


def test_a_login_of_staff_is_no_customers_login(super_desk, erin, bob):
    form = {"username": "erin", "active": "on", "user": bob.pk}
    assert "user" in errors_of(super_desk.post(change_url(erin), form))
    portal = User.objects.create(username="portal")
    assert super_desk.post(change_url(erin), form | {"user": portal.pk}).status_code == 302
    erin.refresh_from_db()
    assert erin.user == portal


def test_a_customers_page_leads_to_what_one_does_next(desk, erin):
    page = desk.get(change_url(erin)).content.decode()
    tools = page.split("data-desk-tools>")[1].split("<dialog")[0]
    links = re.findall(r'href="([^"]+)"', tools)
    assert links == [
        f"/admin/core/chargerecord/add/?customer={erin.pk}",
        f"/admin/core/order/add/?customer={erin.pk}",
        f"{change_url(erin).removesuffix('change/')}portal-link/",
        f"/admin/core/order/?customer__id__exact={erin.pk}",
        f"/admin/core/chargerecord/?customer__id__exact={erin.pk}",
        f"/admin/core/ledgerentry/?customer__id__exact={erin.pk}",
    ]
    assert all(desk.get(link).status_code == 200 for link in links)


# Sites


def site_form(origin: str, **more) -> dict:
    return {
        "name": "Lanterns",
        "origin": origin,
        "adapter": "demo",
        "max_connections": 4,
        "max_rate": 100,
        "active": "on",
        **more,
    }


def test_saving_a_site_asks_it_at_once_and_says_what_came(desk, demo_site, settings, bob):
    settings.PRIVATE_SITES = (f"127.0.0.1:{demo_site.port}",)
    address = f"HTTP://127.0.0.1:{demo_site.port}/videos/{VIDEO}"
    reply = desk.post(ADD_SITE, site_form(address), follow=True)
    site = Site.objects.get()
    assert site.origin == f"http://127.0.0.1:{demo_site.port}"
    assert not site.verified
    assert site.checks.get().creator == bob
    assert "not verified" in messages_of(reply)[0]
    page = reply.content.decode()
    assert f"{site.origin}/booster-office-{site.token}.txt" in page

    demo_site.token(site.token)
    reply = desk.post(f"/admin/core/site/{site.pk}/verify/", follow=True)
    assert messages_of(reply) == ["The site shows our token and is verified."]
    site.refresh_from_db()
    assert site.verified


def test_the_token_comes_as_a_file_with_nothing_else_in_it(desk, site):
    file = desk.get(f"/admin/core/site/{site.pk}/token/")
    assert file.content.decode() == site.token
    assert f'filename="booster-office-{site.token}.txt"' in file["Content-Disposition"]


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("https://www.youtube.com", "public platform"),
        ("http://127.0.0.1:9", "a service other"),
        ("http://127.0.0.1:9999", "private address"),
        ("http://0x7f.1", "odd notation"),
        ("https://user@videos.example.com", "user name"),
        ("ftp://videos.example.com", "http"),
        ("videos.example.com", "http"),
        ("", "required"),
    ],
)
def test_an_address_that_plays_may_never_go_to_is_refused_at_its_field(desk, origin, reason):
    assert reason in " ".join(errors_of(desk.post(ADD_SITE, site_form(origin)))["origin"])
    assert not Site.objects.exists()


def test_the_same_origin_written_otherwise_is_the_same_site(desk, site):
    response = desk.post(ADD_SITE, site_form(site.origin.upper() + "/"))
    assert "already exists" in " ".join(errors_of(response)["origin"])


def test_a_sites_address_and_proof_cannot_be_typed_afterwards(desk, site):
    token = site.token
    form = site_form("https://videos.example.com", verified="on", token="f" * 32, name="New")
    assert desk.post(change_url(site), form).status_code == 302
    changed = Site.objects.get()
    assert (changed.name, changed.origin, changed.token) == ("New", site.origin, token)
    assert not changed.verified


def test_auditors_see_a_sites_recipe(carol, site):
    recipe = {"video_pattern": "/v/([0-9]+)", "count_path": "/c/{video_id}", "play_path": "/p"}
    Site.objects.update(adapter="http", recipe=recipe)
    page = client_of(carol).get(change_url(site)).content.decode()
    assert "/c/{video_id}" in page
    assert 'name="recipe_' not in page


def test_a_limit_left_empty_is_the_usual_one(desk, site):
    form = site_form(site.origin, max_connections="", max_rate="", resend_percent="")
    assert desk.post(change_url(site), form).status_code == 302
    site.refresh_from_db()
    assert (site.max_connections, site.max_rate, site.resend_percent) == (16, 1000, 5)
    refused = desk.post(change_url(site), form | {"max_connections": "0", "resend_percent": "101"})
    assert {"max_connections", "resend_percent"} == errors_of(refused).keys()


def test_a_recipe_is_asked_for_where_the_kind_of_site_needs_one(desk, demo_site, settings):
    settings.PRIVATE_SITES = (f"127.0.0.1:{demo_site.port}",)
    form = site_form(demo_site.url, adapter="http", recipe_counted="200, 700")
    errors = errors_of(desk.post(ADD_SITE, form))
    assert {"recipe_video_pattern", "recipe_count_path", "recipe_counted"} <= errors.keys()
    assert not Site.objects.exists()

    form |= {
        "recipe_video_pattern": r"/videos/([\w-]+)",
        "recipe_count_path": "/api/videos/{video_id}",
        "recipe_count_json": "views",
        "recipe_play_path": "/api/videos/{video_id}/plays",
        "recipe_play_headers": "Idempotency-Key: {play_key}",
        "recipe_counted": "200",
        "recipe_idempotent": "on",
    }
    assert desk.post(ADD_SITE, form).status_code == 302
    site = Site.objects.get()
    recipe = Recipe.parse(site.recipe)
    assert recipe.play_headers == (("Idempotency-Key", "{play_key}"),)
    assert recipe.counted == (200,)
    shown = desk.get(change_url(site)).context["adminform"].form
    assert shown["recipe_play_headers"].value() == "Idempotency-Key: {play_key}"

    desk.post(change_url(site), site_form(site.origin))
    site.refresh_from_db()
    assert site.recipe is None


def test_a_list_of_another_package_has_its_dates(super_desk):
    wrong = {"username": "eve", "password": "no"}
    Client().post("/admin/login/", wrong)
    Client(REMOTE_ADDR="127.0.0.2").post("/admin/login/", wrong)
    page = super_desk.get("/admin/axes/accessattempt/")
    assert page.status_code == 200
    assert "attempt_time__day" in page.content.decode()
