"""The parts of the home page: which there are, who may see them, and how their figures are shown.

Law: display only. The figures are those of core/reports/dashboard.py, each part's own dataclass;
None stands for sums that were not counted yet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from core.models import User
from core.pages import display
from core.pages.dashboard import charts
from core.permissions import Right, may
from core.reports import dashboard, rollups

Figures = Any


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the home page. `read` asks for its figures, `chart` draws them."""

    name: str
    right: Right
    read: Callable[[], Figures]
    chart: Callable[[Figures], SafeString] | None = None

    def figures(self) -> Figures | None:
        """None: not counted yet."""
        try:
            return self.read()
        except rollups.NotCountedYetError:
            return None

    def render(self, figures: Figures | None) -> SafeString:
        chart = self.chart(figures) if self.chart and figures else ""
        context = {"part": figures, "chart": chart}
        return render_to_string(f"dashboard/{self.name}.html", context)


def parts_for(user: User) -> list[Part]:
    return [part for part in PARTS if may(user, part.right)]


def money_chart(money: dashboard.Money) -> SafeString:
    points = tuple(
        charts.Point(
            label=date_format(day.date, "m-d"),
            value=float(day.taken),
            title=f"{date_format(day.date, 'Y-m-d')}: {display.money(day.taken)}",
        )
        for day in money.days
    )
    return charts.bars(points, _whole)


def plays_chart(plays: dashboard.Plays) -> SafeString:
    points = tuple(
        charts.Point(label=str(index), value=float(value))
        for index, value in enumerate(plays.minutes, 1 - len(plays.minutes))
    )
    return charts.line(points, _whole)


def _whole(value: float) -> str:
    return display.number(round(value))


PARTS = (
    Part("money", Right.SEE_LEDGER, dashboard.money, money_chart),
    Part("plays", Right.SEE_ORDERS, dashboard.plays, plays_chart),
    Part("machinery", Right.SEE_ORDERS, dashboard.machinery),
    Part("waiting_orders", Right.SEE_ORDERS, dashboard.waiting_orders),
    Part("waiting_customers", Right.SEE_ORDERS, dashboard.waiting_customers),
    Part("waiting_imports", Right.SEE_IMPORTS, dashboard.waiting_imports),
    Part("orders", Right.SEE_ORDERS, dashboard.orders_by_status),
    Part("attention", Right.SEE_ORDERS, dashboard.attention),
    Part("sites", Right.SEE_SITES, dashboard.sites),
)
