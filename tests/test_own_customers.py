"""Four eyes by a straw customer: who made a customer, paid in for them or let them in approves
nothing that they order on the portal."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import ordering
from core.bulk.orders import ApproveOrders
from core.models import (
    ApprovalLimit,
    BulkJob,
    Calibration,
    ChargeRecord,
    Customer,
    FieldChange,
    LedgerEntry,
    Order,
    OrderError,
    Site,
    Status,
    User,
)
from core.models.history import Difference
from core.ops import doctor
from core.ordering.quote import Video
from core.reasons import Code
from tests.base import balance, client_of, new_staff, placed


def limit(group: str | None, amount: str, **more: bool) -> ApprovalLimit:
    of = Group.objects.get(name=group) if group else None
    return ApprovalLimit.objects.create(group=of, amount=Decimal(amount), **more)


@pytest.fixture
def grace(db) -> User:
    """An administrator like bob."""
    return new_staff("grace", "Administrators")


def made_by(bob: User) -> Customer:
    return Customer.objects.create(username="straw", creator_id=bob.pk)


def topped_up_by(bob: User) -> Customer:
    customer = Customer.objects.create(username="straw")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(20), creator_id=bob.pk)
    return customer


def adjusted_by(bob: User) -> Customer:
    customer = Customer.objects.create(username="straw")
    adjustment = {"note": "", "actor": bob, "request_key": None}
    ordering.adjust(customer, Decimal(20), **adjustment)
    return customer


def let_in_by(bob: User) -> Customer:
    customer = Customer.objects.create(username="straw")
    page = f"/admin/core/customer/{customer.pk}/portal-link/"
    assert client_of(bob).post(page).status_code == 200
    return customer


def given_a_login_by(bob: User) -> Customer:
    customer = Customer.objects.create(username="straw")
    login = User.objects.create(username="straw")
    bob.user_permissions.set(Permission.objects.filter(codename__in=("view_user",)))
    form = {"username": "straw", "user": login.pk, "active": "on"}
    client_of(User.objects.get(pk=bob.pk)).post(f"/admin/core/customer/{customer.pk}/change/", form)
    return customer


def given_a_password_by(bob: User) -> Customer:
    login = User.objects.create(username="straw")
    customer = Customer.objects.create(username="straw", user=login)
    bob.is_superuser = True
    bob.save()
    passwords = {"password1": "Kj3-of9d-Pq1", "password2": "Kj3-of9d-Pq1"}
    sent = passwords | {"usable_password": "true"}
    client_of(bob).post(f"/admin/core/user/{login.pk}/password/", sent)
    assert User.objects.get(pk=login.pk).check_password("Kj3-of9d-Pq1")
    return customer


WAYS = (made_by, topped_up_by, adjusted_by, let_in_by, given_a_login_by, given_a_password_by)


def ordered_there(customer: Customer, harbour: Site) -> Order:
    """An order that the customer placed on the portal, above the limit of customers."""
    limit(None, "4")
    customer.refresh_from_db()
    if customer.user is None:
        customer.user = User.objects.create(username="straw")
        customer.save(update_fields=["user"])
    if not customer.balance:
        ChargeRecord.objects.create(customer=customer, amount=Decimal(20))
    order = placed(customer, harbour, creator=customer.user)
    assert order.status == Status.AWAITING
    return Order.objects.get(pk=order.pk)


@pytest.mark.parametrize("way", WAYS)
def test_nobody_approves_a_portal_order_of_a_customer_of_their_own(bob, grace, harbour, way):
    order = ordered_there(way(bob), harbour)
    bob = User.objects.get(pk=bob.pk)
    for decide in (
        lambda: ordering.approve(order, bob),
        lambda: ordering.decline(order, bob, "no"),
    ):
        with pytest.raises(OrderError) as refused:
            decide()
        assert refused.value.reason.code == Code.APPROVAL_OF_OWN_CUSTOMER
    assert not order.awaits_decision_of(bob)
    bulk = ApproveOrders(BulkJob(creator=bob)).apply([order.pk])
    assert (bulk.changed, len(bulk.refused)) == ([], 1)
    order.refresh_from_db()
    assert order.status == Status.AWAITING
    ordering.approve(order, grace)
    assert order.status == Status.PENDING


@pytest.mark.parametrize("way", WAYS)
def test_after_a_while_a_customer_is_nobodys_own(bob, harbour, way):
    order = ordered_there(way(bob), harbour)
    for days, is_free in ((89, False), (91, True)):
        later = timezone.now() + timedelta(days=days)
        Order.objects.filter(pk=order.pk).update(create_date=later)
        order.refresh_from_db()
        assert order.awaits_decision_of(User.objects.get(pk=bob.pk)) is is_free


@pytest.mark.parametrize("way", WAYS)
def test_an_order_that_waits_for_long_is_not_approved_by_who_made_its_customer(bob, harbour, way):
    order = ordered_there(way(bob), harbour)
    with time_machine.travel(timezone.now() + timedelta(days=200)):
        assert not order.awaits_decision_of(User.objects.get(pk=bob.pk))


@pytest.mark.parametrize("is_parted", [False, True])
def test_a_login_that_becomes_staff_frees_nobody_of_its_orders(alice, harbour, is_parted):
    """A super administrator could make staff of the straw customer."""
    order = ordered_there(let_in_by(alice), harbour)
    if is_parted:
        FieldChange.objects.keep(
            Customer, [Difference(order.customer_id, "user", order.creator_id, None)], actor=alice
        )
        Customer.objects.update(user=None)
    User.objects.filter(pk=order.creator_id).update(is_staff=True)
    order = Order.objects.get(pk=order.pk)
    assert not order.awaits_decision_of(User.objects.get(pk=alice.pk))


@pytest.fixture
def limited_top_ups(db) -> None:
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=10_000, top_up_amount=Decimal(10))


@pytest.mark.parametrize("way", WAYS)
def test_nobody_approves_a_top_up_of_a_customer_of_their_own(bob, grace, limited_top_ups, way):
    customer = way(bob)
    bob = User.objects.get(pk=bob.pk)
    before = balance(customer)
    record = ChargeRecord(customer=customer, amount=Decimal(80), creator_id=grace.pk)
    (waiting,) = ordering.top_up_many([record], grace)
    for decide in (ordering.approve_top_up, ordering.decline_top_up):
        with pytest.raises(OrderError) as refused:
            decide(waiting, bob)
        assert refused.value.reason.code == Code.APPROVAL_OF_OWN_CUSTOMERS_MONEY
    assert not waiting.awaits_decision_of(bob)
    assert balance(customer) == before
    ordering.approve_top_up(waiting, new_staff("heidi", "Administrators"))
    assert balance(customer) == before + 80


@pytest.mark.parametrize("way", WAYS)
def test_a_correction_that_credits_a_customer_of_their_own_is_approved_by_nobody(
    bob, grace, limited_top_ups, way
):
    customer = way(bob)
    bob = User.objects.get(pk=bob.pk)
    record = ChargeRecord.objects.create(customer=customer, amount=Decimal(50))
    more = ordering.correct_top_up(record, Decimal(90), "It was more", grace)
    with pytest.raises(OrderError) as refused:
        ordering.approve_correction(more, bob)
    assert refused.value.reason.code == Code.APPROVAL_OF_OWN_CUSTOMERS_MONEY
    with pytest.raises(OrderError) as refused:
        ordering.approve_correction(more, grace)
    assert refused.value.reason.code == Code.APPROVAL_OF_OWN_CORRECTION
    ordering.decline_correction(more, new_staff("heidi", "Administrators"))
    # What takes from the customer is of no use to bob.
    less = ordering.correct_top_up(record, Decimal(30), "It was less", grace)
    ordering.approve_correction(less, bob)
    assert corrections_of(customer) == [-20]


def corrections_of(customer: Customer) -> list[Decimal]:
    found = LedgerEntry.objects.filter(customer=customer, kind=LedgerEntry.Kind.CORRECTION)
    return list(found.values_list("amount", flat=True))


def test_a_customer_who_became_staff_approves_no_top_up_of_their_own(grace, limited_top_ups):
    login = new_staff("straw", "Administrators")
    customer = Customer.objects.create(username="straw", user=login)
    record = ChargeRecord(customer=customer, amount=Decimal(80), creator_id=grace.pk)
    (waiting,) = ordering.top_up_many([record], grace)
    with pytest.raises(OrderError):
        ordering.approve_top_up(waiting, login)
    assert balance(customer) == 0


def test_many_orders_are_approved_in_as_many_statements_as_few(bob, harbour):
    limit(None, "4")
    customer = Customer.objects.create(username="straw", user=User.objects.create(username="s"))
    ChargeRecord.objects.create(customer=customer, amount=Decimal(1000))
    orders = [
        placed(customer, harbour, f"v{number}", creator=customer.user) for number in range(12)
    ]
    ids = [order.pk for order in orders]

    def statements(some: list[int]) -> int:
        with CaptureQueriesContext(connection) as queries:
            outcome = ApproveOrders(BulkJob(creator=bob)).apply(some)
        assert len(outcome.changed) == len(some)
        return len(queries)

    statements(ids[:1])  # content types are known from here on
    assert statements(ids[1:3]) == statements(ids[3:])


def test_an_order_that_a_colleague_placed_is_seen_by_two_already(bob, grace, harbour):
    limit("Administrators", "4")
    customer = topped_up_by(bob)
    order = placed(customer, harbour, creator=grace)
    assert order.awaits_decision_of(bob)


def test_the_office_says_where_the_portal_is_a_way_around_a_limit(alice):
    limit("Administrators", "4")
    client = client_of(alice)
    page = client.get("/admin/core/approvallimit/").content.decode()
    assert "Customers have no limit" in page
    assert doctor.limits().level == doctor.Level.WARNING
    limit(None, "4", active=False)
    assert doctor.limits().level == doctor.Level.WARNING
    ApprovalLimit.objects.update(active=True)
    assert (
        "Customers have no limit" not in client.get("/admin/core/approvallimit/").content.decode()
    )
    assert doctor.limits().level == doctor.Level.OK


def test_an_audit_is_no_way_around_a_limit(bob, erin, harbour):
    """Nobody approves one: it is charged at once."""
    limit("Administrators", "4")
    video = Video(harbour, "dawn")
    with pytest.raises(ordering.OrderRefusedError) as refused:
        ordering.sell_audit(video, erin, f"{harbour.origin}/videos/dawn", Decimal(5), bob)
    assert refused.value.errors.keys() == {"price"}
    assert balance(erin) == 20
    assert not Calibration.objects.exists()
    ordering.sell_audit(video, erin, f"{harbour.origin}/videos/dawn", Decimal(4), bob)
    assert balance(erin) == 16
