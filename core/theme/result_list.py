"""The rows of a list as HTML, as Django's admin draws them, in a fraction of the time: facts about
a column are found once a page, not once a cell. Each cell also names its column: on a phone a row
is a card. No list of the desk is edited in place, so the rows have no forms."""

import datetime
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import display_for_value, label_for_field, quote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.template.defaultfilters import capfirst
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext as _

from core.theme.escaping import escaped
from core.theme.links import with_filters

Cell = Callable[[Any], str]
NO_ROW = "no-such-row"
# The name under which an action gets the rows.
SELECTED = "_selected_action"
# People who look at a list mostly see the same moments again.
REMEMBERED = 10_000


def result_list(cl: ChangeList) -> dict[str, Any]:
    """For desk/result_list.html."""
    headers = list(result_headers(cl))
    return {
        "result_headers": headers,
        "num_sorted_fields": sum(bool(header.get("sorted")) for header in headers),
        "rows": rows_of(cl),
        "is_filtered": not cl.result_list and cl.root_queryset.exists(),
    }


def rows_of(cl: ChangeList) -> SafeString:
    cells = cells_of(cl)
    lines = []
    for number, row in enumerate(cl.result_list):
        lines.append(f'<tr class="row{number % 2 + 1}">')
        lines.extend(cell(row) for cell in cells)
        lines.append("</tr>\n")
    return mark_safe("".join(lines))  # noqa: S308 (each cell escapes what it holds)


def cells_of(cl: ChangeList) -> list[Cell]:
    """One function for each column, in their order."""
    found: list[Cell] = []
    has_head = False
    for name in cl.list_display:
        if name == "action_checkbox":
            found.append(checkbox())
            continue
        show, classes = column_of(cl, name)
        classes = f'{classes}" data-label="{conditional_escape(title_of(cl.model_admin, name))}'
        links = cl.list_display_links
        if links is None or (name not in links if links else has_head):
            found.append(plain_cell(show, classes))
        else:
            found.append(linked_cell(cl, show, classes, "td" if has_head else "th"))
            has_head = True
    return found


def title_of(admin: Any, name: Any) -> str:
    return capfirst(str(label_for_field(name, admin.model, admin)))


def checkbox() -> Cell:
    label = conditional_escape(_("Select this object for an action - {}"))
    before, after = str(label).split("{}")

    def cell(row: Any) -> str:
        return (
            f'<td class="action-checkbox"><input type="checkbox" name="{SELECTED}" '
            f'value="{row.pk}" class="action-select" '
            f'aria-label="{before}{escaped(str(row))}{after}"></td>'
        )

    return cell


def plain_cell(show: Cell, classes: str) -> Cell:
    start = f'<td class="{classes}">'
    return lambda row: f"{start}{escaped(show(row))}</td>"


def linked_cell(cl: ChangeList, show: Cell, classes: str, tag: str) -> Cell:
    """The address is the same in all rows except for the key."""
    sample = cl.model(pk=0)
    key = cl.pk_attname
    setattr(sample, key, NO_ROW)
    url = with_filters(cl.url_for_result(sample), cl.opts, cl.preserved_filters)
    before, after = str(conditional_escape(url)).split(quote(NO_ROW))
    opener = cl.to_field or key
    start = '<th scope="row"' if tag == "th" else "<td"

    def cell(row: Any) -> str:
        popup = ""
        if cl.is_popup:
            popup = f' data-popup-opener="{conditional_escape(row.serializable_value(opener))}"'
        href = f"{before}{quote(getattr(row, key))}{after}"
        text = escaped(show(row))
        return f'{start} class="{classes}"><a href="{href}"{popup}>{text}</a></{tag}>'

    return cell


def column_of(cl: ChangeList, name: Any) -> tuple[Cell, str]:
    """How a column shows a row, and the classes of its cells."""
    admin = cl.model_admin
    try:
        field = cl.lookup_opts.get_field(name)
    except FieldDoesNotExist:
        return computed_column(cl, name)
    empty = admin.get_empty_value_display()
    if isinstance(field.remote_field, models.ManyToOneRel):
        return related(field, empty), f"field-{name} nowrap"
    dated = isinstance(field, models.DateField | models.TimeField)
    classes = f"field-{name} nowrap" if dated and not field.auto_created else f"field-{name}"
    return field_text(field, empty), classes


def related(field: Any, empty: str) -> Cell:
    def show(row: Any) -> str:
        other = getattr(row, field.name)
        return empty if other is None else other

    return show


def field_text(field: Any, empty: str) -> Cell:
    name = field.attname
    if isinstance(field, models.DateTimeField):
        return date_text(name, empty)
    boolean = isinstance(field, models.BooleanField)

    def show(row: Any) -> Any:
        if field.choices:
            label = getattr(row, f"get_{name}_display")()
            return empty if label is None else label
        return text_of(getattr(row, name), empty, boolean)

    return show


def text_of(value: Any, empty: str, boolean: bool) -> Any:
    if isinstance(value, SafeString):
        return value
    if isinstance(value, str):
        return value if value.strip() else empty
    return display_for_value(value, empty, boolean)


def date_text(name: str, empty: str) -> Cell:
    """In the reader's zone and language, which are the same on the whole page."""
    zone, language = timezone.get_current_timezone(), get_language()

    def show(row: Any) -> str:
        moment = getattr(row, name)
        return empty if moment is None else _moment_text(moment, zone, language)

    return show


@lru_cache(REMEMBERED)
def _moment_text(moment: datetime.datetime, zone: datetime.tzinfo, _language: str | None) -> str:
    return date_format(moment.astimezone(zone), "DATETIME_FORMAT")


def computed_column(cl: ChangeList, name: str) -> tuple[Cell, str]:
    """A method of the admin class: our lists name only those beside fields."""
    method = getattr(cl.model_admin, name)
    boolean = getattr(method, "boolean", False)
    empty = getattr(method, "empty_value_display", cl.model_admin.get_empty_value_display())

    def show(row: Any) -> Any:
        return text_of(method(row), empty, boolean)

    # Django asks each value whether it is a date; here the first row decides for the column.
    sample = next(iter(cl.result_list), None)
    dated = sample is not None and isinstance(method(sample), datetime.date | datetime.time)
    return show, f"field-{name} nowrap" if dated else f"field-{name}"
