"""Columns of the desk's lists that show a value of the row in words. Each is an attribute of a
ModelAdmin, with its title, like a method under `admin.display`."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.utils import timezone

from core.admin.base import row_url
from core.pages import display
from core.reasons import reason_of, translate

Cell = Callable[..., Any]


def shown(title: Any, show: Callable[[Any], Any], ordering: str | None = None) -> Cell:
    @admin.display(description=title, ordering=ordering)
    def cell(_admin: Any, row: Any) -> Any:
        return show(row)

    return cell


def number(title: Any, name: str, ordering: str | None = None) -> Cell:
    """A count with grouped digits; `name` may follow relations: "order.count"."""
    value = attrgetter(name)
    return shown(title, lambda row: display.number(value(row)), ordering)


def money(title: Any, name: str, ordering: str | None = None) -> Cell:
    value = attrgetter(name)
    return shown(title, lambda row: display.money(value(row)), ordering)


def link(title: Any, name: str, ordering: str | None = None) -> Cell:
    value = attrgetter(name)
    return shown(title, lambda row: linked(value(row)), ordering)


def since(title: Any, name: str) -> Cell:
    """How long ago the moment in this field was."""

    def show(row: Any) -> str:
        moment = getattr(row, name)
        return display.duration(moment and (timezone.now() - moment).total_seconds())

    return shown(title, show, ordering=name)


def live(title: Any, show: Callable[[Any], str], name: str, ordering: str | None = None) -> Cell:
    """A value of an order that order-live.js keeps fresh under this name."""
    return shown(title, lambda order: display.live(show(order), order, name), ordering)


def reason(title: Any) -> Cell:
    return shown(title, lambda row: translate(reason_of(row)))


def linked(row: Model | None) -> str:
    if row is None:
        return "–"
    return display.link(row_url(str(row._meta.model_name), row.pk), row)
