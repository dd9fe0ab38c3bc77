"""The page of a group: what it may be given, in the reader's language, and what it keeps."""

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils.translation import override

from core.admin.groups import permission_label
from core.permissions import GRANTABLE, GROUPS
from tests.base import client_of

CHINESE = {"accept-language": "zh-hans"}


@pytest.fixture
def group(db) -> Group:
    return Group.objects.get(name="Bookkeepers")


def page_of(group: Group) -> str:
    return f"/admin/auth/group/{group.pk}/change/"


def offered(page) -> dict[int, str]:
    field = page.context["adminform"].form["permissions"]
    return {int(str(value)): label for value, label in field.field.choices}


def names_of(keys) -> set[str]:
    rows = Permission.objects.filter(pk__in=keys).values_list("content_type__app_label", "codename")
    return {".".join(row) for row in rows}


def test_what_the_office_asks_for_is_offered_in_the_readers_language_and_nothing_else(alice, group):
    choices = offered(client_of(alice).get(page_of(group), headers=CHINESE))
    assert names_of(choices) == GRANTABLE
    assert set().union(*GROUPS.values()) <= GRANTABLE
    assert len(set(choices.values())) == len(choices)
    assert [label for label in choices.values() if re.search("[A-Za-z]", label)] == []
    assert "充值记录：添加" in choices.values()


def test_each_permission_has_a_label_in_english_too(db):
    with override("en"):
        labels = {permission_label(one) for one in Permission.objects.all()}
    assert {"top-ups: add", "orders: approve and decline", "imports: undo"} <= labels


def test_a_group_keeps_what_it_holds_besides_and_shows_it(alice, group):
    besides = Permission.objects.get(codename="add_bulkblock")
    group.permissions.add(besides)
    desk = client_of(alice)
    assert besides.pk in offered(desk.get(page_of(group)))
    page = desk.get(page_of(group))
    held = [one.pk for one in page.context["adminform"].form["permissions"].initial]
    answer = desk.post(page_of(group), {"name": "Bookkeepers at night", "permissions": held})
    assert answer.status_code == 302
    group.refresh_from_db()
    assert group.name == "Bookkeepers at night"
    assert besides in group.permissions.all()
    other = Group.objects.get(name="Clerks")
    assert besides.pk not in offered(desk.get(page_of(other)))
    sent = {"name": "Clerks", "permissions": [besides.pk]}
    assert desk.post(page_of(other), sent).status_code == 200  # refused
    assert besides not in other.permissions.all()


def test_a_new_group_is_offered_the_same(alice):
    assert names_of(offered(client_of(alice).get("/admin/auth/group/add/"))) == GRANTABLE


def test_who_may_only_look_reads_what_a_group_can_do(bob, group):
    bob.user_permissions.add(Permission.objects.get(codename="view_group"))
    page = client_of(bob).get(page_of(group)).content.decode()
    assert "top customers up, also by upload" in page
    assert "Can add" not in page


def test_who_deletes_a_group_reads_whom_it_concerns_and_no_row_of_a_table_between(super_desk, bob):
    group = Group.objects.get(name="Administrators")
    page = super_desk.get(f"/admin/auth/group/{group.pk}/delete/").text
    assert "People who lose its permissions: bob" in page
    assert "relationship" not in page
    assert "object (" not in page
    super_desk.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    assert not Group.objects.filter(pk=group.pk).exists()
