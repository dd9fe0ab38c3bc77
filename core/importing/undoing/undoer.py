"""Rows of an import, a block at a time: what depends on them, and taking them back."""

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
    """Of one job, in the name of `actor`. Everything but `objections()` in one transaction."""

    # Beside the right to undo at all.
    rights: ClassVar[tuple[Right, ...]]
    # Of rows of which each is one that the job counted as created.
    kinds: ClassVar[tuple[ImportedRows.Kind, ...]]

    def __init__(
        self, job: ImportJob, actor: User, on_block: Callable[[], None] = lambda: None
    ) -> None:
        """`on_block` is called before each block: it keeps the run's lease."""
        self.job = job
        self.on_block = on_block
        self.actor = actor
        # What speaks against it, by code: how many rows, and the names of the first.
        self.found: dict[UndoCode, tuple[int, list[str]]] = {}

    @classmethod
    def rights_for(cls, job: ImportJob) -> tuple[Right, ...]:
        return cls.rights

    def knows_rows(self) -> bool:
        """Whether it was kept which rows the job wrote, all of them."""
        return ImportedRows.objects.count_of(self.job, *self.kinds) == self.job.created

    @abstractmethod
    def figures(self) -> list[tuple[str, int | Decimal]]:
        """What would be taken back: labels, with how many or, as decimals, how much."""

    @abstractmethod
    def lock(self) -> None:
        """All rows that it may change, before anything is asked: nobody changes them meanwhile."""

    def objections(self) -> list[Reason]:
        """What depends on the rows, each once; none where they can be taken back."""
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
        """Add to what was found what depends on the rows."""

    def add(self, code: UndoCode, names: Iterable[str]) -> None:
        for name in names:
            number, examples = self.found.get(code, (0, []))
            self.found[code] = (number + 1, [*examples, name][:EXAMPLES])

    @abstractmethod
    def undo(self) -> None:
        """Take them back. Whatever is in the way was found before."""

    def blocks(self, kind: ImportedRows.Kind) -> Iterator[list[int]]:
        """Ids of the job's rows."""
        for block in in_blocks(ImportedRows.objects.ids(self.job, kind), BLOCK):
            self.on_block()
            yield block

    def rows(self, kind: ImportedRows.Kind) -> Iterator[QuerySet[Any]]:
        """The same as rows, by rising id."""
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
        """What the ledger and the history say."""
        return _("import %(number)s undone") % {"number": self.job.pk}


def lock_customers(ids: Collection[int]) -> None:
    """By rising id, as everybody does."""
    for some in in_blocks(sorted(ids), BLOCK):
        rows = Customer.objects.filter(pk__in=some).order_by("pk")
        # They are locked as they are read.
        list(rows.select_for_update().values_list("pk"))
