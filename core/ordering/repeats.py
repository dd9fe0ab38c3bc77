"""Orders that are placed again, each time with a new quote, the day's prices and the creator's
rights of that time. No site is asked, as in an upload: its last check counts, and every delivery
asks."""

import logging
from datetime import date, datetime, time

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction

from core.db import clock
from core.models import Occurrence, Order, OrderError, Repeat, User
from core.ordering.placing import OrderRefusedError, Placement, place_together
from core.ordering.quote import Quoter
from core.permissions import Right, may
from core.reasons import Code, Reason, ReasonOrText, reason_columns

logger = logging.getLogger(__name__)

# In one sweep; the next one is seconds away.
MOST = 200


def repeat(
    order: Order,
    actor: User,
    *,
    every: Repeat.Every,
    at: time,
    weekday: int | None = None,
    until: date | None = None,
) -> Repeat:
    """Raises OrderError if the order is repeated already, or there are no such times."""
    weekly = weekday if every == Repeat.Every.WEEK else None
    made = Repeat(order=order, every=every, at=at, weekday=weekly, until=until, creator=actor)
    made.next_at = made.after(clock.now())
    if made.next_at is None:
        raise OrderError(Reason.of(Code.REPEAT_WITHOUT_TIMES))
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise OrderError(Reason.of(Code.ALREADY_REPEATED)) from None
    return made


def end_repeat(ended: Repeat, actor: User) -> None:
    """Raises OrderError if it has ended already."""
    ended.refresh_from_db()
    if not ended.end(actor):
        raise OrderError(Reason.of(Code.REPEAT_HAS_ENDED))


def place_due() -> int:
    """Returns how many times were dealt with. Every host does it; the second finds nothing."""
    dealt_with = 0
    for due in Repeat.objects.due()[:MOST]:
        try:
            dealt_with += place_again(due)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            # The others must not wait for it; the next sweep tries it again.
            logger.exception("repeat %s of order %s failed", due.pk, due.order.oid)
    return dealt_with


def place_again(due: Repeat) -> bool:
    """Place one order now, or record why not. Returns False if another host did it."""
    now = clock.now()
    planned = due.latest(now)
    missed = times_between(due, planned)
    placement = new_placement(due)
    with transaction.atomic():
        if not due.move_on(max(now, planned)):
            return False
        order: Order | None = None
        refusal: ReasonOrText = ""
        if due.creator is None or not may(due.creator, Right.PLACE_ORDER):
            refusal = Reason.of(Code.RIGHT_LOST, who=str(due.creator or "–"))
        else:
            try:
                (order,) = place_together([placement], due.creator)
            except OrderRefusedError as error:
                refusal = next(iter(error.reasons.values()))
        Occurrence.objects.create(
            repeat=due,
            planned=planned,
            order=order,
            missed=missed,
            needs_attention=order is None,
            **reason_columns(refusal),
        )
        # Without a last day, a balance that is too low ends it.
        is_short = isinstance(refusal, Reason) and refusal.code == Code.BALANCE_SHORT
        if is_short and due.until is None and due.next_at is not None:
            due.end(None, refusal)
    return True


def new_placement(due: Repeat) -> Placement:
    order = due.order
    (quote,) = Quoter(asks_sites=False).prepare_many([(order.customer, order.url, order.count)])
    quote.video_title = order.video_title
    return Placement(quote, order.memo, order.hours, order.by_day)


def times_between(due: Repeat, planned: datetime) -> int:
    """How many of its times before `planned` were missed because nothing ran."""
    assert due.next_at is not None
    return max(0, round((planned - due.next_at).total_seconds() / 86_400 / due.every))
