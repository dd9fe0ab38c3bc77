"""A site's week as a picture: a row for each day, a cell for each hour. The darker, the more plays;
quiet hours are crossed out. SVG without script or style, like all our drawings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from booster.week import DAY_MINUTES, QuietLine

CELL, LEFT, TOP = 16, 44, 16
HOURS = range(0, 24, 6)


@dataclass(frozen=True, slots=True)
class Cell:
    """`opacity`: of the colour, from 0 to 1. `quiet`: its quiet parts, (x, width) each."""

    x: int
    y: int
    opacity: str
    title: str
    quiet: tuple[tuple[float, float], ...]


def draw(profile: Sequence[Sequence[float]], quiet: Iterable[str]) -> dict[str, Any]:
    """The context of desk/site_form.html. `quiet`: lines as they are stored."""
    most = max(map(max, profile))
    total = sum(map(sum, profile))
    windows = [window for line in quiet for window in QuietLine.parse(line).windows()]
    cells = [
        Cell(
            LEFT + hour * CELL,
            TOP + day * CELL,
            f"{number / most:.2f}",
            _("%(day)s %(hour)s:00: %(percent)s %% of the week")
            % {
                "day": WEEKDAYS_ABBR[day],
                "hour": f"{hour:02}",
                "percent": f"{100 * number / total:.2f}",
            },
            tuple(quiet_parts(day * DAY_MINUTES + hour * 60, windows)),
        )
        for day, numbers in enumerate(profile)
        for hour, number in enumerate(numbers)
    ]
    return {
        "cells": cells,
        "days": [(TOP + day * CELL + 12, str(WEEKDAYS_ABBR[day])) for day in range(7)],
        "hours": [(LEFT + hour * CELL, f"{hour:02}:00") for hour in HOURS],
        "width": LEFT + 24 * CELL,
        "height": TOP + 7 * CELL,
    }


def quiet_parts(begin: int, windows: Iterable[tuple[int, int]]) -> Iterable[tuple[float, float]]:
    """(x, width) within the cell of the hour that begins at this minute."""
    week = 7 * DAY_MINUTES
    for start, end in windows:
        for shift in (0, week):  # a window may run over into the next week
            low, high = max(begin + shift, start), min(begin + shift + 60, end)
            if low < high:
                yield (low - begin - shift) * CELL / 60, (high - low) * CELL / 60
