"""The report of a calibration: what each stage sent and moved, and every reading. The desk shows
the same as the customers' page."""

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from booster.proof.calibration import GRAVE, MAX_PLAYS, Record, Stage
from core.models import Calibration
from core.pages import display
from core.reasons import translate

TONES: dict[int, str] = {
    Calibration.Status.RUNNING: "busy",
    Calibration.Status.DONE: "good",
    Calibration.Status.CANCELED: "off",
    Calibration.Status.FAILED: "bad",
}
# What each stage does, and why.
STAGES = {
    Stage.QUIET: gettext_lazy(
        "Readings without a play: how much other people view, and whether a reading counts."
    ),
    Stage.ONE: gettext_lazy("One play: whether it is accepted, and when it shows."),
    Stage.TEN: gettext_lazy("Ten plays one after the other over one connection."),
    Stage.PARALLEL: gettext_lazy("Ten plays at once: whether any are lost or refused for now."),
    Stage.FRESH: gettext_lazy(
        "Ten plays one after the other, each over a new connection: whether sessions count once."
    ),
    Stage.LIMIT: gettext_lazy("Twenty plays at a steady pace, because plays were refused for now."),
    Stage.WINDOW: gettext_lazy("Single plays at growing intervals: when an address counts again."),
    Stage.AFTER: gettext_lazy("Readings without a play: how much other people view."),
}


def state_of(calibration: Calibration) -> SafeString:
    tone = TONES.get(calibration.status, display.UNKNOWN)
    return display.tag(calibration.get_status_display(), tone)


def report_of(calibration: Calibration) -> dict[str, Any]:
    """For both pages; audits/figures.html draws the tables."""
    record = Record.from_json(calibration.figures)
    sent = {"number": len(record.plays), "most": MAX_PLAYS}
    return {
        "calibration": calibration,
        "state": state_of(calibration),
        "findings": [(translate(row), row.code in GRAVE) for row in calibration.reasons],
        "price": display.money(calibration.price) if calibration.customer_id else "",
        "stages": stages_of(calibration, record),
        "plays": _("%(number)s of at most %(most)s plays sent") % sent,
        "readings": readings_of(record),
    }


def stages_of(obj: Calibration, record: Record) -> list[dict[str, Any]]:
    found = []
    before = None
    for stage, text in STAGES.items():
        plays, readings = record.plays_of(stage), record.readings_of(stage)
        is_now = obj.stage == stage and not obj.is_final
        if not plays and not readings and not is_now:
            continue
        before = before or (readings[0] if readings else None)
        moved = readings[-1].views - before.views if before and readings else None
        before = readings[-1] if readings else before
        found.append(
            {
                "text": text,
                "is_now": is_now,
                "sent": len(plays),
                "received": sum(play.received for play in plays),
                "readings": len(readings),
                "moved": display.number(moved),
            }
        )
    return found


def readings_of(record: Record) -> list[tuple[str, str, str]]:
    """When, which count, and how many plays the site had taken by then."""
    return [
        (
            f"{reading.at:.1f}",
            display.number(reading.views),
            display.number(sum(play.at <= reading.at for play in record.received)),
        )
        for reading in record.readings
    ]
