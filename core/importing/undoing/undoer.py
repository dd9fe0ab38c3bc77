"""What depends on an import's rows, and how they are taken back, a block at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.db.blocks import in_blocks
from core.importing.row_importer import MODELS
from core.models import ApprovalLimit, Customer, ImportedRows, ImportJob, User
from core.models.approvals import requires_approval
from core.permissions import Right
from core.reasons import Reason
from core.sentences.undoing import UndoCode

BLOCK = 5_000
EXAMPLES = 3


class Undoer(ABC):
    """For one job, in the name of `actor`. All but `objections()` runs in one transaction."""

    # Needed beside the right to undo.
    rights: ClassVar[tuple[Right, ...]]
    # Kinds of rows that the job counted as created.
    kinds: ClassVar[tuple[ImportedRows.Kind, ...]]

    def __init__(
        self, job: ImportJob, actor: User, on_block: Callable[[], None] = lambda: None
    ) -> None:
        """`on_block` is called before each block and keeps the run's lease."""
        self.job = job
        self.on_block = on_block
        self.actor = actor
        # Hindrances by code: number of rows, and the first names.
        self.found: dict[UndoCode, tuple[int, list[str]]] = {}

    @classmethod
    def rights_for(cls, job: ImportJob) -> tuple[Right, ...]:
        return cls.rights

    def knows_rows(self) -> bool:
        """Whether it is known of all rows that the job wrote them."""
        return ImportedRows.objects.count_of(self.job, *self.kinds) == self.job.created

    @abstractmethod
    def figures(self) -> list[tuple[str, int | Decimal]]:
        """What would be taken back: labels with a number, or a decimal for an amount."""

    @abstractmethod
    def lock(self) -> None:
        """Lock all rows that may change, before anything is looked at."""

    def objections(self) -> list[Reason]:
        """Each thing that depends on the rows; empty if they can be taken back."""
        if not self.knows_rows():
            return [Reason.of(UndoCode.ROWS_UNKNOWN)]
        self.look()
        more = {UndoCode.ABOVE_LIMIT: {"who": str(self.actor), "limit": str(self.limit)}}
        return [
            Reason.of(code, number=number, examples=", ".join(examples), **more.get(code, {}))
            for code, (number, examples) in self.found.items()
        ]

    @abstractmethod
    def look(self) -> None:
        """Add to `found` what depends on the rows."""

    def add(self, code: UndoCode, names: Iterable[str]) -> None:
        for name in names:
            number, examples = self.found.get(code, (0, []))
            self.found[code] = (number + 1, [*examples, name][:EXAMPLES])

    @abstractmethod
    def undo(self) -> None:
        """Take the rows back; all hindrances were found before."""

    def blocks(self, kind: ImportedRows.Kind) -> Iterator[list[int]]:
        for block in in_blocks(ImportedRows.objects.ids(self.job, kind), BLOCK):
            self.on_block()
            yield block

    def rows(self, kind: ImportedRows.Kind) -> Iterator[QuerySet[Any]]:
        """By rising id."""
        for ids in self.blocks(kind):
            yield MODELS[kind]._default_manager.filter(pk__in=ids).order_by("pk")

    @cached_property
    def limit(self) -> Decimal | None:
        return ApprovalLimit.objects.of_top_ups(self.actor)

    def look_at_amount(self, name: str, amount: Decimal) -> None:
        """Nobody takes back alone what they could not book alone."""
        if requires_approval(amount, self.limit):
            self.add(UndoCode.ABOVE_LIMIT, [f"{name} {amount}"])

    @property
    def note(self) -> str:
        return _("import %(number)s undone") % {"number": self.job.pk}


def lock_customers(ids: Collection[int]) -> None:
    """By rising id, as everywhere."""
    for some in in_blocks(sorted(ids), BLOCK):
        rows = Customer.objects.filter(pk__in=some).order_by("pk")
        list(rows.select_for_update().values_list("pk"))
