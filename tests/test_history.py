"""What a field said before and after, kept for ever; and filters that a person finds again."""

import re

import pytest
from django.db import DatabaseError, connection

from core.bulk import jobs as bulk_jobs, selection
from core.importing import jobs
from core.importing.uploads import new_job
from core.models import (
    BulkJob,
    Customer,
    FieldChange,
    ImportJob,
    PricePolicy,
    SavedFilter,
    User,
)
from core.models.history import Difference
from tests.base import client_of, messages_of, placed

CUSTOMERS = "/admin/core/customer/"
ORDERS = "/admin/core/order/"


def changes_of(obj) -> list[tuple[str, str, str, str]]:
    return [
        (change.field, change.before, change.after, change.creator.username)
        for change in FieldChange.objects.of(obj)
    ]


def test_a_form_keeps_what_each_field_said_before_and_after(alice, bob, frank, policies):
    page = f"{CUSTOMERS}{frank.pk}/"
    data = {"username": "frank", "mobile": "13800000001", "memo": "pays late", "active": "on"}
    client_of(bob).post(page + "change/", data)
    client_of(bob).post(page + "change/", data)
    client_of(alice).post(page + "change/", {**data, "memo": "<b>pays</b>", "active": ""})
    assert changes_of(frank) == [
        ("memo", "pays late", "<b>pays</b>", "alice"),
        ("active", "True", "False", "alice"),
        ("mobile", "", "13800000001", "bob"),
        ("memo", "", "pays late", "bob"),
    ]
    history = client_of(bob).get(page + "history/").content.decode()
    assert '<td class="office-before">Yes</td><td class="office-after">No</td>' in history
    assert "&lt;b&gt;pays&lt;/b&gt;" in history
    policy = PricePolicy.objects.get(count=10_000)
    address = f"/admin/core/pricepolicy/{policy.pk}/change/"
    client_of(alice).post(address, {"count": 10_000, "price": "5.50", "active": "on"})
    assert changes_of(policy) == [("price", "5.00", "5.50", "alice")]


def test_imports_and_bulk_actions_keep_it_too(bob, erin, frank, tmp_path, settings):
    settings.DATA_DIR = tmp_path
    text = b"username,memo\nerin,from a file\nfrank,\n"
    job = new_job(ImportJob.Kind.CUSTOMERS, "a.csv", iter([text]), creator=bob, update=True)
    jobs.run(job.pk)
    ImportJob.objects.get().start_import(partial=False)
    jobs.run(job.pk)
    action = selection.new_job(
        BulkJob.Action.DEACTIVATE, Customer.objects.filter(pk=erin.pk), creator=bob
    )
    action.start()
    bulk_jobs.run(action.pk)
    assert changes_of(erin) == [
        ("active", "True", "False", "bob"),
        ("memo", "", "from a file", "bob"),
    ]
    assert changes_of(frank) == []
    sources = FieldChange.objects.of(erin).values_list("source", flat=True)
    assert list(sources) == [f"Switch customers off #{action.pk}", f"import {job.pk}"]


@pytest.mark.parametrize("command", ["UPDATE {} SET after = 'x'", "DELETE FROM {}"])
def test_what_was_kept_stays_also_for_a_database_client(office, command):
    admin = User.objects.get()
    FieldChange.objects.keep(User, [Difference(admin.pk, "mobile", "1", "2")], actor=admin)
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="never changed"):
        cursor.execute(command.format("core_fieldchange"))
    assert FieldChange.objects.get().after == "2"


def test_a_filter_is_kept_under_a_name_for_one_person(bob, carol):
    desk = client_of(bob)
    page = desk.get(f"{CUSTOMERS}?q=erin&active__exact=1&p=2").content.decode()
    assert 'name="query" value="active__exact=1&amp;q=erin"' in page
    save = {"do": "save", "name": " <b>mine ", "query": "q=erin&active__exact=1"}
    for _click in range(2):
        answer = desk.post(f"{CUSTOMERS}filters/", save)
    assert answer.url == f"{CUSTOMERS}?active__exact=1&q=erin"
    page = desk.get(CUSTOMERS).content.decode()
    assert 'href="?active__exact=1&amp;q=erin">&lt;b&gt;mine</a>' in page
    assert "&lt;b&gt;mine" not in client_of(carol).get(CUSTOMERS).content.decode()
    assert "&lt;b&gt;mine" not in desk.get("/admin/core/order/").content.decode()
    one = SavedFilter.objects.get()
    for do in ("rename", "delete"):
        data = {"do": do, "id": one.pk, "name": "theirs"}
        assert client_of(carol).post(f"{CUSTOMERS}filters/", data).status_code == 404
    desk.post(f"{CUSTOMERS}filters/", {"do": "save", "name": "other", "query": "q=frank"})
    taken = {"do": "rename", "id": one.pk, "name": "other"}
    answer = desk.post(f"{CUSTOMERS}filters/", taken, follow=True)
    assert messages_of(answer) == ["A filter with this name already exists."]
    desk.post(f"{CUSTOMERS}filters/", {**taken, "name": "new name"})
    assert set(SavedFilter.objects.values_list("name", flat=True)) == {"new name", "other"}
    desk.post(f"{CUSTOMERS}filters/", {"do": "delete", "id": one.pk})
    assert SavedFilter.objects.get().name == "other"


def test_a_saved_filter_keeps_its_order_when_other_columns_are_chosen(desk, bob, erin, frank):
    def order_of(page: str) -> str:
        (link,) = re.findall(r'href="([^"]+)">rich</a>', desk.get(page).content.decode())
        return link.replace("&amp;", "&")

    listed = desk.get(f"{CUSTOMERS}").context["cl"].list_display
    place = listed.index("shown_balance")
    desk.post(f"{CUSTOMERS}filters/", {"do": "save", "name": "rich", "query": f"q=e&o=-{place}"})
    assert order_of(CUSTOMERS) == f"?o=-{place}&q=e"
    assert "Save this filter" not in desk.get(f"{CUSTOMERS}?q=e&o=-{place}").content.decode()

    # On orders, whose columns are each person's choice.
    listed = desk.get(ORDERS).context["cl"].list_display
    place = listed.index("shown_price")
    kept = {"do": "save", "name": "rich", "query": f"o=-{place}.1"}
    assert desk.post(f"{ORDERS}filters/", kept).url == f"{ORDERS}?o=-{place}.1"
    chosen = {"column": ["shown_price"], "query": ""}
    desk.post(f"{ORDERS}columns/", chosen)
    listed = desk.get(ORDERS).context["cl"].list_display
    assert order_of(ORDERS) == f"?o=-{listed.index('shown_price')}.1"
    desk.post(f"{ORDERS}columns/", {"column": [listed[-1]] if listed[-1] != "shown_price" else []})
    assert order_of(ORDERS) == "?o=1"


def test_an_order_by_places_that_an_older_release_kept_stays(desk, bob):
    SavedFilter.objects.create(user=bob, model="core.customer", name="rich", query="o=-2&q=e")
    assert 'href="?o=-2&amp;q=e">rich</a>' in desk.get(CUSTOMERS).content.decode()


def test_a_button_leads_back_to_the_list_as_it_was_filtered(bob, erin, site):
    order = placed(erin, site, "1")
    filters = "_changelist_filters=status__exact%3D1"
    answer = client_of(bob).post(f"/admin/core/order/{order.pk}/cancel/?{filters}")
    assert answer.url == f"/admin/core/order/{order.pk}/change/?{filters}"
    page = client_of(bob).get(answer.url).content.decode()
    assert "/admin/core/order/?status__exact=1" in page.replace("\\u003D", "=").replace(
        "\\u002D", "-"
    )
