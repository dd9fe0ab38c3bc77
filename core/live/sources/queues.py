"""What waits for a person, as it is watched: "queue:approvals" and "queue:conversations".

A list that shows one of them carries the `mark` it was drawn with; another mark is another list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, QuerySet, Sum

from core import live
from core.live.source import Audience
from core.models import Conversation, Order, Status
from core.permissions import Right

# Counted at every refresh: beyond this nobody sees the difference.
CAP = 1000


# Those who wait, and what is added up of them: it differs when the list does.
QUEUES: dict[str, tuple[QuerySet[Any], str]] = {
    "approvals": (Order.objects.filter(status=Status.AWAITING).order_by("-pk"), "pk"),
    "conversations": (Conversation.objects.unanswered(), "revision"),
}


class Queues(live.StaffSource):
    prefix = "queue"
    right = Right.SEE_ORDERS
    keys = frozenset(QUEUES)

    def load(self, keys: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        return {key: state_of(key) for key in keys}

    def render(self, loaded: dict[str, Any], audience: Audience) -> dict[str, Any]:
        return loaded


def state_of(queue: str) -> dict[str, Any]:
    """How many wait, and a mark that differs when the list does."""
    rows, moves = QUEUES[queue]
    found = rows[:CAP].aggregate(number=Count("pk"), total=Sum(moves))
    return {"number": found["number"], "mark": f"{found['number']}-{found['total'] or 0}"}


live.register(Queues())
