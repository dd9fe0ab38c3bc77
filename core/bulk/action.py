"""What all bulk actions share: the right they take, their rows, and the outcome."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Model

from core.models import BulkJob
from core.permissions import Right
from core.reasons import ReasonOrText


@dataclass(slots=True)
class Outcome:
    """A block's changed rows (id, name), refused ones (id, name, reason), and the money moved."""

    changed: list[tuple[int, str]] = field(default_factory=list)
    refused: list[tuple[int, str, ReasonOrText]] = field(default_factory=list)
    amount: Decimal = Decimal(0)


class BulkAction(ABC):
    model: ClassVar[type[Model]]
    right: ClassVar[Right]
    # The fields by which a selection is grouped and summed up.
    group: ClassVar[str]
    sum_of: ClassVar[str]
    # Groups whose rows can be changed at all; each row is checked again later.
    groups: ClassVar[Collection[Any]]
    # For the history of each changed row, with the job's number.
    told: ClassVar[Any]
    # Whether a person enters an amount for each row.
    asks_amount: ClassVar[bool] = False

    def __init__(self, job: BulkJob) -> None:
        self.job = job

    @abstractmethod
    def apply(self, ids: Sequence[int]) -> Outcome:
        """Change these rows, in the caller's transaction."""

    def history_text(self) -> str:
        return str(self.told) % {"number": self.job.pk}
