"""Live conversations: "messages:<id of the order>".

Whoever sees the order sees its conversation from their side. An internal note does not change what
a customer gets, so a customer is not even told that something happened.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from core import live
from core.live.source import Asked, Audience, Authorized, ids_of
from core.live.sources.orders import OrderSource
from core.models import Conversation, Customer, Side
from core.pages.conversation import Thread, described, threads_of
from core.permissions import Right

SIDES = {Audience.STAFF: Side.DESK, Audience.CUSTOMER: Side.CUSTOMER}


class Messages(OrderSource):
    prefix = "messages"
    right = Right.READ_MESSAGES

    def authorize(self, asked: Asked) -> Authorized:
        """Staff see an order of their own as its customer, as on its page."""
        found = super().authorize(asked)
        staff = [pk for pk, audience in found.items() if audience == Audience.STAFF]
        own = Customer.objects.filter(user__in={user for user, _key in staff})
        pairs = set(own.values_list("user", "orders")) if staff else set()
        return found | {
            (user, key): Audience.CUSTOMER for user, key in staff if (user, int(key)) in pairs
        }

    def versions(self, keys: Sequence[str]) -> Mapping[str, Hashable]:
        """Without messages the version is 0."""
        revisions = dict.fromkeys(keys, 0)
        talks = Conversation.objects.filter(pk__in=ids_of(keys)).order_by()
        revisions |= {str(pk): version for pk, version in talks.values_list("pk", "revision")}
        return revisions

    def load(self, keys: Sequence[str]) -> Mapping[str, Thread]:
        return {str(pk): thread for pk, thread in threads_of(ids_of(keys)).items()}

    def render(self, loaded: Thread, audience: Audience) -> dict[str, Any]:
        return described(loaded, SIDES[audience])


live.register(Messages())
