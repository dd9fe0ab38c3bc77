"""The statuses of an order, and the table of its steps: whatever goes on, goes on by FLOW."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.reasons import TEXT_LENGTH, Code, Reason, ReasonOrText, printable, translate


class Status(models.IntegerChoices):
    PENDING = 1, _("pending")
    RUNNING = 2, _("running")
    COMPLETED = 3, _("completed")
    FAILED = 4, _("failed")
    PARTIAL = 5, _("partial")
    CANCELED = 6, _("canceled")
    AWAITING = 7, _("awaiting approval")
    VERIFYING = 8, _("verifying")
    PAUSED = 9, _("paused")


FLOW: dict[Status, tuple[Status, ...]] = {
    Status.AWAITING: (Status.PENDING, Status.CANCELED),
    Status.PENDING: (Status.RUNNING, Status.PAUSED, Status.CANCELED),
    Status.RUNNING: (
        Status.VERIFYING,
        Status.PAUSED,
        Status.PARTIAL,
        Status.CANCELED,
        Status.FAILED,
    ),
    Status.VERIFYING: (Status.COMPLETED, Status.PARTIAL, Status.RUNNING, Status.CANCELED),
    Status.PAUSED: (Status.PENDING, Status.VERIFYING, Status.PARTIAL, Status.CANCELED),
    Status.COMPLETED: (),
    Status.FAILED: (),
    Status.PARTIAL: (),
    Status.CANCELED: (),
}


# A later release beside this one may know more statuses: one is shown as it is, and goes nowhere.


def label_of(status: int) -> str:
    return str(Status(status).label) if status in Status.values else str(status)


def status_reason(status: int) -> ReasonOrText:
    """A status as another reason quotes it."""
    if status not in Status.values:
        return label_of(status)
    return Reason.of(f"status_{Status(status).name.lower()}")


def already_ended(status: int) -> Reason:
    return Reason.of(Code.ALREADY_ENDED, status=status_reason(status))


def onward_from(status: int) -> tuple[Status, ...]:
    return FLOW.get(status, ())  # type: ignore[call-overload]


FINAL = tuple(status for status, onward in FLOW.items() if not onward)
OPEN = tuple(status for status, onward in FLOW.items() if onward)
PAUSABLE = tuple(status for status, onward in FLOW.items() if Status.PAUSED in onward)
# What is verified sends no more: only one that was canceled before ends so.
CANCELABLE = tuple(
    status
    for status, onward in FLOW.items()
    if Status.CANCELED in onward and status != Status.VERIFYING
)
# What "retry" lets go on now; approval is another person's to give.
RETRYABLE = tuple(status for status in OPEN if status != Status.AWAITING)
# What a consumer works on; the other open ones wait for a person, or for their site.
WORKABLE = (Status.PENDING, Status.RUNNING, Status.VERIFYING)


class OrderError(Exception):
    """A rule of orders was broken. As text it is in the reader's language and fit for staff; it is
    made of a Reason or of a text, which may be a lazy one."""

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason if isinstance(reason, Reason) else str(reason)

    def __str__(self) -> str:
        return translate(self.reason)


def given_reason(text: str, *, most: int = TEXT_LENGTH, missing: Code | None = None) -> str:
    """Why somebody does something, as they typed it, without blanks around it; never cut, as half a
    reason may say the opposite. `missing`: what is said where there is none, if there has to be
    one. Raises OrderError, also for more than `most` characters."""
    text = text.strip()
    if not text and missing:
        raise OrderError(Reason.of(missing))
    if len(printable(text)) > most:  # as rows keep it
        raise OrderError(Reason.of(Code.REASON_TOO_LONG, most=most))
    return text


class TransitionError(OrderError):
    """The order is not, or no longer, in the status that the change starts from."""


class RefundRefusedError(OrderError):
    """The customer's balance has no room for what the order gives back as it ends."""

    reason: Reason
