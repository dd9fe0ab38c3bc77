"""Four eyes: how much somebody may order without asking a second person.

Whose limit holds
- staff: the largest limit of their groups, as rights of groups add up; in no group that has one,
  none holds. Super administrators too: a group puts them under a limit;
- customers, for orders they place themselves: the limit without a group;
- nobody, for orders that a command places: who has a shell on the host has the database as well.
An upload's rows are its uploader's orders. Each order counts alone; one at the limit passes.
"""

from decimal import Decimal

from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from core.models.accounts import User


def requires_approval(price: Decimal, limit: Decimal | None) -> bool:
    """Whether an order at this price waits for somebody else, under this limit or None."""
    return limit is not None and price > limit


class ApprovalLimitQuerySet(models.QuerySet["ApprovalLimit"]):
    def of(self, user: User | None) -> Decimal | None:
        """The most that one order of this user may cost without approval; None: any price."""
        if user is None:
            return None
        whose = Q(group__user=user) if user.is_staff else Q(group=None)
        largest = self.filter(whose, active=True).order_by("-amount")
        return largest.values_list("amount", flat=True).first()

    def requires_approval(self, price: Decimal, user: User | None) -> bool:
        """Whether an order of this user at this price waits for somebody else."""
        return requires_approval(price, self.of(user))


class ApprovalLimit(models.Model):
    """Orders of a group's administrators above `amount` await approval; without a group, those
    that customers place themselves. Changing it moves no order that was placed before."""

    # A group that goes would let its people order without limit.
    group = models.ForeignKey(
        Group,
        verbose_name=_("group"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: customers, for orders that they place themselves."),
    )
    amount = models.DecimalField(
        _("amount"),
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_(
            "Orders above this amount need a second person's approval. 0: every order does."
        ),
    )
    active = models.BooleanField(_("active"), default=True)

    objects = ApprovalLimitQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval limit")
        verbose_name_plural = _("approval limits")
        ordering = ("group__name",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="approval_limit_not_negative"),
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
