"""The board: FLOW with the number of orders at each status, each linked to their list. Law: display
only. core/reports/dashboard.py counts."""

from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core.models import FLOW, Status
from core.pages import display
from core.pages.flow import drawing, layout
from core.pages.kept import kept
from core.reports import dashboard, rollups
from core.reports.dashboard import StatusCount


def drawn() -> SafeString:
    """The board as it is now, or the note that it is being counted."""
    return mark_safe(kept({"board": _draw})["board"])  # noqa: S308 (a template's)


def _draw() -> str:
    try:
        context = {"board": board_of(dashboard.orders_by_status())}
    except rollups.NotCountedYetError:
        context = {}
    return render_to_string("dashboard/board_figure.html", context)


def board_of(counts: Iterable[StatusCount]) -> dict[str, Any]:
    """The context of dashboard/board_figure.html."""
    by_status = {count.status: describe(count) for count in counts}

    def node(status: Status, wide: bool) -> drawing.Caption:
        here = by_status[status]
        full = " flow-node--full" if here["full"] else ""
        note = here.get("wide" if wide else "narrow")
        return drawing.Caption(
            title=here["title"],
            classes=f"flow-node--{display.tone_of(status)}{full}",
            label=str(status.label),
            figure=here["figure"],
            notes=(note,) if note else (),
            url=here["url"],
        )

    def step(start: Status, end: Status, wide: bool) -> drawing.Caption:
        return drawing.Caption(f"{start.label} → {end.label}")

    shapes = (layout.WIDE_BOARD, layout.NARROW_BOARD)
    return {"drawings": drawing.draw(FLOW, node, step, *shapes), "lines": by_status}


def describe(count: StatusCount) -> dict[str, Any]:
    """The texts of one status, for the drawing and for dashboard.js, which keeps it fresh."""
    now, week = display.number(count.count), display.number(count.week)
    texts = {"now": now, "week": week, "status": count.status.label}
    url = f"{reverse('admin:core_order_changelist')}?status__exact={count.status.value}"
    shown = {"figure": now, "url": url, "full": count.count > 0}
    if not count.is_final:
        return shown | {"title": _("%(status)s: %(now)s orders now") % texts}
    return shown | {
        "title": _("%(status)s: %(now)s orders today, %(week)s in seven days") % texts,
        "wide": _("today · 7 days: %(week)s") % texts,
        "narrow": _("7 days: %(week)s") % texts,
    }
