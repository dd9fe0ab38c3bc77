"""What happened to an order, in the customer's words: never how the office works or who works
there."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _, gettext_lazy, gettext_noop

from core.models import Order, OrderEvent, Status
from core.pages import display
from core.pages.flow.timeline import told_who
from core.reasons import Code

# By the new status, then by the one before; None stands for any other.
STEPS: dict[int, dict[int | None, str]] = {
    Status.AWAITING: {None: gettext_noop("Ordered and paid. The desk reviews it first.")},
    Status.PENDING: {
        None: gettext_noop("Ordered and paid."),
        Status.AWAITING: gettext_noop("The desk approved the order."),
        Status.PAUSED: gettext_noop("Delivery resumed."),
    },
    Status.RUNNING: {
        None: gettext_noop("Delivery started."),
        Status.RUNNING: gettext_noop("Cancellation requested."),
        Status.VERIFYING: gettext_noop(
            "The site had not counted all plays; the missing ones are resent."
        ),
    },
    Status.VERIFYING: {
        None: gettext_noop("Sending has ended. The site's own counter has to show the plays now."),
        Status.PAUSED: gettext_noop("Canceled. The site's counter has to show what was delivered."),
    },
    Status.PAUSED: {
        None: gettext_noop("Paused until the site confirms again that it accepts our plays."),
    },
    Status.COMPLETED: {None: gettext_noop("Completed: the site's counter shows all plays.")},
    Status.PARTIAL: {
        None: gettext_noop(
            "Ended: the site's counter does not show all plays. The rest was refunded."
        ),
    },
    Status.CANCELED: {
        None: gettext_noop("Canceled. What was not delivered was refunded."),
        Status.AWAITING: gettext_noop("Not accepted. Everything was refunded."),
    },
    Status.FAILED: {
        None: gettext_noop("Ended: the site accepted no plays. Everything was refunded.")
    },
}
STATES: dict[int, object] = {
    Status.AWAITING: gettext_lazy("The desk reviews your order before delivery starts."),
    Status.PENDING: gettext_lazy("Your order is paid; delivery starts in a moment."),
    Status.RUNNING: gettext_lazy("Plays are being sent to the site."),
    Status.VERIFYING: gettext_lazy(
        "No more plays are being sent; we are waiting for the site's counter."
    ),
    Status.PAUSED: gettext_lazy(
        "The site has to confirm again that it accepts our plays. Nothing is lost meanwhile."
    ),
    Status.COMPLETED: gettext_lazy("The site's counter shows all plays."),
    Status.PARTIAL: gettext_lazy("Not all plays were delivered; the rest is refunded."),
    Status.CANCELED: gettext_lazy("Stopped; what was not delivered is refunded."),
    Status.FAILED: gettext_lazy("Nothing could be delivered; everything is refunded."),
}


# Requests of people: they change no status, or one that also changes without them.
ASKED = {
    Code.PAUSE_REQUESTED: gettext_noop("The desk asked for a pause."),
    Code.PAUSE_REQUESTED_BECAUSE: gettext_noop("The desk asked for a pause."),
    Code.PAUSE_WITHDRAWN: gettext_noop("The desk withdrew the pause."),
}
ON_ITS_WAY = (Status.PENDING, Status.RUNNING)


def state_text(order: Order, *, is_held: bool = False) -> str:
    """What the order's state means. `is_held`: people paused its site or the whole office."""
    if order.is_being_settled:
        return _("Canceled; being settled: the site's counter shows what was delivered.")
    if order.cancel_requested and not order.is_final:
        return _(
            "The order is being stopped; plays that the site's counter does not show are refunded."
        )
    if order.is_paused_by_people or (is_held and order.status in ON_ITS_WAY):
        return _("Delivery is paused for the moment. Nothing is lost meanwhile.")
    if order.status == Status.PENDING and order.starts_later:
        return _("Your order is paid; it %(starts)s.") % {"starts": display.start(order)}
    return str(STATES.get(order.status, order.get_status_display()))


@dataclass(frozen=True, slots=True)
class Step:
    when: datetime
    text: str
    who: str
    tone: str
    reason: str = ""


def steps_of(order: Order) -> list[Step]:
    """Every event of an order; they are in memory, the oldest first. The desk writes reasons for
    itself; only the one of a declined order is meant for the customer."""
    return [
        Step(
            event.create_date,
            text_of(event, is_own),
            told_who(event, order.customer.user_id),
            display.tone_of(event.to_status),
            event.reason if is_declined(event) and not is_own else "",
        )
        for event, is_own in [
            (event, event.creator_id is not None and event.creator_id == order.customer.user_id)
            for event in order.events.all()
        ]
    ]


def is_declined(event: OrderEvent) -> bool:
    return event.from_status == Status.AWAITING and event.to_status == Status.CANCELED


def text_of(event: OrderEvent, is_own: bool) -> str:
    if event.reason_code in ASKED:
        return _(ASKED[Code(event.reason_code)])
    if event.to_status == Status.PAUSED and event.creator_id is not None:
        return _("The desk paused the delivery.")
    if event.to_status == Status.VERIFYING and event.reason_code == Code.CANCEL_REQUESTED:
        return _(STEPS[Status.VERIFYING][Status.PAUSED])
    if (words := STEPS.get(event.to_status)) is None:  # written by a later release beside this one
        return event.get_to_status_display()
    before = event.from_status
    if is_own and is_declined(event):
        before = None  # nobody declined it
    return _(words.get(before, words[None]))
