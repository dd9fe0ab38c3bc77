"""The video sites that plays may go to, and every check of whose they are."""

import secrets

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models.accounts import User, validate_name
from core.models.coded import code_field, params_field
from core.reasons import ReasonOrText, reason_columns


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
    token = models.CharField(
        _("ownership token"), max_length=32, unique=True, default=new_token, editable=False
    )
    verified = models.BooleanField(_("verified"), default=False, editable=False)
    verified_at = models.DateTimeField(_("last proved"), null=True, editable=False)
    checked_at = models.DateTimeField(_("last checked"), null=True, editable=False)
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

    def record_check(
        self,
        outcome: "SiteCheck.Outcome",
        *,
        method: str = "",
        reason: ReasonOrText = "",
        actor: User | None = None,
    ) -> "SiteCheck":
        """Write down what a check found. A site that could not be reached has not lost its token:
        whether it is verified stays as it was."""
        now = timezone.now()
        self.checked_at = now
        if outcome != SiteCheck.Outcome.UNREACHABLE:
            self.verified = outcome == SiteCheck.Outcome.PROVED
        if self.verified and outcome == SiteCheck.Outcome.PROVED:
            self.verified_at = now
        with transaction.atomic():
            self.save(update_fields=["verified", "checked_at", "verified_at"])
            return SiteCheck.objects.create(
                site=self, outcome=outcome, method=method, creator=actor, **reason_columns(reason)
            )


class SiteCheck(models.Model):
    """One look at whether a site still carries our token."""

    class Outcome(models.IntegerChoices):
        PROVED = 1, _("proved")
        LOST = 2, _("not proved")
        UNREACHABLE = 3, _("not reachable")

    site = models.ForeignKey(
        Site,
        verbose_name=_("site"),
        on_delete=models.PROTECT,
        related_name="checks",
        db_index=False,
    )
    create_date = models.DateTimeField(_("checked"), auto_now_add=True)
    outcome = models.PositiveSmallIntegerField(_("outcome"), choices=Outcome)
    method = models.CharField(_("proved by"), max_length=16, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    reason_code = code_field()
    reason_params = params_field()
    creator = models.ForeignKey(
        User, verbose_name=_("asked by"), on_delete=models.PROTECT, null=True, related_name="+"
    )

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
