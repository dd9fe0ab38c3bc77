"""A consumer's lease on an order: claim, reserve, checkpoint, release.

Law 1: every task may run twice and any process may die or be stopped at any moment. So every
write of a delivery is an UPDATE filtered on the fence that its claim set; a row that does not
match any more belongs to somebody else, and the holder stops. The UPDATE that records progress
also renews the lease: the heartbeat costs nothing.
"""

import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from core.db.notifier import notify
from core.models.failpoints import failpoint
from core.models.flow import Status, TransitionError
from core.models.orders import Order

LEASE = timedelta(seconds=30)
# The holder stops sending this much earlier than others may take over.
MARGIN_SECONDS = 2.0


class LeaseLostError(Exception):
    """Somebody else owns the order now; nothing more may be sent or written."""


class Lease:
    """The right to work on `order` until `expires` (time.monotonic), proved by the fence.

    `order` holds what this lease read or wrote last; its figures need no second look, since
    nobody else may change them. The exception is `cancel_requested`, see `canceled()`.
    """

    def __init__(self, order: Order, expires: float) -> None:
        self.order = order
        self.expires = expires

    @classmethod
    def claim(cls, order_id: int) -> "Lease | None":
        """Take the order if it is due and free. Returns None where another process was first."""
        expires = time.monotonic() + LEASE.total_seconds() - MARGIN_SECONDS
        order = Order.objects.free_to_claim().filter(pk=order_id).first()
        if order is None:
            return None
        failpoint("before-claim")
        mine: dict[str, Any] = {"fence": order.fence + 1, "lease_until": Now() + LEASE}
        if order.status == Status.PENDING:
            # Whoever claimed it in the meantime set it running.
            try:
                order.begin(**mine)
            except TransitionError:
                return None
        else:
            # Whoever held it may have written until this very UPDATE: its figures are read anew,
            # in one transaction, so that nobody can raise the fence in between.
            with transaction.atomic(savepoint=False):
                free = Order.objects.free_to_claim().filter(pk=order_id, fence=order.fence)
                if free.update(**mine) != 1:
                    return None
                order.refresh_from_db()
        failpoint("after-claim")
        return cls(order, expires)

    def reserve(self, count: int, **changes: Any) -> int:
        """Reserve up to `count` more plays. Returns how many; 0 when none are left. Raises
        LeaseLostError."""
        order = self.order
        granted = min(count, order.count - order.reserved)
        failpoint("before-reserve")
        self._write(reserved=order.reserved + granted, sequence=order.sequence + granted, **changes)
        failpoint("after-reserve")
        return granted

    def checkpoint(
        self,
        *,
        done: int = 0,
        failed: int = 0,
        not_sent: int = 0,
        uncertain: int = 0,
        reserve: int = 0,
    ) -> int:
        """Write down how a window's plays ended and reserve the next window, in one statement.
        Returns how many plays are reserved by it. Raises LeaseLostError.

        Failed and unsent plays are free to be reserved again under new numbers.
        """
        order = self.order
        still_reserved = order.reserved - failed - not_sent
        granted = min(reserve, order.count - still_reserved)
        failpoint("before-checkpoint")
        self._write(
            done=order.done + done,
            failed=order.failed + failed,
            uncertain=order.uncertain + uncertain,
            reserved=still_reserved + granted,
            sequence=order.sequence + granted,
        )
        failpoint("after-checkpoint")
        return granted

    def record(self, **changes: Any) -> None:
        """Write other figures of the order under the lease. Raises LeaseLostError."""
        self._write(**changes)

    def release(self, seconds: float = 0, **changes: Any) -> None:
        """Give the order back; it is due again in `seconds`. Raises LeaseLostError."""
        # SQLite writes sums of times with more digits: "in 0 seconds" would not be due at once.
        due = Now() + timedelta(seconds=seconds) if seconds else Now()
        self._write(**changes, lease_until=None, due=due)

    def canceled(self) -> bool:
        """Whether somebody asked meanwhile for the order to be canceled. Reads only: it does not
        raise where the lease is lost."""
        if not self.order.cancel_requested:
            asked = Order.objects.filter(pk=self.order.pk, cancel_requested=True)
            self.order.cancel_requested = asked.exists()
        return self.order.cancel_requested

    def _write(self, **changes: Any) -> None:
        expires = time.monotonic() + LEASE.total_seconds() - MARGIN_SECONDS
        changes.setdefault("lease_until", Now() + LEASE)
        held = Order.objects.filter(pk=self.order.pk, fence=self.order.fence)
        if held.update(**changes) != 1:
            raise LeaseLostError(f"order {self.order.oid} was taken over")
        self.expires = expires
        notify()
        for name, value in changes.items():
            if name not in ("lease_until", "due"):
                setattr(self.order, name, value)
