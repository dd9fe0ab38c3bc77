"""Two people on one row: neither wipes what the other wrote."""

import json
import re
from html import unescape

import pytest
from django.contrib.auth.models import Group, Permission

from core.models import Customer, FieldChange, PricePolicy, Site, User
from tests.base import client_of, placed

SHOWN = re.compile(r'name="shown_values" value="([^"]*)"')


def opened(client, address: str) -> dict[str, str]:
    """What a browser would send of the page if nobody touched it."""
    form = client.get(address).context["adminform"].form
    found = SHOWN.search(client.get(address).content.decode())
    data = {"shown_values": unescape(found.group(1))} if found else {}
    for bound in form:
        value = bound.value()
        if isinstance(value, list):
            data[bound.html_name] = value
        elif value not in (None, False):
            data[bound.html_name] = "on" if value is True else str(value)
    return data


def told(answer) -> str:
    """Nothing where the page was saved."""
    return "" if answer.status_code == 302 else " ".join(map(str, all_errors(answer)))


def all_errors(answer) -> list:
    return [text for texts in answer.context["errors"] for text in texts]


def customer_page(customer: Customer) -> str:
    return f"/admin/core/customer/{customer.pk}/change/"


def test_each_writes_the_fields_that_they_changed(alice, bob, frank):
    first, second = client_of(alice), client_of(bob)
    hers, his = opened(first, customer_page(frank)), opened(second, customer_page(frank))
    first.post(customer_page(frank), hers | {"memo": "pays in cash"})
    answer = second.post(customer_page(frank), his | {"mobile": "13800000001"})
    assert told(answer) == ""
    frank.refresh_from_db()
    assert (frank.memo, frank.mobile) == ("pays in cash", "13800000001")
    kept = FieldChange.objects.of(frank).values_list("field", "creator__username")
    assert list(kept) == [("mobile", "bob"), ("memo", "alice")]


def test_a_field_that_both_changed_is_asked_about_with_both_values(alice, bob, frank):
    first, second = client_of(alice), client_of(bob)
    hers, his = opened(first, customer_page(frank)), opened(second, customer_page(frank))
    first.post(customer_page(frank), hers | {"memo": "pays in cash", "active": ""})
    typed = his | {"memo": "never pays", "mobile": "13800000001"}
    answer = second.post(customer_page(frank), typed)
    said = told(answer)
    assert "alice, " in said
    assert "“–” and is now “pays in cash”" in said
    assert "“never pays”" in said
    frank.refresh_from_db()
    assert (frank.memo, frank.mobile, frank.active) == ("pays in cash", "", False)
    page = answer.content.decode()
    again = typed | {"shown_values": unescape(SHOWN.search(page).group(1))}
    assert told(second.post(customer_page(frank), again)) == ""
    frank.refresh_from_db()
    assert (frank.memo, frank.mobile, frank.active) == ("never pays", "13800000001", False)


def test_another_error_does_not_make_an_untouched_field_a_changed_one(alice, bob, frank):
    first, second = client_of(alice), client_of(bob)
    hers, his = opened(first, customer_page(frank)), opened(second, customer_page(frank))
    first.post(customer_page(frank), hers | {"memo": "pays in cash"})
    answer = second.post(customer_page(frank), his | {"mobile": "no number"})
    assert "Digits only" in told(answer)
    again = his | {"shown_values": unescape(SHOWN.search(answer.content.decode()).group(1))}
    assert told(second.post(customer_page(frank), again | {"mobile": "138"})) == ""
    frank.refresh_from_db()
    assert (frank.memo, frank.mobile) == ("pays in cash", "138")


def test_the_same_change_twice_is_no_question(alice, bob, frank):
    first, second = client_of(alice), client_of(bob)
    hers, his = opened(first, customer_page(frank)), opened(second, customer_page(frank))
    for client, data in ((first, hers), (second, his)):
        assert told(client.post(customer_page(frank), data | {"memo": "a\r\nb"})) == ""
    assert FieldChange.objects.of(frank).count() == 1


@pytest.mark.slow
def test_prices_and_orders_and_sites_and_groups_are_no_different(alice, bob, erin, site, policies):
    policy = PricePolicy.objects.get(count=10_000)
    order = placed(erin, site, "1")
    Site.objects.filter(pk=site.pk).update(quiet_hours=["Mon 01:00-02:00"], load_profile=None)
    first, second = client_of(alice), client_of(alice)
    for address, one, other in (
        (f"/admin/core/pricepolicy/{policy.pk}/change/", ("price", "5.50"), ("price", "6.00")),
        (f"/admin/core/order/{order.pk}/change/", ("memo", "hers"), ("memo", "his")),
        (
            f"/admin/core/site/{site.pk}/change/",
            ("quiet_hours", "Tue 01:00-02:00"),
            ("quiet_hours", "Wed 01:00-02:00"),
        ),
    ):
        hers, his = opened(first, address), opened(second, address)
        assert told(first.post(address, hers | dict([one]))) == "", address
        said = told(second.post(address, his | dict([other])))
        assert one[1] in said, address
        assert other[1] in said, address
    policy.refresh_from_db()
    order.refresh_from_db()
    site.refresh_from_db()
    assert str(policy.price) == "5.50"
    assert order.memo == "hers"
    assert site.quiet_hours == ["Tue 01:00-02:00"]


def test_a_page_of_a_site_leaves_what_it_did_not_touch(alice, site):
    profile = [[1 / 3] * 24] * 7
    Site.objects.filter(pk=site.pk).update(load_profile=profile)
    desk, address = client_of(alice), f"/admin/core/site/{site.pk}/change/"
    data = opened(desk, address)
    Site.objects.filter(pk=site.pk).update(max_rate=77)
    assert told(desk.post(address, data | {"memo": "moved"})) == ""
    site.refresh_from_db()
    assert (site.max_rate, site.memo, site.load_profile) == (77, "moved", profile)
    assert list(FieldChange.objects.of(site).values_list("field", flat=True)) == ["memo"]


def test_rights_that_two_people_change_are_asked_about(alice):
    group = Group.objects.create(name="Night clerks")
    one, other = Permission.objects.filter(codename__in=("add_order", "view_order")).order_by("pk")
    address = f"/admin/auth/group/{group.pk}/change/"
    first, second = client_of(alice), client_of(alice)
    hers, his = opened(first, address), opened(second, address)
    first.post(address, hers | {"permissions": [one.pk]})
    assert told(second.post(address, his | {"name": "Day clerks"})) == ""
    assert list(group.permissions.all()) == [one]
    assert "“orders: add”" in told(second.post(address, his | {"permissions": [other.pk]}))
    assert list(group.permissions.all()) == [one]


@pytest.mark.parametrize("damaged", ["{", "[]", "1", "[" * 100_000, r'{"memo": "\ud800"}'])
def test_a_damaged_page_saves_nothing(alice, frank, damaged):
    desk, address = client_of(alice), customer_page(frank)
    answer = desk.post(address, opened(desk, address) | {"memo": "x", "shown_values": damaged})
    assert "This page is damaged" in told(answer)
    frank.refresh_from_db()
    assert frank.memo == ""


def test_a_login_is_saved_with_its_groups(alice, dave):
    group = Group.objects.create(name="Night clerks")
    page = f"/admin/core/user/{dave.pk}/change/"
    desk = client_of(alice)
    data = opened(desk, page)
    # Two fields of a form for each moment.
    data = {name: text for name, text in data.items() if name not in ("last_login", "date_joined")}
    assert told(desk.post(page, data | {"groups": [group.pk], "first_name": "Dave"})) == ""
    dave.refresh_from_db()
    assert (dave.first_name, list(dave.groups.all())) == ("Dave", [group])


@pytest.mark.parametrize("damaged", ["x", ["x"], [[1]], 5, {"1": 1}, 10**30])
@pytest.mark.parametrize("name", ["user", "groups"])
def test_a_page_that_showed_what_no_row_can_be_is_asked_about(alice, frank, dave, name, damaged):
    logins = [User.objects.create(username=name) for name in ("first", "second")]
    frank.user = logins[0]
    frank.save(update_fields=["user"])
    dave.groups.add(Group.objects.create(name="Night clerks"))
    group = Group.objects.create(name="Day clerks")
    page, typed = customer_page(frank), {"user": logins[1].pk}
    if name == "groups":
        page, typed = f"/admin/core/user/{dave.pk}/change/", {"groups": [group.pk]}
    desk = client_of(alice)
    sent = opened(desk, page)
    sent["shown_values"] = json.dumps(json.loads(sent["shown_values"]) | {name: damaged})
    assert "Changed meanwhile" in told(desk.post(page, sent | typed))
    frank.refresh_from_db()
    assert frank.user == logins[0]
    assert list(dave.groups.values_list("name", flat=True)) == ["Night clerks"]
