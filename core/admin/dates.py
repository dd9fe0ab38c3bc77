"""The years, months and days above a list. Django truncates the date of every row for them. Here
two seeks find the first and the last date; in a long list all periods between them are offered, and
only a short list is read row by row."""

import datetime
from typing import Any

from django.template.defaultfilters import capfirst
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from core.admin.listing import DeskChangeList

# Up to this many rows are read; of more, the periods are assumed.
FEW = 1_000
PARTS = ("year", "month", "day")
Period = tuple[int, ...]  # (2024,), (2024, 5) or (2024, 5, 17)


def date_hierarchy(cl: DeskChangeList) -> dict[str, Any]:
    """In the shape that the template of Django's own date hierarchy takes."""
    name = cl.date_hierarchy
    if not name:
        return {"show": False}
    chosen = chosen_period(cl, name)
    if len(chosen) == len(PARTS):
        above = link(cl, name, chosen[:2])
        return {"show": True, "back": above, "choices": [{"title": title(chosen)}]}
    periods = periods_below(cl, name, len(chosen) + 1)
    while len(periods) == 1 and not chosen and len(periods[0]) < len(PARTS):
        # A single year or month is no choice.
        periods = periods_below(cl, name, len(periods[0]) + 1)
    back = link(cl, name, chosen[:-1]) if chosen else None
    return {"show": True, "back": back, "choices": [link(cl, name, one) for one in periods]}


def chosen_period(cl: DeskChangeList, name: str) -> Period:
    """The period in the address; the list has refused anything that is no date."""
    found: list[int] = []
    for part in PARTS:
        value = cl.params.get(f"{name}__{part}")
        if value is None:
            break
        found.append(int(value))
    return tuple(found)


def periods_below(cl: DeskChangeList, name: str, depth: int) -> list[Period]:
    # The newest hits of a search do not tell when the others were.
    capped = cl.search_is_capped
    rows = cl.unsearched if capped else cl.paginator.object_list
    dates = rows.values_list(name, flat=True)
    if cl.result_count <= FEW and not capped:
        days = {local_day(moment) for moment in dates.order_by()}
        return sorted({day[:depth] for day in days})
    # An index holds one customer's rows by their numbers.
    order = ("pk",) if cl.is_of_a_customer() else (name, "pk")
    first = local_day(dates.order_by(*order)[0])
    last = local_day(dates.order_by(*(f"-{one}" for one in order))[0])
    return list(between(first, last, depth))


def between(first: Period, last: Period, depth: int) -> list[Period]:
    if depth == 1:
        return [(year,) for year in range(first[0], last[0] + 1)]
    if depth == 2:
        months = range(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1])
        return [(month // 12, month % 12 + 1) for month in months]
    begin, end = (datetime.date(*day).toordinal() for day in (first, last))
    return [datetime.date.fromordinal(one).timetuple()[:3] for one in range(begin, end + 1)]


def local_day(moment: datetime.datetime) -> Period:
    return timezone.localtime(moment).timetuple()[:3]


def link(cl: DeskChangeList, name: str, period: Period) -> dict[str, Any]:
    chosen = {f"{name}__{part}": value for part, value in zip(PARTS, period, strict=False)}
    return {"link": cl.get_query_string(chosen, [f"{name}__"]), "title": title(period)}


def title(period: Period) -> str:
    if not period:
        return _("All dates")
    if len(period) == 1:
        return str(period[0])
    day = datetime.date(*(*period, 1)[:3])
    wording = "YEAR_MONTH_FORMAT" if len(period) == 2 else "MONTH_DAY_FORMAT"
    return capfirst(formats.date_format(day, wording))
