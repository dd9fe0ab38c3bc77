"""Pages that cost the same everywhere: a page begins after the last row of the one before, found by
an index, and nothing is counted or skipped."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from core.db.keys import key_of

SIZE = 25


@dataclass(frozen=True, slots=True)
class Window:
    """Rows, the newest first; `newer` and `older`: queries of the pages beside it, "" for none."""

    rows: list[Any]
    newer: str
    older: str


def window(rows: QuerySet[Any], asked: QueryDict) -> Window:
    """The page that `?before=ID` or `?after=ID` asks for, else the newest."""
    after, before = key_of(asked.get("after", "")), key_of(asked.get("before", ""))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: SIZE + 1])
        has_newer, found = len(found) > SIZE, found[:SIZE][::-1]
        has_older = bool(found)
    else:
        past = rows if before is None else rows.filter(pk__lt=before)
        found = list(past.order_by("-pk")[: SIZE + 1])
        has_older, found = len(found) > SIZE, found[:SIZE]
        has_newer = before is not None and bool(found)
    return Window(
        found,
        query(asked, after=found[0].pk) if has_newer else "",
        query(asked, before=found[-1].pk) if has_older else "",
    )


def query(asked: QueryDict, **place: int) -> str:
    """The same filters at another place."""
    kept = [(key, value) for key, value in asked.items() if key not in ("before", "after")]
    return "?" + urlencode([*((key, value) for key, value in kept if value), *place.items()])
