"""The orders of a round, written all together in each beat: an order that cannot be written keeps
no other from it.

Every write is conditional on the row's fence (law 1): who finds it changed has lost the order. An
order at which we fail, or whose rows somebody else keeps locked, leaves the round.
"""

import logging
import time
from collections.abc import Callable

from django.db import DatabaseError, transaction

from booster.delivery import breaker, ending
from booster.delivery.delivery import Delivery
from booster.delivery.sessions import Sessions
from core.db.clock import DatabaseClock
from core.db.outages import is_gone, is_locked
from core.models import CounterReading, RefundRefusedError, TransitionError, leases, transitions
from core.models.failpoints import failpoint

logger = logging.getLogger(__name__)

# How often orders that are not written are asked about: somebody may want them stopped.
ASK_FOR_STOPS_SECONDS = 0.5


class Deliveries(dict[int, Delivery]):
    """By the orders' keys. Used in the round's thread."""

    def __init__(self, clock: DatabaseClock, sessions: Sessions) -> None:
        super().__init__()
        self.readings: list[dict[str, int]] = []  # of their counters, kept with the next progress
        self._clock = clock
        self._sessions = sessions
        self._ask_at = 0.0

    def run_isolated(self, delivery: Delivery, step: Callable[[Delivery], object]) -> None:
        """An order at which we fail ourselves is put off and harms no other."""
        try:
            step(delivery)
        except Exception as error:
            if is_gone(error):
                raise
            if not is_locked(error):
                logger.exception("order %s: the round failed", delivery.order.oid)
            self._put_off(delivery, error)

    def write_progress(self, news: list[Delivery]) -> None:
        """Of all of them in one statement; whose row does not come back has a new owner."""
        failpoint("before-reserve")
        failpoint("before-checkpoint")
        for delivery in news:
            delivery.order.watch = delivery.watch.as_json()
        try:
            with transaction.atomic():
                CounterReading.record_block(self.readings)
                kept = leases.write_progress([delivery.lease for delivery in news])
        except DatabaseError as error:
            if is_gone(error):
                raise
            if is_locked(error):
                self._leave_locked(news, error)
                return
            logger.exception("%d orders cannot be written together", len(news))
            self.readings = []
            for delivery in news:
                self.run_isolated(delivery, self._write_alone)
            return
        failpoint("after-reserve")
        failpoint("after-checkpoint")
        self.readings = []
        for delivery in news:
            self._take_written(delivery, kept)

    def _write_alone(self, delivery: Delivery) -> None:
        self._take_written(delivery, leases.write_progress([delivery.lease]))

    def _take_written(self, delivery: Delivery, kept: dict[int, tuple[bool, bool]]) -> None:
        if delivery.key in kept:
            delivery.is_dirty = False
            delivery.order.cancel_requested, delivery.order.pause_requested = kept[delivery.key]
        else:
            self.lose(delivery, "it was taken over")

    def ask_for_stops(self) -> None:
        """Whether somebody wants an order stopped: those that are written learn it anyway."""
        now = time.monotonic()
        if now < self._ask_at or not self:
            return
        self._ask_at = now + ASK_FOR_STOPS_SECONDS
        for pk, cancel, pause in leases.asked_to_stop(self):
            order = self[pk].order
            order.cancel_requested, order.pause_requested = cancel, pause

    def write_decisions(self, decided: list[Delivery]) -> None:
        """Of all of them in one transaction, or one by one where that fails."""
        try:
            changes = [(one.order, one.decision.change) for one in decided if one.decision]
            transitions.apply(changes, None)
        except (TransitionError, RefundRefusedError, DatabaseError) as error:
            if is_gone(error):
                raise
            if is_locked(error):
                self._leave_locked(decided, error)
                return
            if len(decided) > 1:
                for delivery in decided:
                    self.run_isolated(delivery, lambda one: self.write_decisions([one]))
                return
            if isinstance(error, DatabaseError):
                raise
            if isinstance(error, RefundRefusedError):
                self._put_off(decided[0], error)
            else:
                self._answer_refusal(decided[0], str(error))
            return
        found = [(one, one.decision) for one in decided if one.decision]
        breaker.wake_missed([one.order for one, decision in found if decision.waits_for_site])
        for delivery, decision in found:
            if decision.again_in is None:
                self.remove(delivery)
            else:
                if delivery.is_halted:
                    self.detach(delivery)
                delivery.go_on(decision.again_in)

    def _answer_refusal(self, delivery: Delivery, reason: str) -> None:
        """A pause that was withdrawn is none; any other row that differs is a new owner's doing."""
        if delivery.decision and "pause_requested" in delivery.decision.change.expected:
            self._write_alone(delivery)
            if not delivery.order.pause_requested:
                delivery.decision = None
                return
        self.lose(delivery, reason)

    def _leave_locked(self, deliveries: list[Delivery], why: Exception) -> None:
        """Somebody keeps rows locked, an import those of its customers, say: their orders leave the
        round. What remains is written at the next beat."""
        keys = [one.key for one in deliveries]
        free, payable = leases.unlocked(keys), leases.unlocked(keys, customers=True)
        for one in deliveries:
            if one.key not in free:
                self.lose(one, "somebody else keeps its row locked")
            elif one.decision and one.decision.change.refund and one.key not in payable:
                self._put_off(one, why)
        self.readings = [row for row in self.readings if row["order"] in self]

    def _put_off(self, delivery: Delivery, why: Exception) -> None:
        """What the database says of the order counts, not what we think."""
        self.remove(delivery)
        order, fence = delivery.order, delivery.order.fence
        try:
            order.refresh_from_db()
            if order.fence != fence:
                return
            if is_locked(why):
                logger.warning("order %s: put off, somebody keeps rows of it locked", order.oid)
                decision = ending.decide_to_wait(delivery)
            elif isinstance(why, RefundRefusedError):
                logger.warning("order %s: put off, its refund has no room", order.oid)
                decision = ending.decide_to_wait_for_room(delivery, why.reason)
            else:
                decision = ending.decide_own_failure(delivery, self._clock.now())
            transitions.apply([(order, decision.change)], None)
        except Exception as error:
            if is_gone(error):
                raise
            # Its lease runs out, and the next round tries.
            logger.exception("order %s: it could not be put off either", order.oid)

    def lose(self, delivery: Delivery, reason: str) -> None:
        """It is somebody else's now."""
        logger.warning("order %s: stopped, %s", delivery.order.oid, reason)
        self.remove(delivery)

    def remove(self, delivery: Delivery) -> None:
        self.detach(delivery)
        self._sessions.forget(delivery)
        self.pop(delivery.key, None)

    def detach(self, delivery: Delivery) -> None:
        """From its channel: what is in flight is broken off."""
        link = delivery.link
        if delivery.channel is not None and delivery.channel is link.channel:
            delivery.channel.drop(delivery.key)
        link.outstanding -= delivery.leave_channel()
