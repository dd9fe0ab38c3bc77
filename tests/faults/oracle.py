"""The one judge of every fault: the site's own record <-> orders <-> ledger <-> balances.

It knows nothing of what went wrong. What it holds true, whatever happened:

- the ledger adds up (core.ops.auditing): balances are sums, each order charged once, refunds due;
- an order that ended says what was delivered, and the site's record of it says the same;
- a completed order has all its plays at the site: none lost;
- a site that knows a play again by its key counts none twice; another counts at most one window
  twice for each time an order changed hands.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.models import LedgerEntry, Order, Status
from core.ops.auditing import differences
from core.reasons import reason_of
from tests.sites import DemoSite

# Of the plays of one order that may be on the wire at once: one window, and the next one reserved.
WINDOW = 100


@dataclass(slots=True)
class Verdict:
    orders: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    plays: int = 0  # counted by the site
    lost: int = 0  # billed or promised, and not at the site
    twice: int = 0  # counted by the site beyond what was bought
    resent: int = 0  # known again by the site and not counted
    takeovers: int = 0
    charged_twice: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ended = ", ".join(f"{number} {name}" for name, number in sorted(self.ended.items()))
        return (
            f"{self.orders} orders ({ended}), {self.plays} plays, lost {self.lost}, "
            f"twice {self.twice}, resent {self.resent}, charged twice {self.charged_twice}"
        )


def reckon(
    demo_site: DemoSite, orders: Iterable[Order] | None = None, *, all_completed: bool = True
) -> Verdict:
    """Compare everything. With `all_completed` any other end is a broken promise, too."""
    verdict = Verdict(broken=[str(difference) for difference in differences()])
    for order in Order.objects.select_related("site") if orders is None else orders:
        order.refresh_from_db()
        _judge(order, demo_site, verdict, all_completed)
    return verdict


def _judge(order: Order, demo_site: DemoSite, verdict: Verdict, all_completed: bool) -> None:
    record = demo_site.order(order.oid)
    counted = record["plays"]
    idempotent = order.site.adapter == "demo"
    verdict.orders += 1
    verdict.ended[Status(order.status).name.lower()] += 1
    verdict.plays += counted
    verdict.resent += record["replays"]
    verdict.takeovers += order.fence
    verdict.twice += max(0, counted - order.count)

    def broken(text: str) -> None:
        verdict.broken.append(f"order {order.oid}: {text}")

    charges = order.ledger.filter(kind=LedgerEntry.Kind.ORDER).count()
    refunds = order.ledger.filter(kind=LedgerEntry.Kind.REFUND).count()
    verdict.charged_twice += max(0, charges - 1)
    if charges != 1 or refunds > 1:
        broken(f"{charges} charges, {refunds} refunds")
    if not order.is_final:
        broken(f"did not end: {Status(order.status).name}, {order.remark}; {whereabouts(order)}")
        return
    promised = order.delivered or 0
    if counted < promised:
        verdict.lost += promised - counted
        broken(f"{promised} billed, the site counted {counted}")
    if promised < min(counted, order.count):
        broken(f"{promised} billed, the site counted {counted}: too much refunded")
    if all_completed and order.status != Status.COMPLETED:
        verdict.lost += order.count - promised
        broken(
            f"ended {Status(order.status).name} with {promised} of {order.count}: {reason(order)}"
        )
    # A window each for all that changed hands, and the one that a stopped process had begun.
    bound = 0 if idempotent else WINDOW * max(0, order.fence - 1)
    if counted - order.count > bound:
        broken(f"{counted} counted of {order.count} bought in {order.fence} takeovers")


def reason(order: Order) -> str:
    return " / ".join(filter(None, (str(reason_of(event)) for event in order.events.all())))


def whereabouts(order: Order) -> str:
    """How far it is, who has it and when it is due: what one asks first of an order that hangs."""
    plays = f"{order.done} of {order.count}, {order.reserved} reserved, {order.uncertain} uncertain"
    held = f"{order.holder or 'nobody'} until {order.lease_until}, fence {order.fence}"
    return f"{plays}; {held}; due {order.due}, {order.attempts} attempts"
