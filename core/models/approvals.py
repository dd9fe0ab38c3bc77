"""Four eyes: how much somebody may order or pay in without asking a second person, and who may
approve or decline what is above that.

Whose limit holds
- staff: the largest limit of their groups, as rights of groups add up; in no group that has one,
  none holds. Super administrators too: a group puts them under a limit;
- customers, for orders they place themselves: the limit without a group;
- nobody, for orders that a command places: who has a shell on the host has the database as well.
An upload's rows are its uploader's orders. Each order counts alone; one at the limit passes.

Who decides: who has the right (APPROVE_ORDER, DECLINE_ORDER and APPROVE_TOP_UP, which asks
`awaits_decision_of()` here) and is somebody else. An order of the portal, and what is credited
above a limit, is also the own one of whoever lately made that customer, paid in for them or opened
their login: one person could be all of these. An audit is charged at once: nobody sells one above
their limit.
"""

from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import CharField, DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_lazy as _

from core.db import clock
from core.models.accounts import Administrator, Customer, User, person_field
from core.models.fields import amount_field, created_field, protected_key
from core.models.flow import OrderError, Status, status_reason
from core.models.history import FieldChange
from core.models.ledger import LedgerEntry
from core.reasons import Code, Reason

if TYPE_CHECKING:
    from core.models.orders import Order


def requires_approval(price: Decimal, limit: Decimal | None) -> bool:
    """Whether an order at this price waits for somebody else, under this limit or None."""
    return limit is not None and price > limit


def undecidable(order: "Order", actor: User, close: Collection[int] | None = None) -> Reason | None:
    """Why `actor` may not approve or decline the order. None where they may. `close`: which orders
    concern them closely, by id; None: it is asked for this one."""
    if order.status != Status.AWAITING:
        return Reason.of(Code.AWAITS_NO_APPROVAL, status=status_reason(order.status))
    own = getattr(actor, "customer", None)  # asked for once a user, however many orders
    if actor.pk == order.creator_id or (own is not None and own.pk == order.customer_id):
        return Reason.of(Code.APPROVAL_OF_OWN_ORDER)
    if close is None:
        close = type(order).objects.closely_concerning(actor, [order.pk])
    if order.pk in close:
        return Reason.of(Code.APPROVAL_OF_OWN_CUSTOMER, days=settings.FOUR_EYES_DAYS)
    return None


def is_close_to(user_id: int, customer: str = "customer") -> Q:
    """Of rows with a `create_date` and a `customer`: whether this person made the customer, paid in
    for them, or opened their login, by a link, a password or a choice, within FOUR_EYES_DAYS before
    the row was made, or since: who waits is not freed of what they did."""
    earlier = OuterRef("create_date") - timedelta(days=settings.FOUR_EYES_DAYS)
    since = ExpressionWrapper(earlier, DateTimeField())
    theirs, login = OuterRef(f"{customer}_id"), Cast(OuterRef(f"{customer}__user"), CharField())
    logins = ContentType.objects.get_for_models(User, Administrator, for_concrete_models=False)
    made = Customer.objects.filter(pk=theirs, creator=user_id, create_date__gte=since)
    paid_in = LedgerEntry.objects.filter(
        customer=theirs, creator=user_id, create_date__gte=since, amount__gt=0
    ).exclude(kind=LedgerEntry.Kind.REFUND)
    opened = FieldChange.objects.filter(
        content_type=ContentType.objects.get_for_model(Customer),
        object_id=theirs,
        field__in=("user", "invited"),
        creator=user_id,
        create_date__gte=since,
    )
    changed_login = LogEntry.objects.filter(
        content_type__in=logins.values(), object_id=login, user=user_id, action_time__gte=since
    )
    return Q(Exists(made)) | Q(Exists(paid_in)) | Q(Exists(opened)) | Q(Exists(changed_login))


def came_by_portal() -> Q:
    """Of orders: whether their customers placed them themselves. Also by a login that became staff,
    or another customer's, since."""
    login = Cast(OuterRef("creator"), CharField())
    had_it = FieldChange.objects.filter(
        Q(before=login) | Q(after=login),
        content_type=ContentType.objects.get_for_model(Customer),
        object_id=OuterRef("customer_id"),
        field="user",
    )
    return Q(creator__is_staff=False) | Q(customer__user=F("creator")) | Q(Exists(had_it))


class ApprovalLimitQuerySet(models.QuerySet["ApprovalLimit"]):
    def of(self, user: User | None) -> Decimal | None:
        """The most that one order of this user may cost without approval; None: any price."""
        if user is None:
            return None
        whose = Q(group__user=user) if user.is_staff else Q(group=None)
        largest = self.filter(whose, active=True).order_by("-amount")
        return largest.values_list("amount", flat=True).first()

    def of_top_ups(self, user: User | None) -> Decimal | None:
        """The most that one top-up of this user may be without approval; None: any amount."""
        if user is None:
            return None
        theirs = self.filter(group__user=user, active=True, top_up_amount__isnull=False)
        return theirs.order_by("-top_up_amount").values_list("top_up_amount", flat=True).first()

    def leave_portal_open(self) -> bool:
        """Whether some of the staff have a limit and customers have none: who makes a customer, or
        has the login of one, orders there without a second person."""
        limits = set(self.filter(active=True).values_list("group", flat=True))
        return bool(limits) and None not in limits


class ApprovalLimit(models.Model):
    """Orders of a group's administrators above `amount` await approval; without a group, those
    that customers place themselves. Changing it moves no order that was placed before."""

    # A group that goes would let its people order without limit.
    group = protected_key(
        Group,
        _("group"),
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: customers, for orders that they place themselves."),
    )
    amount = amount_field(
        _("amount"),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_(
            "Orders above this amount need a second person's approval. 0: every order does."
        ),
    )
    top_up_amount = amount_field(
        _("amount of a top-up"),
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Top-ups above this amount need a second person's approval. Empty: none does."),
    )
    active = models.BooleanField(_("active"), default=True)

    objects = ApprovalLimitQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval limit")
        verbose_name_plural = _("approval limits")
        ordering = ("group__name",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="approval_limit_not_negative"),
            models.CheckConstraint(
                condition=Q(top_up_amount__isnull=True) | Q(top_up_amount__gte=0),
                name="top_up_limit_not_negative",
            ),
            # Without a group it is one of its kind as well; ids begin at 1.
            models.UniqueConstraint(
                Coalesce("group", 0),
                name="approval_limit_one_a_group",
                violation_error_message=_("There is already a limit for this group."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.whose} ≤ {self.amount}"

    @property
    def whose(self) -> str:
        return self.group.name if self.group else str(_("customers"))


class FourEyesModel(models.Model):
    """What moves money above a limit: one person enters it, and a second one decides on it."""

    class Status(models.IntegerChoices):
        AWAITING = 1, _("awaiting approval")
        APPROVED = 2, _("approved")
        DECLINED = 3, _("declined")

    creator = protected_key(User, _("creator"), related_name="+")
    create_date = created_field(_("created"), db_index=True)
    status = models.PositiveSmallIntegerField(
        _("status"), choices=Status, default=Status.AWAITING, editable=False
    )
    decider = person_field(_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        abstract = True

    # The path to whose money it is, and why its creator does not decide on it, nor that customer.
    customer_path: ClassVar[str] = "customer"
    own: ClassVar[Code] = Code.APPROVAL_OF_OWN_TOP_UP

    @property
    def awaits_approval(self) -> bool:
        return self.status == self.Status.AWAITING

    def undecidable(self, user: User) -> Reason | None:
        """Why `user` may not decide on it. None where they may."""
        if not self.awaits_approval:
            return Reason.of(Code.TOP_UP_DECIDED)
        if user.pk == self.creator_id:
            return Reason.of(self.own)
        row = type(self)._default_manager.filter(pk=self.pk)
        if row.filter(**{f"{self.customer_path}__user": user.pk}).exists():
            return Reason.of(self.own)
        # What takes money away from a customer is of no use to who has one of their own making.
        if row.filter(Q(amount__gt=0) & is_close_to(user.pk, self.customer_path)).exists():
            days = settings.FOUR_EYES_DAYS
            return Reason.of(Code.APPROVAL_OF_OWN_CUSTOMERS_MONEY, days=days)
        return None

    def awaits_decision_of(self, user: User) -> bool:
        return self.undecidable(user) is None

    def decide(self, status: "FourEyesModel.Status", actor: User) -> None:
        """One decision, of somebody else. Raises OrderError where it is not theirs to make, or was
        made. What it moves is booked in the same transaction: see core/ordering."""
        if reason := self.undecidable(actor):
            raise OrderError(reason)
        decided = clock.now()
        waiting = type(self)._default_manager.filter(pk=self.pk, status=self.Status.AWAITING)
        if waiting.update(status=status, decider=actor, decided_at=decided) != 1:
            raise OrderError(Reason.of(Code.TOP_UP_DECIDED))
        self.status, self.decider, self.decided_at = status, actor, decided

    @classmethod
    def withdraw(cls, ids: Collection[int], actor: User) -> None:
        """Decline those of these that still wait, whoever entered them: an import is undone."""
        waiting = cls._default_manager.filter(pk__in=ids, status=cls.Status.AWAITING)
        waiting.update(status=cls.Status.DECLINED, decider=actor, decided_at=clock.now())
