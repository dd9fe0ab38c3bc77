"""What every bulk action has in common: the right it takes, its rows, and what came of them."""

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
    """What became of a block: (id, name) of what was changed, (id, name, reason) of the others.
    `amount` is the money that moved."""

    changed: list[tuple[int, str]] = field(default_factory=list)
    refused: list[tuple[int, str, ReasonOrText]] = field(default_factory=list)
    amount: Decimal = Decimal(0)


class BulkAction(ABC):
    model: ClassVar[type[Model]]
    right: ClassVar[Right]
    # The fields by which a selection is grouped and summed up.
    group: ClassVar[str]
    sum_of: ClassVar[str]
    # Groups whose rows can be changed at all; each row is asked again in its turn.
    groups: ClassVar[Collection[Any]]
    # What the history of each changed row says, with the number of the job.
    told: ClassVar[Any]
    # Whether a person first enters an amount for each row.
    asks_amount: ClassVar[bool] = False

    def __init__(self, job: BulkJob) -> None:
        self.job = job

    @abstractmethod
    def apply(self, ids: Sequence[int]) -> Outcome:
        """Change these rows, in the caller's transaction."""

    def history_text(self) -> str:
        return str(self.told) % {"number": self.job.pk}
