"""The order: what was bought, how far its delivery is, and what may be done with it. Its steps:
flow.py; what each of them changes: transitions.py."""

import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.db.blocks import is_expression
from core.db.lookups import Ending, InArray, InStatuses
from core.models.accounts import Customer, User, person_field
from core.models.approvals import came_by_portal, is_close_to, undecidable
from core.models.fields import amount_field, created_field, protected_key, reason_fields
from core.models.flow import (
    CANCELABLE,
    FINAL,
    OPEN,
    PAUSABLE,
    RETRYABLE,
    WORKABLE,
    OrderError,
    Status,
    already_ended,
)
from core.models.pauses import Pause
from core.models.sites import Site
from core.reasons import Code, Reason, ReasonOrText, reason_columns, reason_of

# The longest time that the plays of an order are spread over, and how far off its start may be.
MAX_HOURS = 24 * 90
MAX_DAYS_AHEAD = 90
# Of a running order, what people want that is done by who delivers it.
ASKED_TO_STOP = Q(status=Status.RUNNING) & (Q(cancel_requested=True) | Q(pause_requested=True))
# Each has an index of its own.
REMARKED = Q(attention__gt="") | Q(attention_code__gt="")


class OrderQuerySet(models.QuerySet["Order"]):
    def with_names(self) -> "OrderQuerySet":
        """What a listing shows of other tables, in one query."""
        return self.select_related("customer", "site", "creator")

    def open(self) -> "OrderQuerySet":
        return self.filter(InStatuses(F("status"), OPEN))

    def open_on(self, site: Site | int, video_id: str) -> "OrderQuerySet":
        """The order that holds a video, if one does: the ground for refusing another."""
        return self.open().filter(site=site, video_id=video_id).order_by().only("pk")

    def videos_held(self, videos: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of these, each a site's id and a video of it, an open order holds."""
        if not videos:
            return set()
        sites, names = map(sorted, map(set, zip(*videos, strict=True)))
        held = self.open().filter(InArray(F("video_id"), names), site__in=sites)
        return set(held.order_by().values_list("site_id", "video_id")) & set(videos)

    def needing_a_person(self) -> "OrderQuerySet":
        """With a remark nobody has marked as seen, ended or not; or waiting for approval. Their
        ids first, on indexes alone: SQLite would walk all orders in the order of the list."""
        waiting = self.model.objects.filter(REMARKED | Q(status=Status.AWAITING))
        return self.filter(pk__in=waiting.values("pk"))

    def remarked(self) -> "OrderQuerySet":
        return self.filter(REMARKED)

    def with_remark(self, remark: ReasonOrText) -> "OrderQuerySet":
        kept = reason_columns(remark, "attention")
        params = kept.pop("attention_params")
        # To Django, None in a filter is JSON's own null.
        same = {"attention_params": params} if params else {"attention_params__isnull": True}
        return self.filter(**kept, **same)

    def free_to_claim(self) -> "OrderQuerySet":
        """Due, and leased to nobody. The database's clock decides: hosts' clocks differ."""
        return self.filter(
            InStatuses(F("status"), WORKABLE),
            Q(lease_until__isnull=True) | Q(lease_until__lt=Now()),
            due__lte=Now(),
        )

    def without_paused(self) -> "OrderQuerySet":
        """Without those whose site, or the whole office, people paused; what is only proved goes
        on there, and so does what people want stopped: somebody has to do it."""
        goes_on = Q(status=Status.VERIFYING) | ASKED_TO_STOP
        return self.filter(~Q(Pause.objects.of_site("site")) | goes_on)

    def waiting_for(self, site: Site, longest: float) -> "OrderQuerySet":
        """Those that wait because the site is down, of which none waits for more than `longest`
        seconds; what does waits for something else."""
        return self.filter(
            site=site,
            status__in=(Status.PENDING, Status.RUNNING),
            lease_until__isnull=True,
            due__lte=Now() + timedelta(seconds=longest),
        )

    def closely_concerning(self, user: User, ids: Collection[int]) -> set[int]:
        """Which of these came by the portal for customers who are close to this user."""
        found = self.filter(came_by_portal(), is_close_to(user.pk), pk__in=ids)
        return set(found.order_by().values_list("pk", flat=True))


class Order(models.Model):
    """`count` plays of one video, bought at a frozen price. Plays are numbered from 1 as they are
    reserved: `sequence` is the highest number; of the last `in_flight` numbers it is not written
    down yet what became of them."""

    oid = models.CharField(_("order number"), max_length=64, unique=True, editable=False)
    status = models.PositiveSmallIntegerField(
        _("status"), choices=Status, default=Status.PENDING, editable=False
    )
    customer = protected_key(Customer, _("customer"), related_name="orders", db_index=False)
    url = models.CharField(_("video address"), max_length=500)
    count = models.PositiveIntegerField(_("plays"), validators=[MinValueValidator(1)])
    price = amount_field(_("price"), digits=12, editable=False)
    unit_price = models.DecimalField(
        _("price a play"), max_digits=14, decimal_places=8, editable=False
    )
    # The bundle whose rate, or whose whole, made the price; orders from before have none.
    bundle_count = models.PositiveIntegerField(_("plays of the bundle"), null=True, editable=False)
    bundle_price = amount_field(_("price of the bundle"), null=True, editable=False)
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
    planned_start = models.DateTimeField(
        _("start"), null=True, blank=True, help_text=_("Empty: at once.")
    )
    memo = models.TextField(_("memo"), blank=True, max_length=2000)
    site = protected_key(Site, _("site"), related_name="orders", editable=False, db_index=False)
    video_id = models.CharField(_("video"), max_length=200, editable=False)
    # What its site calls the video; "" where it did not say, or was not asked.
    video_title = models.CharField(
        _("video title"), max_length=200, blank=True, default="", db_default="", editable=False
    )
    creator = person_field(_("creator"), editable=False, db_index=False)
    request_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    create_date = created_field(_("created"))
    start_date = models.DateTimeField(_("started"), null=True, editable=False)
    end_date = models.DateTimeField(_("ended"), null=True, editable=False)

    # What the site's own counter says.
    old_view_count = models.PositiveBigIntegerField(_("views before"), null=True, editable=False)
    view_count = models.PositiveBigIntegerField(_("views now"), null=True, editable=False)
    verify_until = models.DateTimeField(_("counter may lag until"), null=True, editable=False)
    # What its readings tell of other people's views: booster/proof/watch.py.
    watch = models.JSONField(null=True, editable=False)
    # By what its end was proved, and how surely.
    proof, proof_code, proof_params = reason_fields(None, default="", db_default="", editable=False)
    # Both are decided once, when the order ends; None while it is open.
    delivered = models.PositiveIntegerField(_("delivered"), null=True, editable=False)
    refunded = amount_field(_("refunded"), digits=12, null=True, editable=False)

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
    # Which round claimed it last.
    holder = models.CharField(
        _("round"), max_length=200, blank=True, default="", db_default="", editable=False
    )
    due = models.DateTimeField(_("next due"), db_default=Now(), editable=False)
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0, editable=False)
    cancel_requested = models.BooleanField(
        _("cancellation requested"), default=False, editable=False
    )
    pause_requested = models.BooleanField(
        _("pause requested"), db_default=False, default=False, editable=False
    )
    # People paused it at this moment; None while it is not paused, or waits for a token.
    paused_at = models.DateTimeField(null=True, editable=False)
    # For how long people paused it, or its site, since it began: its deadline is so much later.
    paused_seconds = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    # A drip plan that was paused and shall not catch up goes on so much later.
    shift_seconds = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    # How the site answered: {status: answers}, plays that were sent again included.
    answers = models.JSONField(_("answers"), null=True, editable=False)
    held_by_site = models.BooleanField(
        _("waits for the site's token"), default=False, editable=False
    )
    attention, attention_code, attention_params = reason_fields(
        _("needs attention"), editable=False
    )

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
            models.Index(fields=["creator", "create_date", "id"], name="order_creator_created"),
            models.Index(Ending("oid"), F("id").desc(), name="order_number_end"),
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
        return self.why_not_retried() is None

    def why_not_retried(self) -> Reason | None:
        """None where it goes on by itself or with its site: a person may ask for that to be now."""
        if self.is_final:
            return already_ended(self.status)
        if self.status not in RETRYABLE:
            return Reason.of(Code.AWAITS_APPROVAL)
        if self.is_paused_by_people:
            return Reason.of(Code.PAUSED_BY_PEOPLE)
        return Reason.of(Code.STARTS_LATER) if self.starts_later else None

    @property
    def is_paused_by_people(self) -> bool:
        return self.status == Status.PAUSED and not self.held_by_site

    @property
    def is_pausable(self) -> bool:
        """Also what waits for a token: it goes on no more by itself then."""
        if self.pause_requested or self.cancel_requested:
            return False
        return self.status in PAUSABLE or (self.status == Status.PAUSED and self.held_by_site)

    @property
    def is_resumable(self) -> bool:
        """Whether people paused it, or asked for that."""
        return self.is_paused_by_people or (self.pause_requested and self.status in PAUSABLE)

    @property
    def starts_later(self) -> bool:
        is_planned = self.planned_start is not None and self.planned_start > timezone.now()
        return is_planned and self.start_date is None and not self.is_final

    @property
    def awaits_approval(self) -> bool:
        return self.status == Status.AWAITING

    @property
    def sent(self) -> int:
        """Plays that the site received, surely or perhaps."""
        return self.done + self.uncertain

    @property
    def in_flight(self) -> int:
        """Plays reserved whose outcome is not recorded: being sent, or lost in a crash."""
        return self.reserved - self.sent

    @property
    def rise(self) -> int | None:
        """Of the site's counter since before the first play; None before a reading."""
        if self.old_view_count is None or self.view_count is None:
            return None
        return self.view_count - self.old_view_count

    def last_reason(self) -> ReasonOrText:
        last = self.events.order_by("-id").first()
        return reason_of(last) if last else ""

    def awaits_decision_of(self, user: User) -> bool:
        return undecidable(self, user) is None

    @property
    def decline_reason(self) -> str:
        """Of one that awaited approval; its customer reads it too."""
        ends = self.events.filter(from_status=Status.AWAITING, to_status=Status.CANCELED)
        return ends.values_list("reason", flat=True).first() or ""

    def mark_seen(self) -> None:
        """Take away the remark. Raises OrderError where there is none, or another since."""
        seen = Order.objects.filter(pk=self.pk).with_remark(self.remark)
        if not self.remark or seen.update(**reason_columns("", "attention")) != 1:
            raise OrderError(
                _("The remark has changed or was already marked as seen; reload the page.")
            )
        self.reflect_update(reason_columns("", "attention"))

    @property
    def is_being_verified(self) -> bool:
        return self.status == Status.VERIFYING

    @property
    def is_being_settled(self) -> bool:
        """Canceled, and its counter has to say yet what is paid for."""
        return self.status == Status.VERIFYING and self.cancel_requested

    @property
    def proof_note(self) -> ReasonOrText:
        """By what its end was proved, and how surely; "" where nothing is kept of that."""
        return reason_of(self, "proof")

    @property
    def remark(self) -> ReasonOrText:
        """What a person should look at; "" where there is nothing."""
        return reason_of(self, "attention")

    def reflect_update(self, changes: Mapping[str, Any]) -> None:
        """Show here what an UPDATE wrote. What the database computed is read when it is asked for:
        a field that is missing from a row in memory is a deferred one to Django."""
        for name, value in changes.items():
            if is_expression(value):
                self.__dict__.pop(name, None)
            else:
                setattr(self, name, value)
