"""The video sites that plays may go to, and every check of whose they are."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.db import clock
from core.models.accounts import User, person_field, validate_name
from core.models.fields import created_field, protected_key, reason_fields
from core.models.flow import OPEN, OrderError
from core.reasons import Code, Reason, ReasonOrText, reason_columns

# What the proof of an order's plays rests on: who answers, how the counter is read and a play is
# sent, and how a shortfall is judged. Locked while orders are open on the site.
PROOF_FIELDS = (
    *("origin", "ca_certificate", "adapter", "recipe"),
    *("resend_percent", "exact_proof"),
)
# These may be lowered meanwhile: a site that suffers must be spared at once.
CEILINGS = ("max_connections", "max_rate")
# Whose machine it is.
MACHINE_FIELDS = frozenset({"origin", "ca_certificate"})
# What may change without a new calibration: none of its findings depends on it.
UNCALIBRATED = frozenset({"resend_percent", "exact_proof"})
# What a calibration asks and plays by: locked while one runs.
MEASURED = frozenset(PROOF_FIELDS) - UNCALIBRATED


class SiteLockedError(OrderError):
    """What open orders rest on cannot be changed. `reasons`: by the name of the field."""

    def __init__(self, reasons: Mapping[str, Reason]) -> None:
        super().__init__(next(iter(reasons.values())))
        self.reasons = dict(reasons)


def changes(before: "Site", values: Mapping[str, Any]) -> set[str]:
    """Which of these fields change what plays are counted by: all that differ, but for a ceiling
    that is lowered. What is no number is the form's to refuse."""
    changed = set()
    for name, value in values.items():
        kept = getattr(before, name)
        if name in CEILINGS:
            differs = isinstance(value, int) and value > kept
        else:  # JSON knows no tuples, and no order of keys
            differs = json.dumps(value, sort_keys=True) != json.dumps(kept, sort_keys=True)
        if differs:
            changed.add(name)
    return changed


# What a site turned out to bear, and when.
LEARNED = (
    *("learned_rate", "learned_connections", "counted_connections"),
    *("counts_lost_at", "learned_at"),
)


def new_token() -> str:
    """32 hexadecimal digits, the whole body of the ownership file."""
    return secrets.token_hex(16)


class Site(models.Model):
    """A site whose owner placed our token at its address: scheme, host and port are one origin,
    subdomains and other ports are other sites."""

    name = models.CharField(_("name"), max_length=64, unique=True, validators=[validate_name])
    origin = models.CharField(
        _("address"),
        max_length=200,
        unique=True,
        help_text=_("Scheme, host and port, such as https://videos.example.com"),
    )
    adapter = models.CharField(_("kind of site"), max_length=16, default="demo")
    recipe = models.JSONField(
        _("recipe"),
        null=True,
        blank=True,
        help_text=_("How to read the count and to play, for sites of no other kind."),
    )
    ca_certificate = models.TextField(
        _("CA certificate"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "For a site whose certificate no public authority issued: the certificate of the "
            "authority that did, in PEM form. It alone is trusted there, and nowhere else."
        ),
    )
    # What the recipe's {secret:name} stand for, by name: written, used, and shown to nobody.
    secrets = models.JSONField(_("secrets"), null=True, editable=False)
    token = models.CharField(
        _("ownership token"), max_length=32, unique=True, default=new_token, editable=False
    )
    verified = models.BooleanField(_("verified"), default=False, editable=False)
    verified_at = models.DateTimeField(_("last proved"), null=True, editable=False)
    checked_at = models.DateTimeField(_("last checked"), null=True, editable=False)
    # Since when it has not answered; None where it did when it was asked last.
    unreachable_at = models.DateTimeField(_("unreachable since"), null=True, editable=False)
    max_connections = models.PositiveSmallIntegerField(
        _("most connections"),
        default=16,
        validators=[MinValueValidator(1)],
        help_text=_("Plays in flight at once. Sites that add views without a lock need 1."),
    )
    max_rate = models.PositiveIntegerField(
        _("most plays a second"),
        default=1000,
        validators=[MinValueValidator(1)],
        help_text=_("Shared by all orders that run on this site."),
    )
    resend_percent = models.PositiveSmallIntegerField(
        _("resend limit, percent"),
        default=5,
        validators=[MaxValueValidator(100)],
        help_text=_("Plays that the site answered but did not count are resent, up to this share."),
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, blank=True, default="", db_default=""
    )
    # Weekly windows in which nothing is sent, and how a day's plays are spread: booster/week.py.
    quiet_hours = models.JSONField(_("quiet hours"), null=True, blank=True)
    load_profile = models.JSONField(_("daily load profile"), null=True, blank=True)
    # What the site turned out to bear when it asked for less.
    learned_rate = models.FloatField(_("learned rate"), null=True, editable=False)
    learned_connections = models.PositiveSmallIntegerField(
        _("learned connections"), null=True, editable=False
    )
    # How many plays at once its counter takes without losing any, as far as one lost some.
    counted_connections = models.PositiveSmallIntegerField(null=True, editable=False)
    counts_lost_at = models.DateTimeField(null=True, editable=False)
    learned_at = models.DateTimeField(_("learned"), null=True, editable=False)
    # How many seconds after the last play its counter still moved by plays.
    learned_lag = models.FloatField(_("learned lag"), null=True, editable=False)
    # Whether a look at the counter moves it; None: nobody knows yet.
    counts_readings = models.BooleanField(_("counts readings"), null=True, editable=False)
    exact_proof = models.BooleanField(
        _("counts by order number"),
        default=False,
        db_default=False,
        help_text=_(
            "The site runs our package and says, for an order number, how many of its plays it "
            "counted."
        ),
    )
    # When it was last measured how the site counts; None: never, or not since what that rests on
    # changed.
    calibrated_at = models.DateTimeField(_("calibrated"), null=True, editable=False)
    # Set for sites that were added since calibrations exist: nothing is sold there before one, or
    # before somebody said that it may go without.
    must_calibrate = models.BooleanField(default=False, db_default=False, editable=False)
    active = models.BooleanField(_("active"), default=True)
    memo = models.TextField(_("memo"), blank=True, max_length=2000)

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=Q(max_connections__gte=1, max_rate__gte=1), name="site_limits_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Raises SiteLockedError for what may not change while orders are open here or a
        calibration runs. A changed address, also the recipe's second one, or authority has to be
        proved anew, and what plays are counted by to be calibrated anew, unless that is what is
        being saved."""
        written = options.get("update_fields")
        watched = (*PROOF_FIELDS, *CEILINGS)
        names = [
            name for name in watched if hasattr(self, name) and (not written or name in written)
        ]
        with transaction.atomic():
            before = self._locked_row() if self.pk and names else None
            if before is None:
                super().save(**options)
                return
            values = {name: getattr(self, name) for name in names}
            if objections := self.objections(values):
                raise SiteLockedError(objections)
            changed = changes(before, values)
            is_elsewhere = "recipe" in changed and self.second_origin != before.second_origin
            if changed & MACHINE_FIELDS or is_elsewhere:
                self.verified = False
            if changed - UNCALIBRATED and self.calibrated_at == before.calibrated_at:
                self.calibrated_at = None
            if written and changed:
                options["update_fields"] = {*written, "verified", "calibrated_at"}
            super().save(**options)

    def objections(self, values: Mapping[str, Any]) -> dict[str, Reason]:
        """Which of these new values may not be taken now, and why, by the name of the field: what
        the proof of open orders rests on, or a calibration that runs. Within a transaction neither
        is begun meanwhile."""
        with transaction.atomic():
            before = self._locked_row()
            changed = set() if before is None else changes(before, values)
            orders = self.orders.filter(status__in=OPEN).count() if changed else 0
            measured = changed & MEASURED
            calibrates = bool(measured) and self.calibrations.workable().exists()
        if orders:
            return {
                name: Reason.of(
                    Code.CEILING_LOCKED if name in CEILINGS else Code.SITE_LOCKED, orders=orders
                )
                for name in changed
            }
        return dict.fromkeys(measured, Reason.of(Code.SITE_CALIBRATES)) if calibrates else {}

    def measures_as(self, other: "Site") -> bool:
        """Whether what a calibration found of one is true of the other."""
        return not changes(other, {name: getattr(self, name) for name in MEASURED})

    def _locked_row(self) -> "Site | None":
        """As it is kept. Whoever places an order here waits for the transaction's end."""
        return Site.objects.select_for_update().filter(pk=self.pk).first()

    @property
    def second_origin(self) -> str:
        """The address besides that its recipe names, which has to show the token as well; "" where
        it names none."""
        recipe = self.recipe if isinstance(self.recipe, dict) else {}
        return str(recipe.get("second_origin") or "")

    @property
    def awaits_calibration(self) -> bool:
        """Whether nothing is sold here until it is known how the site counts."""
        return self.must_calibrate and self.calibrated_at is None

    def waive_calibration(self) -> bool:
        """Sell here without one. Returns False where that was so already."""
        rows = Site.objects.filter(pk=self.pk, must_calibrate=True, calibrated_at__isnull=True)
        return rows.update(must_calibrate=False) == 1

    @property
    def has_learned(self) -> bool:
        """Whether it was found to take less than its operator allows."""
        return bool(self.learned_rate or self.learned_connections or self.counted_connections)

    def forget_learned(self) -> bool:
        """Also running orders find out anew what it takes. Returns False where there is nothing."""
        nothing = dict.fromkeys(LEARNED)
        if not Site.objects.filter(pk=self.pk).exclude(**nothing).update(**nothing):
            return False
        for name in LEARNED:
            setattr(self, name, None)
        return True

    def forget_lag(self) -> bool:
        """Orders wait as its kind or recipe says. Returns False where no more was learned."""
        return Site.objects.filter(pk=self.pk, learned_lag__gt=0).update(learned_lag=None) == 1

    def record_check(
        self,
        outcome: "SiteCheck.Outcome",
        *,
        method: str = "",
        reason: ReasonOrText = "",
        actor: User | None = None,
    ) -> "SiteCheck":
        """A site that could not be reached has not lost its token: `verified` stays as it was."""
        now = clock.now()
        self.checked_at = now
        if outcome == SiteCheck.Outcome.UNREACHABLE:
            self.unreachable_at = self.unreachable_at or now
        else:
            self.unreachable_at = None
            self.verified = outcome == SiteCheck.Outcome.PROVED
        if self.verified and outcome == SiteCheck.Outcome.PROVED:
            self.verified_at = now
        with transaction.atomic():
            self.save(update_fields=["verified", "checked_at", "verified_at", "unreachable_at"])
            return SiteCheck.objects.create(
                site=self, outcome=outcome, method=method, creator=actor, **reason_columns(reason)
            )


class SiteCheck(models.Model):
    """One look at whether a site still carries our token."""

    class Outcome(models.IntegerChoices):
        PROVED = 1, _("proved")
        LOST = 2, _("not proved")
        UNREACHABLE = 3, _("not reachable")

    site = protected_key(Site, _("site"), related_name="checks", db_index=False)
    create_date = created_field(_("checked"))
    outcome = models.PositiveSmallIntegerField(_("outcome"), choices=Outcome)
    method = models.CharField(_("proved by"), max_length=16, blank=True)
    reason, reason_code, reason_params = reason_fields(_("reason"))
    creator = person_field(_("asked by"))

    class Meta:
        verbose_name = _("site check")
        verbose_name_plural = _("site checks")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["site", "-id"], name="sitecheck_site_newest"),
            models.Index(fields=["outcome", "-id"], name="sitecheck_outcome_newest"),
            models.Index(fields=["create_date", "id"], name="sitecheck_created"),
        ]

    def __str__(self) -> str:
        return f"{self.site} {self.create_date:%Y-%m-%d %H:%M:%S}"
