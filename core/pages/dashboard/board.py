"""The board: FLOW drawn with how many orders stand at each status, each a way to their list."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from core.models import FINAL, FLOW, Status
from core.pages import display
from core.pages.dashboard import home
from core.pages.flow import drawing, layout


def look() -> dict[Status, tuple[int, int]]:
    """What the board shows: see home.standing()."""
    return home.standing()


def drawn(standing: dict[Status, tuple[int, int]]) -> dict[str, Any]:
    """What flow/board.html shows."""

    def node(status: Status, wide: bool) -> drawing.Caption:
        here = words(status, standing)
        full = " flow-node--full" if here["full"] else ""
        return drawing.Caption(
            title=here["title"],
            classes=f"flow-node--{display.TONES.get(status, 'off')}{full}",
            label=str(status.label),
            figure=here["figure"],
            notes=(here["wide"] if wide else here["narrow"],) if status in FINAL else (),
            url=here["url"],
        )

    def step(start: Status, end: Status, wide: bool) -> drawing.Caption:
        return drawing.Caption(f"{start.label} → {end.label}")

    shapes = (layout.WIDE_BOARD, layout.NARROW_BOARD)
    return {
        "drawings": drawing.draw(FLOW, node, step, *shapes),
        "lines": [words(status, standing) for status in FLOW],
    }


def words(status: Status, standing: dict[Status, tuple[int, int]]) -> dict[str, Any]:
    """One node in words, for the drawing and for what moves it."""
    now, week = standing[status]
    url = f"{reverse('admin:core_order_changelist')}?status__exact={status.value}"
    figures = {"now": display.number(now), "week": display.number(week), "status": status.label}
    if status not in FINAL:
        title = _("%(status)s: %(now)s orders now") % figures
        return {"title": title, "figure": figures["now"], "url": url, "full": now > 0}
    return {
        "title": _("%(status)s: %(now)s orders today, %(week)s in seven days") % figures,
        "figure": figures["now"],
        "wide": _("today · 7 days: %(week)s") % figures,
        "narrow": _("7 days: %(week)s") % figures,
        "url": url,
        "full": now > 0,
    }
