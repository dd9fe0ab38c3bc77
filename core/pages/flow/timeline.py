"""The steps of one order, and FLOW drawn with them: where the order is and was, with whom and when,
and what may come next. Law: the past is read from its events alone, the future from FLOW."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.models import FLOW, Order, OrderEvent, Status, onward_from
from core.pages.display import tone_of
from core.pages.flow import drawing
from core.reasons import reason_of, translate

# The audience of a page. Customers read "the desk", no names of staff and none of their reasons.
DESK, CUSTOMER = "desk", "customer"
NAME_LETTERS, NOTE_LETTERS = 14, 13
# An order that stops and goes on for months has thousands; a page shows the latest.
STEPS_SHOWN = 100
STEPS = Prefetch("events", OrderEvent.objects.select_related("creator").order_by("pk"))


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A step of the past. `before`: None for the first; equal to `after` if the status stayed."""

    number: int
    before: int | None
    after: int
    who: str
    when: datetime.datetime
    reason: str

    @property
    def moment(self) -> str:
        """To the second today, else with the day."""
        local = timezone.localtime(self.when)
        today = local.date() == timezone.localdate()
        return date_format(local, "H:i:s" if today else "m-d H:i")


def timeline_of(order: Order, audience: str = CUSTOMER) -> dict[str, Any]:
    """What flow/order.html shows, for "desk" or "customer"."""
    steps = entries_of(order, audience)
    here = order.status
    by_step: dict[tuple[int | None, int], list[TimelineEntry]] = {}
    for one in steps:
        by_step.setdefault((one.before, one.after), []).append(one)

    def node(status: Status, wide: bool) -> drawing.Caption:
        entered = [one for one in steps if one.after == status and one.before != status]
        return _node_caption(status, here, entered, wide)

    def step(start: Status, end: Status, wide: bool) -> drawing.Caption:
        return _step_caption(start, end, by_step.get((start, end), []), start == here, wide)

    return {
        "drawings": drawing.draw(FLOW, node, step),
        "steps": steps[-STEPS_SHOWN:],
        "here": here,
        "onward": onward_from(here),
    }


def entries_of(order: Order, audience: str) -> list[TimelineEntry]:
    """All steps so far, the oldest first. Any audience but the desk is treated as a customer."""
    own_login = None if audience == DESK else order.customer.user_id
    prefetch_related_objects([order], STEPS)  # does nothing if they are loaded already
    return [
        TimelineEntry(
            number,
            event.from_status,
            event.to_status,
            str(event.creator or "") if audience == DESK else told_who(event, own_login),
            event.create_date,
            translate(reason_of(event)) if audience == DESK else "",
        )
        for number, event in enumerate(order.events.all(), 1)
    ]


def told_who(event: OrderEvent, own_login: int | None) -> str:
    """For customers all staff are "the desk". "": the office itself, by its consumers."""
    if event.creator_id is None:
        return ""
    return _("you") if event.creator_id == own_login else _("the desk")


def _node_caption(
    status: Status, here: int, entered: list[TimelineEntry], wide: bool
) -> drawing.Caption:
    classes, facts = [f"flow-node--{tone_of(status)}"], []
    notes: tuple[str, ...] = ()
    if entered:
        classes.append("flow-node--been")
        facts.append(_by_whom(entered[-1]))
        if entered[0].before is None:
            placed = _("placed %(when)s") % {"when": entered[0].moment}
            fits = wide and drawing.columns(placed) <= NOTE_LETTERS
            notes = (placed if fits else entered[0].moment,)
    if status == here:
        classes.append("flow-node--here")
        facts.insert(0, _("the order is here now"))
    elif status in onward_from(here):
        classes.append("flow-node--next")
        facts.insert(0, _("may come next"))
    mark = "✓ " if entered and status != here else ""
    return drawing.Caption(
        title=": ".join(filter(None, (str(status.label), ", ".join(facts)))),
        classes=" ".join(classes),
        label=f"{mark}{status.label}",
        notes=notes,
        badge=_("now") if status == here else "",
    )


def _step_caption(
    start: Status, end: Status, walked: list[TimelineEntry], from_here: bool, wide: bool
) -> drawing.Caption:
    name = f"{start.label} → {end.label}"
    if not walked:
        ahead = "flow-step--next" if from_here else ""
        return drawing.Caption(f"{name}: {_('may come next')}" if from_here else name, ahead)
    title = f"{name}: " + "; ".join(_by_whom(step) for step in walked[-STEPS_SHOWN:])
    if not wide:
        numbers = [str(step.number) for step in walked]
        badge = ",".join(numbers) if len(numbers) < 3 else f"{numbers[0]}…{numbers[-1]}"
        return drawing.Caption(title, "flow-step--walked", badge=badge)
    last = walked[-1]
    when = last.moment if len(walked) == 1 else f"{last.moment} ×{len(walked)}"
    who = drawing.shortened(last.who, NAME_LETTERS)
    return drawing.Caption(title, "flow-step--walked", notes=(who, when))


def _by_whom(step: TimelineEntry) -> str:
    return f"{step.moment}, {step.who}" if step.who else step.moment
