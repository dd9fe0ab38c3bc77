"""How a site was found to count, by a few plays in stages; kept for as long as the site. `figures`
is all that was done and read so far, so that another consumer goes on where one stopped. Between
two steps that are far apart nobody holds it."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.db import clock
from core.models.accounts import Customer, User
from core.models.fields import amount_field, created_field, protected_key, reason_fields
from core.models.flow import OrderError
from core.models.history import FieldChange
from core.models.jobs import Job, JobQuerySet
from core.models.ledger import Fact, LedgerEntry
from core.models.orders import Order
from core.models.sites import Site, SiteLockedError
from core.reasons import Code, Reason, reason_columns

UNCLEAR = "counting_unclear"  # the finding that nothing was found out
# What a calibration may propose, and the site keeps.
SETTINGS = ("max_connections", "max_rate", "resend_percent", "counts_readings", "learned_lag")


class CalibrationQuerySet(JobQuerySet):
    def due(self) -> Self:
        """Those whose next step has come, held by nobody."""
        return super().due().filter(Q(next_at__isnull=True) | Q(next_at__lte=Now()))

    def videos_held(self, videos: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of these (site, video) are measured: an order there would spoil it."""
        if not videos:
            return set()
        return set(self.workable().order_by().values_list("site_id", "video_id")) & set(videos)

    def workable(self) -> Self:
        return self.filter(status__in=Calibration.WORKABLE)

    def latest_of(self, site: Site) -> "Calibration | None":
        """The newest that came to its end."""
        found: Calibration | None = self.filter(site=site, status=Calibration.Status.DONE).first()
        return found


class Calibration(Job):
    """`figures`: a record of booster/proof/calibration. `findings`: its codes with parameters.
    `settings`: what it proposes, by the names of SETTINGS. `oid`: what its plays say they are."""

    class Status(models.IntegerChoices):
        RUNNING = 1, _("in progress")
        DONE = 2, _("done")
        CANCELED = 3, _("stopped")
        FAILED = 4, _("failed")

    WORK, WORKS = "status", Status
    WORKABLE = (Status.RUNNING,)
    FINAL = (Status.DONE, Status.CANCELED, Status.FAILED)
    CANCELED = Status.CANCELED

    site = protected_key(Site, _("site"), related_name="calibrations")
    url = models.CharField(_("video address"), max_length=500)
    video_id = models.CharField(max_length=200)
    status = models.PositiveSmallIntegerField(_("status"), choices=Status, default=Status.RUNNING)
    stage = models.CharField(_("stage"), max_length=16, blank=True)
    next_at = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    figures: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    findings: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    settings: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    exact_proof = models.BooleanField(null=True)
    # An audit is a calibration that a customer buys.
    customer = protected_key(Customer, _("customer"), null=True, related_name="audits")
    price = amount_field(_("price"), null=True, validators=[MinValueValidator(Decimal("0.01"))])
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    taken_at = models.DateTimeField(_("settings taken"), null=True)
    reason, reason_code, reason_params = reason_fields(_("reason"))
    create_date = created_field(_("started"))

    objects = CalibrationQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")
        ordering = ("-id",)
        default_permissions = ()  # whoever sees sites sees how they count
        constraints = [
            # 1 is WORKABLE: two at once would take each other's plays for other people's.
            models.UniqueConstraint(
                fields=["site", "video_id"], condition=Q(status=1), name="one_calibration_a_video"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} #{self.pk}"

    @property
    def oid(self) -> str:
        # A site remembers the keys of plays for longer than an office may live: dated, none comes
        # twice.
        return f"calibration-{self.pk}-{self.create_date:%Y%m%d%H%M%S%f}"

    @property
    def reasons(self) -> list[Reason]:
        return [Reason(row["code"], row["params"]) for row in self.findings]

    def ask_to_stop(self) -> bool:
        """Before the next step; one that waits is due now. Returns False where it has ended."""
        rows = Calibration.objects.filter(pk=self.pk, status=self.Status.RUNNING)
        return rows.update(stop_requested=True, next_at=None) == 1

    @property
    def is_asked_to_stop(self) -> bool:
        return Calibration.objects.filter(pk=self.pk, stop_requested=True).exists()

    def end(self, status: int, *, exact_proof: bool | None = None, **changes: Any) -> None:
        """With what it found, in one transaction with what follows from it: the site's date of it,
        and, where an audit found nothing out, its price back to the customer. It failed where the
        site is no more the one that was measured."""
        now = clock.now()
        with transaction.atomic():
            kept = Site.objects.select_for_update(no_key=True).get(pk=self.site_id)
            if status == self.Status.DONE and not kept.measures_as(self.site):
                status = self.Status.FAILED
                changes |= reason_columns(Reason.of(Code.CALIBRATION_OUTDATED))
            self.release(status=status, end_date=now, exact_proof=exact_proof, **changes)
            if status == self.Status.DONE:
                measured: dict[str, Any] = {"calibrated_at": now}
                found = {"exact_proof": exact_proof}
                # What open orders are proved by stays as it is.
                if exact_proof is not None and not self.site.objections(found):
                    measured |= found
                Site.objects.filter(pk=self.site_id).update(**measured)
            if self.customer_id and self.price and not self.is_owed:
                LedgerEntry.objects.post(
                    kind=LedgerEntry.Kind.REFUND,
                    customer_id=self.customer_id,
                    amount=self.price,
                    reference=Fact.AUDIT_REFUND.of(self.pk),
                    note=str(self),
                )

    @property
    def is_owed(self) -> bool:
        """Whether an audit is worth its price: it came to its end and says how the counter counts.
        One that runs is owed as long as it does."""
        if self.status == self.Status.DONE:
            return all(row["code"] != UNCLEAR for row in self.findings)
        return self.status == self.Status.RUNNING

    def take_settings(self, actor: User | None) -> dict[str, Any]:
        """Let the site have what was proposed; returns what changed. Ceilings are only lowered:
        what the site bears beyond sixty plays is nothing that they show. Raises OrderError where it
        is not the site's latest or the site was changed since, SiteLockedError while open orders
        rest on what would change."""
        with transaction.atomic():
            site = Site.objects.select_for_update().get(pk=self.site_id)
            latest = Calibration.objects.latest_of(site)
            if latest is None or latest.pk != self.pk:
                raise OrderError(Reason.of(Code.CALIBRATION_NOT_LATEST))
            if site.calibrated_at is None:
                raise OrderError(Reason.of(Code.CALIBRATION_OUTDATED))
            wanted = {name: value for name, value in self.settings.items() if name in SETTINGS}
            for name in ("max_connections", "max_rate", "resend_percent"):
                if name in wanted:
                    wanted[name] = min(wanted[name], getattr(site, name))
            changed = {
                name: value for name, value in wanted.items() if getattr(site, name) != value
            }
            if objections := site.objections(changed):
                raise SiteLockedError(objections)
            for name, value in changed.items():
                setattr(site, name, value)
            with FieldChange.objects.kept(site, sorted(changed), actor=actor):
                Site.objects.filter(pk=site.pk).update(**changed)
            Calibration.objects.filter(pk=self.pk).update(taken_at=clock.now())
        return changed


def start(
    site: Site,
    url: str,
    video_id: str,
    creator: Any,
    *,
    customer: Customer | None = None,
    price: Decimal | None = None,
    request_key: UUID | None = None,
) -> Calibration:
    """Begin one; for a `customer` it is an audit, and charged its `price` with the row. Raises
    OrderError where the video is in use, by an order or another calibration, and
    PostingRefusedError; nothing is charged then."""
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)
        if Order.objects.open_on(site, video_id).exists():
            raise OrderError(Reason.of(Code.VIDEO_BUSY))
        if Calibration.objects.workable().filter(site=site, video_id=video_id).exists():
            raise OrderError(Reason.of(Code.CALIBRATION_RUNS))
        calibration = Calibration.objects.create(
            site=site,
            url=url,
            video_id=video_id,
            creator=creator,
            start_date=clock.now(),
            customer=customer,
            price=price,
            request_key=request_key,
        )
        if customer is not None and price:
            LedgerEntry.objects.post(
                kind=LedgerEntry.Kind.ORDER,
                customer_id=customer.pk,
                amount=-price,
                reference=Fact.AUDIT.of(calibration.pk),
                creator_id=creator.pk,
                note=str(calibration),
            )
        return calibration
