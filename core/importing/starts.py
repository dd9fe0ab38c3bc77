"""When an order of a file is to start."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.forms import DateTimeField
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, localdate, make_aware
from django.utils.translation import gettext as _

from core.db import clock
from core.importing.cells import UNSAID, Parsed, read_each, shorn
from core.ordering import StartRefusedError, start_to_come

START = re.compile(
    r"(?P<year>20[0-9]{2})(?P<mark>[-/.年])(?P<month>[0-9]{1,2})(?:(?P=mark)|月)"
    r"(?P<day>[0-9]{1,2})日?(?:[ T]*(?P<time>[0-9]{1,2}:.*))?"
)

AS_TYPED = DateTimeField()


def starts(cells: Sequence[str], asked: datetime | None = None) -> Parsed:
    """Starts by the office's clock. None means at once: an empty cell, today, or a time that has
    passed since a person `asked` for it."""

    def read(cell: str) -> datetime | None:
        text = unicodedata.normalize("NFKC", shorn(cell))
        moment = moment_of(text)
        if moment is None and text and text.lower() not in UNSAID:
            raise ValidationError(_("Not a date and time: write it as 2026-12-03 09:00."))
        if moment and ":" not in text and moment == clock.midnight(localdate()):
            return None
        try:
            return start_to_come(moment, asked)
        except StartRefusedError as error:
            raise ValidationError(str(error)) from None

    return read_each(cells, read, broken=None)


def moment_of(text: str) -> datetime | None:
    """None if it is no moment or may be two: 3/12 is in March or in December. A day alone begins at
    midnight. Raises ValidationError, as forms do, for a time that the clock skips or shows twice
    that day."""
    parts = START.fullmatch(text)
    if parts is None:
        return None
    if "-" in (parts["time"] or "") and "T" not in text:
        return None  # 09:00-10:00 is not a time ten hours behind UTC
    day = "-".join((parts["year"], parts["month"].zfill(2), parts["day"].zfill(2)))
    try:
        moment = parse_datetime(f"{day} {parts['time'] or '00:00'}")
    except ValueError:  # 30 February
        return None
    if moment is None or not is_naive(moment):
        return moment
    return AS_TYPED.clean(moment) if parts["time"] else make_aware(moment)
