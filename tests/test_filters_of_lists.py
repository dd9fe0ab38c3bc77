"""What the address of a list may ask: nothing that no page shows, and nothing without an end."""

import time

import pytest
from django.contrib.auth.models import Permission

from core.models import Customer, Site, User
from tests.base import client_of, placed

ORDERS = "/admin/core/order/"
SECRET = "s3cr3t-of-a-site"


@pytest.mark.parametrize("who", ["alice", "bob", "carol"])
@pytest.mark.parametrize(
    "asked",
    [
        "secrets__api_key__startswith=s3",
        "secrets__contains=s3",
        "secrets__isnull=1",
        "recipe__icontains=s3",
    ],
)
def test_nobody_guesses_a_secret_letter_by_letter(who, asked, harbour, request):
    """A list that has a row or none is a yes or no to each letter."""
    Site.objects.update(secrets={"api_key": SECRET})
    client = client_of(request.getfixturevalue(who))
    assert client.get(f"/admin/core/site/?{asked}").status_code == 400
    for page in ("sitecheck", "order"):
        assert client.get(f"/admin/core/{page}/?site__{asked}").status_code == 400


@pytest.mark.parametrize("asked", ["notes__icontains=grace", "sha256=0", "notes__0__code=x"])
def test_nobody_guesses_what_stands_in_somebody_elses_upload(asked, carol):
    """Who sees that there was an upload does not see its rows."""
    assert client_of(carol).get("/admin/core/importjob/").status_code == 200
    assert client_of(carol).get(f"/admin/core/importjob/?{asked}").status_code == 400


@pytest.mark.parametrize("page", ["user", "administrator"])
def test_nobody_guesses_the_hash_of_a_password(page, alice):
    answer = client_of(alice).get(f"/admin/core/{page}/?password__startswith=pbkdf2")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "asked",
    [
        *("create_date__year=9999", "create_date__year=9999&create_date__month=12"),
        *("end_date__year=0", "end_date__iso_year=10000", "price__range=1"),
        *("end_date__year__range=2025,2026", "end_date__lt=0001-01-01T00:00%2B14"),
    ],
)
def test_what_no_lookup_can_be_asked_for_makes_no_list_fail(asked, desk):
    answer = desk.get(f"{ORDERS}?{asked}")
    assert (answer.status_code, answer.url) == (302, f"{ORDERS}?e=1")


@pytest.mark.parametrize("asked", ["answers__contains=1", "watch__contained_by=1"])
def test_what_sqlite_cannot_be_asked_for_makes_no_list_fail(asked, desk):
    answer = desk.get(f"{ORDERS}?{asked}")
    assert (answer.status_code, answer.url) == (302, f"{ORDERS}?e=1")


@pytest.mark.parametrize(
    "page",
    [
        *("order/?q=", "customer/?q=", "ledgerentry/?q=", "site/?q=", "administrator/?q="),
        *("order/find/?q=", "order/sums/?q="),
    ],
)
def test_a_column_of_names_pasted_into_a_search_finds_nothing(page, super_desk, erin):
    """More words than SQLite takes looked like a database that is down."""
    words = "+".join(f"erin{number}" for number in range(1_500))
    assert super_desk.get(f"/admin/core/{page}{words}", follow=True).status_code == 200


def test_a_column_of_names_pasted_into_a_picker_finds_nothing(desk, erin):
    asked = {"app_label": "core", "model_name": "order", "field_name": "customer"}
    answer = desk.get("/admin/autocomplete/", asked | {"term": "erin " * 1_500})
    assert answer.json()["results"] == []


@pytest.mark.parametrize("asked", ["id__in=1,2", "memo__contains=100%25", "price__gt=1"])
def test_what_a_lookup_can_be_asked_for_is_shown(asked, desk):
    assert desk.get(f"{ORDERS}?{asked}").status_code == 200


@pytest.mark.parametrize("lookup", ["regex", "iregex"])
def test_an_expression_that_takes_a_day_is_not_looked_for(lookup, bob):
    Customer.objects.create(username="a" * 24 + "!", creator_id=bob.pk)
    began = time.process_time()
    answer = client_of(bob).get(f"/admin/core/customer/?username__{lookup}=^(a|a)*$")
    assert answer.status_code == 400
    assert time.process_time() - began < 30


def test_the_filter_by_creator_tells_the_name_of_no_other_login(desk, erin, harbour, bob):
    """Logins are for who may see them; of who placed orders the list itself has the names."""
    login = User.objects.create(username="secret-login")
    page = f"{ORDERS}?creator__id__exact={login.pk}"
    assert "secret-login" not in desk.get(page).content.decode()
    placed(erin, harbour, creator=login)
    assert "secret-login" in desk.get(page).content.decode()
    assert 'value="bob"' in desk.get(f"{ORDERS}?creator__id__exact={bob.pk}").content.decode()


def test_the_filter_by_customer_tells_no_other_name_to_who_may_not_see_customers(
    dave, desk, erin, frank, harbour
):
    dave.user_permissions.add(Permission.objects.get(codename="view_order"))
    placed(erin, harbour)

    def named(browser, customer):
        page = browser.get(f"{ORDERS}?customer__id__exact={customer.pk}").content.decode()
        return f'value="{customer.username}"' in page

    assert named(client_of(dave), erin)  # it stands in the list as well
    assert not named(client_of(dave), frank)
    assert named(desk, frank)
