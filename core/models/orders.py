"""The order: what was bought, how far its delivery is, and what may be done with it.

The table of steps is core/models/flow.py; what each of them changes is decided and written in
core/models/transitions.py.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import transitions
from core.models.accounts import Customer, User
from core.models.coded import code_field, params_field
from core.models.flow import (
    CANCELABLE,
    FINAL,
    OPEN,
    RETRYABLE,
    WORKABLE,
    OrderError,
    Status,
)
from core.models.order_queries import OrderQuerySet
from core.models.sites import Site
from core.models.transitions import Transition
from core.reasons import ReasonOrText, reason_columns, reason_of

# The longest time that the plays of an order are spread over.
MAX_HOURS = 24 * 90


class Order(models.Model):
    """`count` plays of one video, bought at a frozen price.

    Plays are numbered from 1 in the order they are reserved. `sequence` is the highest number
    handed out; the last `in_flight` numbers are those whose fate is not written down yet.
    """

    oid = models.CharField(_("order number"), max_length=64, unique=True, editable=False)
    status = models.PositiveSmallIntegerField(
        _("status"), choices=Status, default=Status.PENDING, editable=False
    )
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,
    )
    url = models.CharField(_("video address"), max_length=500)
    count = models.PositiveIntegerField(_("plays"), validators=[MinValueValidator(1)])
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2, editable=False)
    unit_price = models.DecimalField(
        _("price a play"), max_digits=14, decimal_places=8, editable=False
    )
    # The bundle whose rate, or whose whole, made the price; orders from before have none.
    bundle_count = models.PositiveIntegerField(_("plays of the bundle"), null=True, editable=False)
    bundle_price = models.DecimalField(
        _("price of the bundle"), max_digits=10, decimal_places=2, null=True, editable=False
    )
    hours = models.PositiveSmallIntegerField(
        _("spread over hours"),
        default=0,
        validators=[MaxValueValidator(MAX_HOURS)],
        help_text=_("0: as fast as the site allows."),
    )
    by_day = models.BooleanField(
        _("by daily load profile"),
        default=False,
        help_text=_("More plays in the evening than at night."),
    )
    memo = models.TextField(_("memo"), blank=True, max_length=2000)
    site = models.ForeignKey(
        Site,
        verbose_name=_("site"),
        on_delete=models.PROTECT,
        related_name="orders",
        editable=False,
        db_index=False,
    )
    video_id = models.CharField(_("video"), max_length=200, editable=False)
    creator = models.ForeignKey(
        User,
        verbose_name=_("creator"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        db_index=False,
    )
    request_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    create_date = models.DateTimeField(_("created"), auto_now_add=True)
    start_date = models.DateTimeField(_("started"), null=True, editable=False)
    end_date = models.DateTimeField(_("ended"), null=True, editable=False)

    # What the site's own counter says.
    old_view_count = models.PositiveBigIntegerField(_("views before"), null=True, editable=False)
    view_count = models.PositiveBigIntegerField(_("views now"), null=True, editable=False)
    verify_until = models.DateTimeField(_("counter may lag until"), null=True, editable=False)
    # Both are decided once, when the order ends; None while it is open.
    delivered = models.PositiveIntegerField(_("delivered"), null=True, editable=False)
    refunded = models.DecimalField(
        _("refunded"), max_digits=12, decimal_places=2, null=True, editable=False
    )

    # The plays: 0 <= done + uncertain <= reserved <= count.
    sequence = models.PositiveIntegerField(_("plays numbered"), default=0, editable=False)
    reserved = models.PositiveIntegerField(_("reserved"), default=0, editable=False)
    done = models.PositiveIntegerField(_("received"), default=0, editable=False)
    failed = models.PositiveIntegerField(_("refused"), default=0, editable=False)
    uncertain = models.PositiveIntegerField(_("uncertain"), default=0, editable=False)
    resent = models.PositiveIntegerField(_("resent"), default=0, editable=False)

    # The lease: see core/models/leases.py.
    fence = models.PositiveIntegerField(_("takeovers"), default=0, editable=False)
    lease_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    due = models.DateTimeField(_("next due"), default=timezone.now, editable=False)
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0, editable=False)
    cancel_requested = models.BooleanField(
        _("cancellation requested"), default=False, editable=False
    )
    held_by_site = models.BooleanField(
        _("waits for the site's token"), default=False, editable=False
    )
    attention = models.CharField(_("needs attention"), max_length=300, blank=True, editable=False)
    attention_code = code_field()
    attention_params = params_field()

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-id",)
        permissions = [("approve_order", "Can approve and decline orders")]
        indexes = [
            models.Index(fields=["status", "-id"], name="order_status_newest"),
            models.Index(fields=["customer", "-id"], name="order_customer_newest"),
            models.Index(fields=["create_date", "id"], name="order_created"),
            # With the site at its end it also counts a status of one site by itself.
            models.Index(
                fields=["status", "create_date", "id", "site"], name="order_status_created"
            ),
            models.Index(fields=["site", "create_date", "id"], name="order_site_created"),
            models.Index(fields=["price", "create_date", "id"], name="order_price"),
            models.Index(fields=["due"], name="order_due", condition=Q(status__in=WORKABLE)),
            models.Index(
                fields=["customer"], name="order_open_customer", condition=Q(status__in=OPEN)
            ),
            models.Index(fields=["attention"], name="order_remarks", condition=Q(attention__gt="")),
            models.Index(
                fields=["attention_code"],
                name="order_remark_codes",
                condition=Q(attention_code__gt=""),
            ),
            models.Index(
                fields=["end_date", "status"],
                name="order_ended",
                condition=Q(end_date__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "video_id"], name="order_one_a_video", condition=Q(status__in=OPEN)
            ),
            models.CheckConstraint(
                condition=Q(count__gte=1, price__gte=0, reserved__lte=F("count")),
                name="order_reserved_within_count",
            ),
            models.CheckConstraint(
                condition=Q(reserved__gte=F("done") + F("uncertain")),
                name="order_done_within_reserved",
            ),
        ]

    def __str__(self) -> str:
        return self.oid

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_cancelable(self) -> bool:
        """Where FLOW leads there, and nobody has asked for it yet."""
        return self.status in CANCELABLE and not self.cancel_requested

    @property
    def is_retryable(self) -> bool:
        return self.status in RETRYABLE

    @property
    def awaits_approval(self) -> bool:
        return self.status == Status.AWAITING

    @property
    def in_flight(self) -> int:
        """Plays reserved whose outcome is not recorded: being sent, or lost in a crash."""
        return self.reserved - self.done - self.uncertain

    @property
    def rise(self) -> int | None:
        """How far the site's counter moved since before the first play; None before a reading."""
        if self.old_view_count is None or self.view_count is None:
            return None
        return self.view_count - self.old_view_count

    @property
    def proved(self) -> int:
        """Plays that the counter shows, of those we sent: never more than were sent, and not
        those of other people."""
        return max(0, min(self.rise or 0, self.done + self.uncertain))

    def begin(self, **lease: Any) -> None:
        """A pending order's first step is its claim: one UPDATE wins it and sets it running.
        Raises TransitionError where somebody else won it."""
        began = self.start_date or timezone.now()
        path = transitions.checked_path(self, Status.RUNNING)
        claimed = Transition(path, {"start_date": began, **lease})
        self.apply(claimed.with_fence(self.fence), None)

    def move(self, to: Status, *, fence: int, reason: ReasonOrText = "", **changes: Any) -> None:
        """A step of the delivery that ends nothing, for the holder of the lease with this `fence`.
        Raises TransitionError where FLOW does not lead there or another holds the order now."""
        transition = Transition(transitions.checked_path(self, to), changes, reason)
        self.apply(transition.with_fence(fence), None)

    def concerns(self, user: User) -> bool:
        """Whether this user placed the order, or it was placed for them."""
        own = getattr(user, "customer", None)  # asked for once a user, however many orders
        return user.pk == self.creator_id or (own is not None and own.pk == self.customer_id)

    def awaits_decision_of(self, user: User) -> bool:
        """Whether this user may approve or decline it: nobody does with an order that they placed
        or that is theirs."""
        return transitions.undecidable(self, user) is None

    def decline(self, actor: User, reason: str) -> None:
        """The other answer of a second person: all is refunded, and the customer reads `reason`.
        Raises OrderError where `actor` may not decide on it, and for a reason that is missing or
        too long; TransitionError where somebody changed it first."""
        self.apply(transitions.decline(self, actor, reason, timezone.now()), actor)

    @property
    def cancel_reason_is_for_customer(self) -> bool:
        """Why an order that awaited approval was not delivered is for its customer to read."""
        return self.status == Status.AWAITING

    @property
    def decline_reason(self) -> str:
        """Why an order that awaited approval was not delivered; for the customer's eyes too."""
        ends = self.events.filter(from_status=Status.AWAITING, to_status=Status.CANCELED)
        return ends.values_list("reason", flat=True).first() or ""

    def mark_seen(self) -> None:
        """A person took note of the remark. Raises OrderError where there is none any more,
        or another was written since."""
        seen = Order.objects.filter(pk=self.pk).with_remark(self.remark)
        if not self.remark or seen.update(**reason_columns("", "attention")) != 1:
            raise OrderError(
                _("The remark has changed or was already marked as seen; reload the page.")
            )
        self.reflect_update(reason_columns("", "attention"))

    @property
    def remark(self) -> ReasonOrText:
        """What a person should look at; "" where there is nothing."""
        return reason_of(self, "attention")

    def pause_for_token(self, reason: ReasonOrText, *, fence: int) -> None:
        """Pause until the site proves its token again; nothing is lost and nothing fails. Raises as
        move() does."""
        self.move(Status.PAUSED, reason=reason, fence=fence, held_by_site=True, lease_until=None)

    def resume(self, actor: User | None = None, reason: ReasonOrText = "") -> None:
        """Let a paused order go on. Raises TransitionError where it cannot."""
        self.apply(transitions.resume(self, reason), actor)

    def cancel(self, actor: User | None, reason: str = "") -> None:
        """Stop and refund what was not delivered; a running order is asked to stop, once. Raises
        TransitionError where it has ended or is being verified."""
        if transition := transitions.cancel(self, reason, timezone.now()):
            self.apply(transition, actor)

    def settle(
        self,
        to: Status,
        delivered: int,
        *,
        actor: User | None = None,
        reason: ReasonOrText = "",
        fence: int | None = None,
        through: tuple[Status, ...] = (),
        **changes: Any,
    ) -> None:
        """End the order with `delivered` plays proved, and refund the rest, in one transaction.

        Delivery gives its `fence`, so that only the lease's holder can end what it runs.
        Raises TransitionError where the order is elsewhere by now, or held by another.
        """
        path = transitions.checked_path(self, *through, to)
        now = timezone.now()
        end = transitions.end_with(self, path, delivered, now=now, reason=reason, **changes)
        self.apply(end if fence is None else end.with_fence(fence), actor)

    def apply(self, transition: Transition, actor: User | None) -> None:
        """A block of one: see transitions.apply()."""
        transitions.apply([(self, transition)], actor)

    def reflect_update(self, changes: Mapping[str, Any]) -> None:
        """Show here what an UPDATE wrote. What the database computed is read when it is asked for:
        a field that is missing from a row in memory is a deferred one to Django."""
        for name, value in changes.items():
            if hasattr(value, "resolve_expression"):
                self.__dict__.pop(name, None)
            else:
                setattr(self, name, value)
