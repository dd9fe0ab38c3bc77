"""Top-ups above their creator's limit: they credit nobody until a second person approves them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models.accounts import Customer
from core.models.approvals import FourEyesModel
from core.models.billing import REFERENCE_LENGTH, ChargeRecord, PaymentMethod
from core.models.fields import amount_field, protected_key


class WaitingTopUp(FourEyesModel):
    """What a top-up would be. Approved, it is one: `charge`."""

    customer = protected_key(Customer, _("customer"), related_name="+")
    amount = amount_field(_("amount"))
    method = models.PositiveSmallIntegerField(
        _("paid by"), choices=PaymentMethod, null=True, blank=True
    )
    memo = models.CharField(_("memo"), max_length=200, blank=True)
    reference = models.CharField(  # noqa: DJ001 - as a top-up's
        _("reference"), max_length=REFERENCE_LENGTH, null=True, blank=True
    )
    # As a top-up's, which gets it.
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    charge = models.OneToOneField(
        ChargeRecord, verbose_name=_("top-up"), on_delete=models.PROTECT, null=True
    )

    class Meta:
        verbose_name = _("top-up above a limit")
        verbose_name_plural = _("top-ups above a limit")
        ordering = ("-id",)
        default_permissions = ()
        indexes = [
            # 1 is AWAITING.
            models.Index(fields=["id"], name="top_up_awaiting", condition=Q(status=1)),
        ]

    def __str__(self) -> str:
        return f"{self.customer} +{self.amount}"
