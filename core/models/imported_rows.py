"""Which rows an import wrote, so that it can be undone; kept in the transaction that wrote them, as
runs of ids: one run a block as a rule, whatever the number of its rows."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q, Sum

if TYPE_CHECKING:
    from core.models.imports import ImportJob


class ImportedRowsQuerySet(models.QuerySet[Any]):
    def keep(self, job: "ImportJob", kind: "ImportedRows.Kind", ids: Iterable[int]) -> None:
        """Write down that this job wrote the rows with these ids."""
        runs = runs_of(sorted(ids))
        ImportedRows.objects.bulk_create(
            self.model(job=job, kind=kind, first_id=first, last_id=last) for first, last in runs
        )

    def ids(self, job: "ImportJob", kind: "ImportedRows.Kind") -> Iterator[int]:
        """Of the rows that the job wrote, rising within each of its blocks."""
        return chain.from_iterable(range(first, last + 1) for first, last in self.runs(job, kind))

    def runs(self, job: "ImportJob", kind: "ImportedRows.Kind") -> Iterable[tuple[int, int]]:
        """The first and the last of each run of ids that the job wrote."""
        rows = self.filter(job=job, kind=kind).order_by("first_id")
        return rows.values_list("first_id", "last_id")

    def count_of(self, job: "ImportJob", *kinds: "ImportedRows.Kind") -> int:
        """How many rows of these kinds the job wrote."""
        found = self.filter(job=job, kind__in=kinds)
        return found.aggregate(rows=Sum(F("last_id") - F("first_id") + 1))["rows"] or 0

    def times_undone(
        self, kind: "ImportedRows.Kind", ids: Collection[int], *, undone: bool = True
    ) -> Counter[int]:
        """By id, how many imports that wrote the row were undone, or were not."""
        return Counter(pk for pk, _at in self._undoings(kind, ids, undone=undone))

    def undone_among(self, kind: "ImportedRows.Kind", ids: Collection[int]) -> set[int]:
        """The rows of imports that were undone, unless another that stands has them since."""
        undone = self.times_undone(kind, ids).keys()
        return undone - self.times_undone(kind, undone, undone=False).keys()

    def moments_undone(self, kind: "ImportedRows.Kind", ids: Collection[int]) -> dict[int, Any]:
        """By id, when the last import that wrote the row and was undone was undone."""
        return dict(self._undoings(kind, ids, undone=True))

    def _undoings(
        self, kind: "ImportedRows.Kind", ids: Collection[int], *, undone: bool
    ) -> Iterator[tuple[int, Any]]:
        """Each of these ids once an import that wrote its row, with the moment when that import was
        undone; the latest last."""
        if not ids:
            return
        rising = sorted(ids)
        near = self.filter(first_id__lte=rising[-1], last_id__gte=rising[0])
        runs = near.filter(kind=kind, undone=undone).order_by("job__undone_at")
        for first, last, at in runs.values_list("first_id", "last_id", "job__undone_at"):
            for pk in rising[bisect_left(rising, first) : bisect_right(rising, last)]:
                yield pk, at


class ImportedRows(models.Model):
    """A run of rows that an import wrote, from `first_id` to `last_id`."""

    class Kind(models.IntegerChoices):
        CUSTOMERS = 1
        FIELD_CHANGES = 2
        TOP_UPS = 3
        WAITING_TOP_UPS = 4
        ORDERS = 5

    job = models.ForeignKey("core.ImportJob", on_delete=models.PROTECT, related_name="wrote")
    kind = models.PositiveSmallIntegerField(choices=Kind)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    undone = models.BooleanField(default=False)

    objects = ImportedRowsQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            # Uploads ask for these, of which there are few.
            models.Index(
                fields=["kind", "first_id"], name="imported_rows_undone", condition=Q(undone=True)
            ),
        ]


def runs_of(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of ids without a gap; they come rising."""
    for _offset, pairs in groupby(enumerate(ids), lambda pair: pair[1] - pair[0]):
        run = [pk for _index, pk in pairs]
        yield run[0], run[-1]
