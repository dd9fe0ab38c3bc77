"""What every bulk action has in common: whose right it takes, on which rows, and what came
of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Model

from core.models import BulkJob
from core.permissions import Right
from core.reasons import ReasonOrText


@dataclass(slots=True)
class Outcome:
    """What became of a block: (id, name) of what was changed, (id, name, why not) of
    the others.
    `amount` is the money that moved."""

    changed: list[tuple[int, str]] = field(default_factory=list)
    refused: list[tuple[int, str, ReasonOrText]] = field(default_factory=list)
    amount: Decimal = Decimal(0)


class BulkAction(ABC):
    """One action, for one job."""

    model: ClassVar[type[Model]]
    right: ClassVar[Right]
    # Of a row: by what the selection is summed up, and which amount.
    group: ClassVar[str]
    sum_of: ClassVar[str]
    # Whether a person says an amount for each row before.
    asks_amount: ClassVar[bool] = False

    def __init__(self, job: BulkJob) -> None:
        self.job = job

    @classmethod
    @abstractmethod
    def takes(cls, group: Any) -> bool:
        """Whether rows of this group can be changed at all; each is asked again in its turn."""

    @abstractmethod
    def do(self, ids: Sequence[int]) -> Outcome:
        """Change these rows, in the caller's transaction."""

    @abstractmethod
    def told(self) -> str:
        """What the history of each changed row says."""
