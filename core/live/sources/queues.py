"""What waits for a person, live: "queue:approvals" and "queue:conversations".

A list carries the `mark` it was drawn with; another mark means another list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, QuerySet, Sum

from core import live
from core.live.source import Audience
from core.models import Conversation, Order, Status
from core.permissions import Right

# Counted at every refresh; nobody can tell larger numbers apart.
CAP = 1000


# Who waits, and the column whose sum differs when the list does.
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
    rows, moves = QUEUES[queue]
    found = rows[:CAP].aggregate(number=Count("pk"), total=Sum(moves))
    return {"number": found["number"], "mark": f"{found['number']}-{found['total'] or 0}"}


live.register(Queues())
