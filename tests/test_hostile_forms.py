"""What stands in any field of any form, and behind any button that asks for a text, makes no page
fail: each is filled as the page fills it, but for one field."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from django.db import transaction
from django.test import Client

from core.admin import site_week
from core.models import Customer, User
from core.ordering import Quote, place
from tests.base import VIDEO, client_of, lost_wake_ups, new_staff
from tests.fuzzing import Asked as Request, answer, is_fault, routes

NUL = "a\x00b"
VALUES = (
    *("9" * 5_000, "-1", "1e999", "NaN", "²", "é" * 3_000, "\u2028", "\u202e", "{}", "[" * 3_000),
    *("0000-00-00", "99:99", "..", "%00", "\r\nX: y", "'", "1,2", " ", "\ufeff", "{video_id"),
)
UNTYPED = ("checkbox", "radio", "submit", "file", "hidden")


@dataclass
class Form:
    """`values`: as the page fills them. `typed`: the fields that a person fills in."""

    address: str
    values: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """The forms of a page that are sent by POST, and its buttons that ask for a text."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select = self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-post" in given:
            button = Form(self._at(given["data-post"]))
            if given.get("data-ask"):
                button.typed.append(given["data-field"])
            self.found.append(button)
        if tag == "form":
            is_sent = given.get("method", "").lower() == "post"
            self._form = Form(self._at(given.get("action", ""))) if is_sent else None
            self.found += [self._form] if self._form else []
        elif self._form is not None:
            self._take(self._form, tag, given)

    def _take(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text")
        match tag:
            case "input" if name and (kind not in ("checkbox", "radio") or "checked" in given):
                form.values[name] = given.get("value", "")
                form.typed += [] if kind in UNTYPED else [name]
            case "button" if name:
                form.values.setdefault(name, given.get("value", ""))
            case "textarea" if name:
                self._text = name
                form.values[name] = ""
                form.typed.append(name)
            case "select" if name:
                self._select = name
                form.values[name] = ""
                form.typed.append(name)
            case "option" if "selected" in given and self._select:
                form.values[self._select] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._text:
            self._form.values[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        self._text = "" if tag == "textarea" else self._text
        self._select = "" if tag == "select" else self._select
        self._form = None if tag == "form" else self._form

    def _at(self, action: str) -> str:
        return urljoin(self.address, action)


def forms_of(client: Client, known: list[str]) -> list[Form]:
    """Of every page that answers a GET, each once. `known`: what stands in addresses."""
    found: dict[tuple[str, ...], Form] = {}
    for route in sorted(set(routes())):
        for value in known if "<" in route else [""]:
            path = "/".join(value if "<" in part else part for part in route.split("/"))
            response = client.get(path)
            if response.status_code != 200 or response.streaming:
                continue
            page = Forms(path)
            page.feed(response.content.decode(errors="replace"))
            for form in page.found:
                found.setdefault((form.address, *form.values), form)
    return list(found.values())


def hostile(forms: list[Form]) -> Iterator[Request]:
    """Each field with a NUL, and with something else that nobody means."""
    number = 0
    for form in forms:
        for name in form.typed:
            for value in (NUL, random.Random(f"{form.address}:{name}").choice(VALUES)):
                there = urlsplit(form.address)
                sent = {**form.values, name: value}
                query = parse_qsl(there.query)
                yield Request(number, "POST", there.path, query, list(sent.items()))
                number += 1


def faults_of(client: Client, forms: list[Form]) -> list[str]:
    found = []
    for asked in hostile(forms):
        with transaction.atomic():
            response: Any = answer(client, asked)
            transaction.set_rollback(True)
        if is_fault(response.status_code):
            why = repr(response.exc_info[1]) if getattr(response, "exc_info", None) else ""
            found.append(f"{response.status_code} {why} {asked}"[:600])
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
@pytest.mark.parametrize("who", ["root", "customer"])
def test_nothing_in_a_field_of_a_form_makes_the_office_fail(
    office, erin, site, demo_site, policies, who, monkeypatch
):
    """PostgreSQL takes no NUL."""
    # A choice among three is as good a field as one among hundreds.
    monkeypatch.setattr(site_week, "places", lambda: ["Asia/Shanghai"])
    with lost_wake_ups():
        order = place(Quote.prepare(erin, demo_site.address(VIDEO), 10_000), None)
        client = visitor(erin, who)
        known = sorted({"1", str(order.pk), order.oid, str(erin.pk)})  # most of them are 1
        forms = forms_of(client, known)
        assert sum(len(form.typed) for form in forms) > (100 if who == "root" else 5)
        assert "\n".join(faults_of(client, forms)) == ""


def visitor(erin: Customer, who: str) -> Client:
    user = User.objects.create(username="erin") if who == "customer" else None
    if user is not None:
        Customer.objects.filter(pk=erin.pk).update(user=user)
    client = client_of(user or new_staff("root", is_superuser=True))
    client.raise_request_exception = False
    return client


@pytest.fixture
def database(office):
    """These people are in a whole office."""
