"""Requests that nobody means, over every address of the office, from a seed: each fault that is
found can be asked for again by its number."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.test import Client
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import URLResolver

NINES = "9" * 40
# What has made somebody's office fail: too large, not text, not what the field is.
VALUES = (
    *("", "0", "-1", "1", "99", NINES, "9" * 5_000, "1e999", "NaN", "1.5", "²", "٣", "x", "None"),
    *("\x00", "a\x00b", "\ud800", "\udfff", "é" * 300, "%", "%00", "'", '"', "\\", ".."),
    *("1,2", f"1,{NINES}", "2026-02-31", "0000-00-00", "99999-01-01", "24:61", "true", "[]", "{}"),
    *("[" * 500, "_all", "-1.-2.-3", "1.2.3", f"-{NINES}", "id", "pk", "id__in", "password"),
)
NAMES = (
    *("q", "o", "p", "page", "all", "e", "_to_field", "_popup", "_changelist_filters", "next"),
    *("id", "pk", "id__in", "id__exact", "id__gt", "id__isnull", "status", "status__exact", "term"),
    *("app_label", "model_name", "field_name", "format", "resource", "customer", "customer__id"),
    *("customer__id__exact", "create_date__year", "create_date__month", "create_date__day"),
    *("create_date__gte", "create_date__lt", "action_time__year", "since", "until", "before"),
    *("url", "count", "memo", "hours", "username", "password", "code", "amount", "note", "name"),
    *("filter", "saved", "kind__exact", "creator__id__exact", "site__id__exact", "language"),
    *("action", "_selected_action", "select_across", "index", "csrfmiddlewaretoken"),
    *("user__password__startswith", "no__such__field", "planned_start_0", "planned_start_1"),
    *("text", "after", "request_key"),
)
FORM = "multipart/form-data"
TYPES = (
    *("application/x-www-form-urlencoded", "application/json", "text/plain", "", FORM),
    *(f"{FORM}; boundary=", f"{FORM}; boundary=x", "image/png; charset=\x80"),
    "application/x-www-form-urlencoded; charset=utf-16",
)
PART = b"--x\r\nContent-Disposition: form-data"
BODIES = (
    *(b"", b"\x00", b"\xff\xfe", b"--x\r\n", PART + b"\r\n\r\n\r\n--x--", b"a=%"),
    PART + b'; name="a"; filename="\x00"\r\n\r\nb\r\n--x--\r\n',
    *(b"a=%ff%fe&b=%00", b"[" * 5_000, b"a&" * 900, b'{"a":' * 900),
)
# Answers that say what is wrong, or that nothing is.
LARGEST = 499
UNAVAILABLE = 503


@dataclass(frozen=True)
class Asked:
    """One request. `content` None: `data` as a form."""

    number: int
    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    data: list[tuple[str, str]] = field(default_factory=list)
    content: bytes | None = None
    content_type: str = ""


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Every address of the URLconf, its places as <…>."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield "/" + route.replace("^", "").replace("$", "").replace("\\Z", "")
        else:
            yield from routes(entry, route)


def requests(seed: int, numbers: range, known: dict[str, list[str]]) -> Iterator[Asked]:
    """`known`: for the places of addresses by their names, values that are somebody's."""
    addresses = sorted(set(routes()))
    for index in numbers:
        dice = random.Random(f"{seed}:{index}")
        yield one(dice, index, addresses[index % len(addresses)], known)


def one(dice: random.Random, number: int, route: str, known: dict[str, list[str]]) -> Asked:
    path = filled(dice, route, known)
    query = pairs(dice, dice.choice((0, 1, 1, 2, 4)))
    if dice.random() < 0.5:
        return Asked(number, "GET", path, query)
    if dice.random() < 0.6:
        return Asked(number, "POST", path, query, pairs(dice, dice.randrange(8)))
    return Asked(number, "POST", path, query, [], dice.choice(BODIES), dice.choice(TYPES))


def filled(dice: random.Random, route: str, known: dict[str, list[str]]) -> str:
    parts = []
    for part in route.split("/"):
        if "<" in part or "(" in part:
            good = [value for values in known.values() for value in values]
            bad = [value for value in VALUES if value not in ("", "..")]
            part = dice.choice(good if dice.random() < 0.6 else bad)
        parts.append(part)
    return "/".join(parts)


def pairs(dice: random.Random, number: int) -> list[tuple[str, str]]:
    return [(dice.choice(NAMES), dice.choice(VALUES)) for _pair in range(number)]


def answer(client: Client, asked: Asked) -> Any:
    """Its response; whatever a view raises has become one."""
    environment = {
        "QUERY_STRING": encoded(asked.query),
        "REQUEST_METHOD": asked.method,
        "PATH_INFO": asked.path.encode("utf-8", "surrogatepass").decode("latin-1"),
    }
    content, kind = asked.content, asked.content_type
    if asked.method == "POST" and content is None:
        content, kind = encoded(asked.data).encode(), "application/x-www-form-urlencoded"
    return client.generic(
        asked.method, "/", content or b"", kind or "application/octet-stream", **environment
    )


def encoded(values: list[tuple[str, str]]) -> str:
    return "&".join(
        f"{quote(name)}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in values
    )


def is_fault(status: int) -> bool:
    return status > LARGEST and status != UNAVAILABLE
