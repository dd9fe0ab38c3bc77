"""What one person enters and, above a limit, a second one decides on: four eyes on money."""

from collections.abc import Collection
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.db import clock
from core.db.clock import Moment
from core.models.accounts import User, person_field
from core.models.approvals import is_close_to
from core.models.flow import OrderError
from core.reasons import Code, Reason


class Decision(models.Model):
    class Status(models.IntegerChoices):
        AWAITING = 1, _("awaiting approval")
        APPROVED = 2, _("approved")
        DECLINED = 3, _("declined")

    creator = models.ForeignKey(
        User, verbose_name=_("creator"), on_delete=models.PROTECT, related_name="+"
    )
    create_date = models.DateTimeField(
        _("created"), db_default=Moment(), editable=False, db_index=True
    )
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
        """Four eyes: why `user` may not decide on it. None where they may."""
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

    def decide(self, status: "Decision.Status", actor: User) -> None:
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
