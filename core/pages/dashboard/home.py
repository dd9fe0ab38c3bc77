"""The parts of the home page, who may see them, and how their figures are shown. Law: display only.
core/reports/dashboard.py has the figures, a dataclass for each part; None: not counted yet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe

from core.models import User
from core.pages import display
from core.pages.dashboard import charts
from core.pages.kept import kept
from core.permissions import Right, may
from core.reports import dashboard, rollups

Figures = Any


@dataclass(frozen=True, slots=True)
class Part:
    """`read` gets its figures, `chart` draws them. `is_money`: never older than the last commit."""

    name: str
    right: Right
    read: Callable[[], Figures]
    chart: Callable[[Figures], SafeString] | None = None
    is_money: bool = False

    def figures(self) -> Figures | None:
        """None: not counted yet."""
        try:
            return self.read()
        except rollups.NotCountedYetError:
            return None

    def drawn(self) -> str:
        return str(self.render(self.figures()))

    def render(self, figures: Figures | None) -> SafeString:
        chart = self.chart(figures) if self.chart and figures else ""
        return render_to_string(f"dashboard/{self.name}.html", {"part": figures, "chart": chart})


def parts_for(user: User) -> dict[str, SafeString]:
    """Name -> markup of the parts that this user may see."""
    allowed = [part for part in PARTS if may(user, part.right)]
    drawn = kept({f"home:{part.name}": part.drawn for part in allowed})
    # render() made it, a moment ago or now.
    return {part.name: mark_safe(drawn[f"home:{part.name}"]) for part in allowed}  # noqa: S308


def money_chart(money: dashboard.Money) -> SafeString:
    points = tuple(
        charts.Point(
            label=date_format(day.date, "m-d"),
            value=float(day.taken),
            title=f"{date_format(day.date, 'Y-m-d')}: {display.money(day.taken)}",
        )
        for day in money.days
    )
    return charts.draw("bars", points, _whole)


def plays_chart(plays: dashboard.Plays) -> SafeString:
    points = tuple(
        charts.Point(label=str(index), value=float(value))
        for index, value in enumerate(plays.minutes, 1 - len(plays.minutes))
    )
    return charts.draw("line", points, _whole)


def _whole(value: float) -> str:
    return display.number(round(value))


PARTS = (
    Part("money", Right.SEE_LEDGER, dashboard.money, money_chart, is_money=True),
    Part("plays", Right.SEE_ORDERS, dashboard.plays, plays_chart),
    Part("machinery", Right.SEE_ORDERS, dashboard.machinery),
    Part("waiting_orders", Right.SEE_ORDERS, dashboard.waiting_orders),
    Part("waiting_customers", Right.SEE_ORDERS, dashboard.waiting_customers),
    Part("waiting_repeats", Right.SEE_ORDERS, dashboard.waiting_repeats),
    Part("waiting_top_ups", Right.SEE_TOP_UPS, dashboard.waiting_top_ups),
    Part("waiting_imports", Right.SEE_IMPORTS, dashboard.waiting_imports),
    Part("orders", Right.SEE_ORDERS, dashboard.orders_by_status),
    Part("attention", Right.SEE_ORDERS, dashboard.attention),
    Part("sites", Right.SEE_SITES, dashboard.sites),
)
