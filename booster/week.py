"""A site's week on its own clock, changes of the clock included: when it is quiet, and how its load
is spread. Pure: moments are seconds since the epoch, minutes count from Monday, 0:00."""

import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import TypeVar

from booster.exceptions import PermanentError, SiteCode

T = TypeVar("T")

HOUR = 3600.0
CENTURY = 876_600 * HOUR
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
# A larger load is a slip of the pen.
MOST_PLAYS = 10**12
# A longer line is none of a week, and to normalize its Unicode would take minutes.
LONGEST_LINE = 1_000

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# How people begin the names of days; the sequence is that of DAYS.
BEGINNINGS = (
    *(("mon", "周一", "星期一"), ("tue", "周二", "星期二"), ("wed", "周三", "星期三")),
    *(("thu", "周四", "星期四"), ("fri", "周五", "星期五"), ("sat", "周六", "星期六")),
    ("sun", "周日", "周天", "星期日", "星期天"),
)
EVERY_DAY = ("", "daily", "every day", "每天", "每日")
SPAN = re.compile(
    r"(?P<days>.*?)\s*(?P<begin>[0-9]{1,2}:[0-9]{2})\s*-\s*(?P<end>[0-9]{1,2}:[0-9]{2})"
)

# Seven days of 24 numbers, Monday and midnight first; only their proportions matter.
Profile = tuple[tuple[float, ...], ...]
# The built-in daily load profile: little at night, a rise at noon, most in the evening.
DAILY_LOAD = (3, 2, 1, 1, 1, 1, 2, 3, 4, 4, 5, 6, 7, 6, 5, 5, 5, 6, 7, 9, 10, 10, 8, 5)
DAILY_LOAD_PROFILE: Profile = (DAILY_LOAD,) * 7


@dataclass(frozen=True, slots=True)
class QuietLine:
    """The same minutes of some days. An `end` that is not after `begin` is on the next day."""

    days: tuple[int, ...]
    begin: int
    end: int

    @classmethod
    def parse(cls, line: str) -> "QuietLine":
        """Of "Mon-Fri 22:00-06:00", say; without days: every day. Raises PermanentError."""
        found = SPAN.fullmatch(plain(line))
        if found is None:
            raise PermanentError(SiteCode.QUIET_LINE_UNREADABLE, line=line)
        begin, end = (minutes_of(found[name], line) for name in ("begin", "end"))
        if begin == DAY_MINUTES:
            raise PermanentError(SiteCode.QUIET_TIME_UNREADABLE, line=line, time=found["begin"])
        return cls(days_of(found["days"], line), begin, end)

    def windows(self) -> Iterator[tuple[int, int]]:
        """Minutes of the week; a window may run over into the next week."""
        length = self.end - self.begin + (0 if self.end > self.begin else DAY_MINUTES)
        for day in self.days:
            yield day * DAY_MINUTES + self.begin, day * DAY_MINUTES + self.begin + length

    def __str__(self) -> str:
        times = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.begin, self.end))
        return f"{','.join(runs_of(self.days))} {'-'.join(times)}"


class Week:
    """`quiet`: lines; `profile`: how the load of open hours is spread, None: evenly. Raises
    PermanentError where it would be quiet for ever."""

    def __init__(
        self, zone: tzinfo, quiet: Iterable[str] = (), profile: Profile | None = None
    ) -> None:
        self.zone = zone
        is_quiet = bytearray(WEEK_MINUTES)
        for line in quiet:
            for begin, end in QuietLine.parse(line).windows():
                for minute in range(begin, end):
                    is_quiet[minute % WEEK_MINUTES] = True
        if all(is_quiet):
            raise PermanentError(SiteCode.QUIET_ALWAYS)
        self.has_quiet_hours = any(is_quiet)
        # Spans of the week that are alike, by the minute they begin: (weight, is quiet).
        self._begins: list[int] = []
        self._spans: list[tuple[float, bool]] = []
        for minute, quiet_now in enumerate(is_quiet):
            day, hour = minute // DAY_MINUTES, minute // 60 % 24
            weight = 1.0 if profile is None else float(profile[day][hour])
            span = (0.0 if quiet_now else weight, bool(quiet_now))
            if not self._spans or span != self._spans[-1]:
                self._begins.append(minute)
                self._spans.append(span)

    def opens_at(self, now: float) -> float:
        """When something may be sent: now, or when the quiet hours end."""
        while self.has_quiet_hours:
            until, _weight, is_quiet = self._span_at(now)
            if not is_quiet:
                break
            now = until
        return now

    def after(self, start: float, seconds: float) -> float:
        """When, from `start` on, it was open so long; after a century quiet hours count as open."""
        end = start + CENTURY
        while self.has_quiet_hours and start < end:
            until, _weight, is_quiet = self._span_at(start)
            if not is_quiet:
                if until - start >= seconds:
                    break
                seconds -= until - start
            start = until
        return start + seconds

    def spans(self, start: float, end: float) -> Iterator[tuple[float, float, bool]]:
        """The time from `start` to `end`: (until, weight of each second, is quiet)."""
        while start < end:
            until, weight, is_quiet = self._span_at(start)
            start = min(until, end)
            yield start, weight, is_quiet

    def _span_at(self, now: float) -> tuple[float, float, bool]:
        if len(self._spans) == 1:
            return math.inf, *self._spans[0]
        local = datetime.fromtimestamp(now, self.zone)
        seconds = local.second + local.microsecond / 1e6
        minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute + seconds / 60
        index = bisect_right(self._begins, minute)
        end = self._begins[index] if index < len(self._begins) else WEEK_MINUTES
        # Clocks are put forward and back at whole seconds.
        until = float(round(now + (end - minute) * 60))
        return self._before_clock_change(now, until), *self._spans[index - 1]

    def _before_clock_change(self, now: float, until: float) -> float:
        """`until`, or the moment before it at which the clock is changed."""

        def offset(moment: float) -> object:
            return datetime.fromtimestamp(moment, self.zone).utcoffset()

        before = offset(now)
        if offset(until) == before:
            return until
        low, high = math.floor(now), math.ceil(until)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == before else (low, middle)
        return float(high)


# --- what people type


def quiet_lines(text: str) -> list[str]:
    """As they are kept. Raises PermanentError for the first bad one."""
    found = [str(QuietLine.parse(line)) for line in text.splitlines() if line.strip()]
    Week(UTC, found)
    return list(dict.fromkeys(found))


def load_profile(text: str) -> list[list[float]]:
    """7 days of 24 numbers, of one line or column of 24 (all days alike), 7 lines of 24 (days), 24
    lines of 7 (hours), or lines of weekday, hour and plays (summed). Raises PermanentError."""
    rows = table_of(text)
    shape = len(rows), {len(row) for row in rows}
    match shape:
        case (1, widths) if widths == {24}:
            profile = [numbers_of(rows[0], 1)] * 7
        case (24, widths) if widths == {1}:
            profile = [[numbers_of(row, line)[0] for line, row in enumerate(rows, 1)]] * 7
        case (7, widths) if widths == {24}:
            profile = [numbers_of(row, line) for line, row in enumerate(rows, 1)]
        case (24, widths) if widths == {7}:
            by_hour = [numbers_of(row, line) for line, row in enumerate(rows, 1)]
            profile = [list(day) for day in zip(*by_hour, strict=True)]
        case (_lines, widths) if widths == {3}:
            profile = summed(rows)
        case _:
            raise PermanentError(SiteCode.PROFILE_OF_ODD_SHAPE, number=sum(map(len, rows)))
    if not any(map(any, profile)):
        raise PermanentError(SiteCode.PROFILE_EMPTY)
    return [list(day) for day in profile]


def table_of(text: str) -> list[list[str]]:
    """Its cells, without the names of days and hours, the days from Monday on."""
    rows = [cells_of(plain(line)) for line in text.splitlines()]
    rows = [row for row in rows if row != [""]]
    header: list[str] = []
    lines = [row[0] for row in rows[-7:] if len(row) == 25]
    if rows and (is_header(rows[0]) or len(rows) - 1 == len(lines) == 7):
        header, *rows = rows
    if len(rows) == 7 and is_week(lines):
        rows = [row[1:] for row in in_order(rows, lines)]
    elif len(rows) == 24 and [hour_of(row[0]) for row in rows if len(row) == 8] == [*range(24)]:
        rows = [row[1:] for row in rows]
    if len(rows) == 24 and {len(row) for row in rows} == {7} and is_week(header[-7:]):
        rows = [in_order(row, header[-7:]) for row in rows]
    return rows


def cells_of(line: str) -> list[str]:
    """Commas are decimal where something else parts cells, unless thousands may be meant."""
    parts = r"[,;\s]+"
    if ";" in line or "\t" in line:
        parts = r"[;\s]+"
        line = re.sub(r"\b0,(?=[0-9])", "0.", line)
        line = re.sub(r"(?<=[0-9]),(?=([0-9]{1,2}|[0-9]{4,})(?![0-9]))", ".", line)
    return [cell.strip("\"'").rstrip("%") for cell in re.split(parts, line.strip(",; \t"))]


def is_header(row: Sequence[str]) -> bool:
    return not any(sign.isdigit() for cell in row for sign in cell)


def is_week(names: Sequence[str]) -> bool:
    """Whether each day is named once."""
    return len(names) == 7 and {day_named(name) for name in names} == set(range(7))


def in_order(of_days: Sequence[T], names: Sequence[str]) -> list[T]:
    """From Monday on."""
    days = [day_named(name) for name in names]
    return [of_days[days.index(day)] for day in range(7)]


def hour_of(text: str) -> int | None:
    found = re.fullmatch(r"([0-9]{1,2})(:00)?", text)
    return int(found[1]) if found and int(found[1]) < 24 else None


def summed(rows: Sequence[Sequence[str]]) -> list[list[float]]:
    profile: list[list[float]] = [[0] * 24 for _day in DAYS]
    for line, (day, hour, plays) in enumerate(rows, 1):
        at = hour_of(hour)
        if at is None:
            raise PermanentError(SiteCode.PROFILE_HOUR_UNKNOWN, line=line, value=hour)
        number = int(day) - 1 if re.fullmatch("[1-7]", day) else day_named(day)
        if number is None:
            raise PermanentError(SiteCode.PROFILE_DAY_UNKNOWN, line=line, value=day)
        profile[number][at] += numbers_of([plays], line)[0]
    return profile


def numbers_of(cells: Sequence[str], line: int) -> list[float]:
    found: list[float] = []
    for cell in cells:
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", cell) or float(cell) > MOST_PLAYS:
            raise PermanentError(SiteCode.PROFILE_NUMBER_UNREADABLE, line=line, value=cell)
        found.append(int(cell) if cell.isdecimal() else float(cell))
    return found


def days_of(text: str, line: str) -> tuple[int, ...]:
    """Days such as "Mon-Wed,Sat"; a run may go on over the end of the week."""
    if text.strip(" :") in EVERY_DAY:
        return tuple(range(7))
    found = set()
    for part in re.split(r"[,、]\s*|\s+and\s+", text.strip(" ,:")):
        first, dash, last = (name.strip() for name in part.partition("-"))
        begin, end = [day_named(name) for name in (first, last if dash else first)]
        if begin is None or end is None:
            raise PermanentError(SiteCode.QUIET_DAY_UNKNOWN, line=line, day=part)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def day_named(name: str) -> int | None:
    name = name.casefold().rstrip(".")
    for number, beginnings in enumerate(BEGINNINGS):
        if name.startswith(beginnings[0]) or name in beginnings:
            return number
    return None


def minutes_of(time: str, line: str) -> int:
    hour, minute = map(int, time.split(":"))
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise PermanentError(SiteCode.QUIET_TIME_UNREADABLE, line=line, time=time)
    return hour * 60 + minute


def runs_of(days: Sequence[int]) -> Iterator[str]:
    """Mon-Fri for days that follow each other."""
    for _offset, run in groupby(enumerate(days), lambda one: one[1] - one[0]):
        members = [DAYS[day] for _index, day in run]
        yield members[0] if len(members) == 1 else f"{members[0]}-{members[-1]}"


def plain(line: str) -> str:
    """Without width, case, byte order mark and odd dashes. Raises PermanentError if too long."""
    if len(line) > LONGEST_LINE:
        raise PermanentError(SiteCode.WEEK_LINE_TOO_LONG, most=LONGEST_LINE)
    text = unicodedata.normalize("NFKC", line).casefold().replace("\ufeff", "").strip()
    return re.sub(r"\s*[–—~〜至到−]\s*|\s+-\s+|\s+to\s+", "-", text)
