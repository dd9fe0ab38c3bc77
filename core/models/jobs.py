"""Work for the consumers that outlives them: a row says what is due and how far it got.

A job is held under a lease, like an order: `fence` says who may write, and each step is written
down in the transaction of the rows it counts. So a killed consumer loses at most what was not
committed, and nobody does a row twice.
"""

import time
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.db.notifier import notify
from core.models.accounts import person_field
from core.models.leases import LeaseLostError

JOB_LEASE = timedelta(seconds=60)
RENEWAL_SECONDS = 10
MAX_ATTEMPTS = 5


class JobQuerySet(models.QuerySet[Any]):
    def due(self) -> Self:
        """Jobs with work to do that nobody holds, the oldest first. What a later release beside
        this one began and we do not know is left to it."""
        known = {f"{self.model.WORK}__in": self.model.WORKS.values}
        return self.free().filter(status__in=self.model.WORKABLE).filter(**known).order_by("pk")

    def free(self) -> Self:
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now()))

    def taken(self, **filters: Any) -> list[int]:
        """Ids of these rows, locked until commit, but for those that a run holds: nobody waits."""
        rows = self.filter(**filters).select_for_update(skip_locked=True, no_key=True)
        return list(rows.order_by("pk").values_list("pk", flat=True))


class Job(models.Model):
    """A subclass has a `status`, and says in which of them there is work, in which people may stop
    it and which are the end."""

    # The field that says what is to be done, and what it may say.
    WORK: ClassVar[str]
    WORKS: ClassVar[type[models.IntegerChoices]]
    WORKABLE: ClassVar[tuple[int, ...]]
    FINAL: ClassVar[tuple[int, ...]]
    CANCELED: ClassVar[int]
    STOPPABLE: ClassVar[tuple[int, ...]]

    status = models.PositiveSmallIntegerField()  # of the subclass, with its choices

    creator = person_field(_("creator"))
    start_date = models.DateTimeField(_("started"), null=True)
    end_date = models.DateTimeField(_("ended"), null=True)

    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    # When its holder wrote last, by the monotonic clock.
    _recorded = 0.0

    objects = JobQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL

    @property
    def is_stoppable(self) -> bool:
        return self.status in self.STOPPABLE

    @classmethod
    def claim(cls, pk: int) -> Self | None:
        """Take the job if it is due. Returns None where another process holds it."""
        with transaction.atomic():
            if not cls.objects.due().taken(pk=pk):
                return None
            due = cls.objects.due().filter(pk=pk)
            changes = {"lease_until": Now() + JOB_LEASE, "attempts": F("attempts") + 1}
            if due.update(fence=F("fence") + 1, **changes) != 1:
                return None
            job = cls._base_manager.select_related("creator").get(pk=pk)
            job._recorded = time.monotonic()
            return job

    @property
    def has_exhausted_attempts(self) -> bool:
        """Claimed repeatedly without progress: it probably crashes its consumer."""
        return self.attempts > MAX_ATTEMPTS

    def record(self, **changes: Any) -> None:
        """Write what this holder knows, and renew the lease. Raises LeaseLostError."""
        for name, value in changes.items():
            setattr(self, name, value)
        changes.setdefault("lease_until", Now() + JOB_LEASE)
        mine = type(self).objects.filter(pk=self.pk, fence=self.fence, status__in=self.WORKABLE)
        if mine.update(**changes) != 1:
            raise LeaseLostError(f"{self._meta.verbose_name} {self.pk} is held by another process")
        self._recorded = time.monotonic()
        notify()

    def keep_lease(self) -> None:
        """Renew it, where this holder has written nothing for a while."""
        if time.monotonic() > self._recorded + RENEWAL_SECONDS:
            self.record()

    def release(self, **changes: Any) -> None:
        """Write the last of this holder's and let the job go. Raises LeaseLostError."""
        self.record(lease_until=None, attempts=0, **changes)

    def move(self, rows: "models.QuerySet[Any]", **changes: Any) -> bool:
        """By a person, where it is still among these rows. Returns False where it is not."""
        changed = rows.filter(pk=self.pk).update(**changes)
        self.refresh_from_db()
        return changed == 1

    def cancel(self) -> bool:
        """End a job that nobody works on. Returns False for one that is held or has ended."""
        idle = type(self).objects.free().filter(status__in=self.STOPPABLE)
        with transaction.atomic():
            mine = idle.filter(pk__in=idle.taken(pk=self.pk))
            end = {"status": self.CANCELED, "lease_until": None, "end_date": Now()}
            return self.move(mine, fence=F("fence") + 1, **end)
