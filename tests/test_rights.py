"""The table of rights: what it says of each role and object, and that nobody asks anything else."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core.admin.groups import WORDS
from core.models import BulkJob, ImportJob, Order, Status, User
from core.permissions import (
    GROUPS,
    Right,
    may,
    may_cancel_own,
    may_use_portal,
    rights_given_by,
)
from tests.base import new_staff, placed
from tests.trees import nodes_of, tree_of

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "core/permissions.py"
SOURCES = [
    path
    for room in ("core", "booster", "office")
    for path in (ROOT / room).rglob("*.py")
    if "migrations" not in path.parts and path != TABLE
]
PERMISSION = re.compile(r"core\.(?:add|change|delete|view|approve)_")
# What these do with the flag is no decision: one shows it, one answers has_perm() from memory.
FLAG_SHOWN = {
    "core/admin/accounts.py": ["rights"],
    "core/db/sessions.py": ["_permissions_of", "find_users", "has_perm"],
}
# A link is as good as a password; this is asked of the login that gets it, not of who sends it.
FLAG_SHOWN |= {"core/pages/invitations.py": ["may_be_invited"]}

MIGRATION = "0027_groups"


@pytest.fixture
def order(erin, site) -> Order:
    login = User.objects.create(username="erin")
    erin.user = login
    erin.save(update_fields=["user"])
    return placed(erin, site)


# --- the table is the only one


def asked_elsewhere(tree: ast.Module) -> Iterator[str]:
    """Permissions spelled out and questions put to Django past the table."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Also the beginning of an f-string.
            if PERMISSION.match(node.value):
                yield f"{node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Attribute) and node.attr in {
            *("has_perm", "has_perms", "has_module_perms"),
            *("user_has_perm", "get_all_permissions", "get_user_permissions"),
        }:
            yield f"{node.lineno}: {node.attr}"


def flags_read(tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and node.attr == "is_superuser":
                    yield function.name


@pytest.mark.parametrize(
    "line",
    [
        'user.has_perm("core.view_order")',
        'right = "core.approve_order"',
        'name = f"core.view_{model}"',
        "ask = user.has_perms",
    ],
)
def test_a_permission_beside_the_table_would_be_found(line):
    assert list(asked_elsewhere(ast.parse(line)))


def test_no_permission_is_named_or_asked_for_beside_the_table():
    assert len(SOURCES) > 200
    found = {str(path.relative_to(ROOT)): list(asked_elsewhere(tree_of(path))) for path in SOURCES}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_no_template_asks_for_a_permission():
    asked = [
        path.name
        for path in (ROOT / "core").rglob("*.html")
        if re.search(r"\bperms\.|\bhas_perm\b", path.read_text())
    ]
    assert asked == []


def test_nobody_else_decides_by_the_flag_of_super_administrators():
    found = {
        str(path.relative_to(ROOT)): sorted(set(flags_read(tree_of(path)))) for path in SOURCES
    }
    assert {path: names for path, names in found.items() if names} == FLAG_SHOWN


def test_every_right_has_a_rule_and_somebody_who_asks_for_it():
    used = {
        node.attr
        for path in SOURCES
        for node in nodes_of(tree_of(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Right"
    }
    assert {right.name for right in Right} == used


def test_every_permission_of_the_table_exists(db):
    named = {permission for right in Right for permission in right.value.permissions}
    named |= {permission for permissions in GROUPS.values() for permission in permissions}
    there = Permission.objects.filter(content_type__app_label="core")
    assert named <= {f"core.{codename}" for codename in there.values_list("codename", flat=True)}


# --- groups


def permissions_of(group: Group) -> set[str]:
    rows = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in rows}


def test_the_groups_of_a_new_office_are_those_of_the_table(db):
    made = {group.name: permissions_of(group) for group in Group.objects.all()}
    assert made == GROUPS


def test_the_migration_makes_a_missing_group_and_leaves_one_as_the_office_made_it(db):
    Group.objects.get(name="Auditors").delete()
    administrators = Group.objects.get(name="Administrators")
    administrators.permissions.remove(Permission.objects.get(codename="approve_order"))
    then = MigrationExecutor(connection).loader.project_state(("core", MIGRATION)).apps
    migration = import_module(f"core.migrations.{MIGRATION}")
    migration.make_missing(then, connection.schema_editor())
    assert permissions_of(Group.objects.get(name="Auditors")) == GROUPS["Auditors"]
    assert permissions_of(administrators) == GROUPS["Administrators"] - {"core.approve_order"}


# --- the roles


def rights_of(user: User) -> set[Right]:
    return {right for right in Right if may(user, right)}


OF_JOBS = {Right.OPEN_IMPORT, Right.START_BULK_ACTION, Right.STOP_BULK_ACTION}
# Whoever works at the desk has these as far as the object allows.
OF_ALL_STAFF = OF_JOBS
SEEING = {
    *(Right.SEE_ORDERS, Right.SEE_CUSTOMERS, Right.SEE_TOP_UPS, Right.SEE_LEDGER),
    Right.SEE_SITES,
    *(Right.SEE_SITE_CHECKS, Right.SEE_IMPORTS, Right.SEE_BULK_ACTIONS, Right.READ_MESSAGES),
}
OF_SUPER_ADMINISTRATORS = {
    *(Right.ADJUST_BALANCES, Right.ADD_STAFF, Right.CHANGE_LOGIN, Right.GRANT_RIGHTS),
    *(Right.WAIVE_CALIBRATION, Right.UNLOCK_LOGIN),
}


def test_what_each_role_may(alice, bob, carol, dave):
    assert rights_of(alice) == set(Right)
    without = OF_SUPER_ADMINISTRATORS | {Right.SEE_LOGINS, Right.UNDO_IMPORT}
    assert rights_of(bob) == set(Right) - without
    assert rights_of(carol) == OF_ALL_STAFF | SEEING | {Right.SEE_LOGINS}
    assert rights_of(dave) == OF_ALL_STAFF


def test_who_is_switched_off_or_no_longer_of_the_staff_may_nothing(alice):
    for change in ({"is_active": False}, {"is_staff": False}):
        gone = new_staff(f"zed-{next(iter(change))}", "Administrators", is_superuser=True)
        for name, value in change.items():
            setattr(gone, name, value)
        assert rights_of(gone) == set()


def test_a_customer_may_cancel_what_is_theirs_and_is_no_staff(order, erin, frank):
    login, other = erin.user, User.objects.create(username="frank")
    assert may_use_portal(login)
    assert rights_of(login) == set()
    assert may_cancel_own(login, order)
    assert not may_cancel_own(other, order)


def test_the_staff_has_no_pages_for_customers(bob):
    assert not may_use_portal(bob)


# --- the conditions


DOING = (
    *(Right.CANCEL_ORDER, Right.RETRY_ORDER, Right.PAUSE_ORDER, Right.RESUME_ORDER),
    *(Right.APPROVE_ORDER, Right.ORDER_AGAIN),
)
GOING_ON = {Right.CANCEL_ORDER, Right.RETRY_ORDER, Right.PAUSE_ORDER}


@pytest.mark.parametrize(
    ("status", "rights"),
    [
        (Status.AWAITING, {Right.CANCEL_ORDER, Right.APPROVE_ORDER}),
        (Status.PENDING, GOING_ON),
        (Status.RUNNING, GOING_ON),
        (Status.PAUSED, {Right.CANCEL_ORDER, Right.RESUME_ORDER}),
        (Status.VERIFYING, {Right.RETRY_ORDER}),
        (Status.COMPLETED, {Right.ORDER_AGAIN}),
        (Status.PARTIAL, {Right.ORDER_AGAIN}),
        (Status.CANCELED, {Right.ORDER_AGAIN}),
        (Status.FAILED, {Right.ORDER_AGAIN}),
    ],
)
def test_what_may_be_done_with_an_order_depends_on_its_status(order, bob, status, rights):
    order.status = status
    assert {right for right in DOING if may(bob, right, order)} == rights


def test_an_order_that_waits_for_its_sites_token_goes_on_by_itself(order, bob):
    order.status, order.held_by_site = Status.PAUSED, True
    assert {right for right in DOING if may(bob, right, order)} == GOING_ON


def test_an_order_that_was_asked_to_pause_is_asked_to_go_on(order, bob):
    order.status, order.pause_requested = Status.RUNNING, True
    found = {right for right in DOING if may(bob, right, order)}
    assert found == GOING_ON - {Right.PAUSE_ORDER} | {Right.RESUME_ORDER}


def test_an_order_that_was_asked_to_stop_is_not_canceled_again(order, bob, erin):
    order.status, order.cancel_requested = Status.RUNNING, True
    assert not may(bob, Right.CANCEL_ORDER, order)
    assert not may_cancel_own(erin.user, order)


def test_nobody_decides_on_an_order_of_their_own(order, alice, bob):
    order.status = Status.AWAITING
    order.creator = bob
    for right in (Right.APPROVE_ORDER, Right.DECLINE_ORDER):
        assert may(alice, right, order)
        assert not may(bob, right, order)
    order.creator, order.customer.user = None, alice
    order.customer.save(update_fields=["user"])
    alice = User.objects.get(pk=alice.pk)
    assert not may(alice, Right.APPROVE_ORDER, order)


def test_a_remark_is_marked_as_seen_where_there_is_one(order, bob):
    assert not may(bob, Right.MARK_REMARK_SEEN, order)
    order.attention = "The counter fell."
    assert may(bob, Right.MARK_REMARK_SEEN, order)


def test_nothing_is_sold_to_a_customer_who_is_switched_off(erin, bob):
    rights = (Right.TOP_UP_CUSTOMER, Right.PLACE_ORDER, Right.INVITE_CUSTOMER)
    assert all(may(bob, right, erin) for right in rights)
    erin.active = False
    assert not any(may(bob, right, erin) for right in rights)


def test_a_job_is_its_makers_and_super_administrators_may_stop_it(alice, bob):
    own, others = BulkJob(creator=bob), BulkJob(creator=new_staff("ben", "Administrators"))
    assert may(bob, Right.START_BULK_ACTION, own)
    assert not may(alice, Right.START_BULK_ACTION, own)
    assert may(alice, Right.STOP_BULK_ACTION, own)
    assert not may(bob, Right.STOP_BULK_ACTION, others)
    assert may(alice, Right.OPEN_IMPORT, ImportJob(creator=bob))
    assert not may(bob, Right.OPEN_IMPORT, ImportJob(creator=alice))


def test_logins_are_changed_by_super_administrators_alone(alice, bob, carol):
    for login in (User(username="portal"), User(username="gone", is_superuser=True), carol):
        assert may(alice, Right.CHANGE_LOGIN, login)
        assert not may(bob, Right.CHANGE_LOGIN, login)


def test_a_group_gives_the_rights_whose_permissions_it_has():
    assert rights_given_by({"core.view_order"}) == [Right.SEE_ORDERS, Right.READ_MESSAGES]
    for name, permissions in GROUPS.items():
        user = SimpleNamespace(
            is_active=True, is_staff=True, is_superuser=False, has_perm=permissions.__contains__
        )
        assert set(rights_given_by(permissions)) <= rights_of(user), name
    divided = [
        set(rights_given_by(GROUPS[name])) for name in ("Clerks", "Bookkeepers", "Approvers")
    ]
    for right in (Right.PLACE_ORDER, Right.TOP_UP_CUSTOMER, Right.APPROVE_ORDER):
        assert sum(right in rights for rights in divided) == 1


def test_everything_a_group_can_be_given_is_said_in_words_or_goes_with_what_is():
    """Of a permission that no word says, nobody would know that a group gives it."""
    said = {name for right in WORDS for name in right.value.permissions}
    given = {name for name in GROUPS["Administrators"] if not name.startswith("core.view_")}
    assert given <= said
