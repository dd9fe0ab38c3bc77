"""The switches that tests turn: faults, counters that count wrongly, and plays by other people."""

from __future__ import annotations

import json
import time

from booster.demosite.catalogue import MAX_VIEWS
from booster.demosite.messages import Answer, Request
from booster.demosite.plays import PlayBook

from .counters import Counter, CounterError, CounterSettings
from .faults import Fault, FaultError, Faults


class Control:
    def __init__(self, book: PlayBook, faults: Faults, counters: dict[str, Counter]) -> None:
        self._book = book
        self._faults = faults
        self._counters = counters

    def list_faults(self, request: Request) -> Answer:
        return Answer.json({"faults": self._faults.as_json()})

    def add_fault(self, request: Request) -> Answer:
        if not has_body(request):
            return Answer.error(411)
        try:
            fault = Fault.parse(json.loads(request.body))
        except (FaultError, ValueError) as error:
            return Answer.error(400, str(error))
        self._faults.add(fault)
        return Answer.json(fault.as_json(), 201)

    def clear_faults(self, request: Request) -> Answer:
        self._faults.clear()
        return Answer.json({"faults": []})

    def set_counter(self, request: Request) -> Answer:
        """{"video", …settings of counters.py} has a video count wrongly, {"video"} rightly again.

        A counter begins with the video's views, and at the time it is set."""
        if not has_body(request):
            return Answer.error(411)
        try:
            wanted = json.loads(request.body)
        except ValueError as error:
            return Answer.error(400, str(error))
        if not isinstance(wanted, dict):
            return Answer.error(400, "a counter is a JSON object")
        video = self._book.catalogue.get(str(wanted.pop("video", None)))
        if video is None:
            return Answer.error(404, "no such video")
        try:
            settings = CounterSettings.parse(wanted)
        except CounterError as error:
            return Answer.error(400, str(error))
        now = time.monotonic()
        if counter := self._counters.pop(video.id, None):
            video.views = counter.end(now)
        if settings != CounterSettings():
            self._counters[video.id] = Counter(settings, video.views, now)
        return Answer.json({"video": video.id, **wanted})

    def set_views(self, request: Request) -> Answer:
        """{"video", "views"} sets a counter, {"video", "add"} moves it."""
        if not has_body(request):
            return Answer.error(411)
        try:
            wanted = json.loads(request.body)
        except ValueError as error:
            return Answer.error(400, str(error))
        if not isinstance(wanted, dict) or len(wanted.keys() & {"views", "add"}) != 1:
            return Answer.error(400, "give video, and either views or add")
        video = self._book.catalogue.get(str(wanted.get("video")))
        if video is None:
            return Answer.error(404, "no such video")
        amount = wanted.get("views", wanted.get("add"))
        if not isinstance(amount, int) or isinstance(amount, bool):
            return Answer.error(400, "not a whole number")
        views = amount if "views" in wanted else video.views + amount
        if not 0 <= views <= MAX_VIEWS:
            return Answer.error(400, f"views must stay within 0 and {MAX_VIEWS}")
        video.views = views
        if counter := self._counters.get(video.id):
            counter.set_views(views, time.monotonic())
        self._book.changes += 1
        return Answer.json({"video": video.id, "views": video.views})


def has_body(request: Request) -> bool:
    """Whether one was announced; without that a request has none (RFC 9112, 6.3)."""
    return b"content-length" in request.headers or b"transfer-encoding" in request.headers
