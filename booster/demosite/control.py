"""The switches that tests turn: faults, counters that count wrongly, and plays by other people.
Only with `--control`."""

from __future__ import annotations

import json
import time

from .catalogue import MAX_VIEWS
from .counters import Counter, CounterError, CounterSettings
from .faults import Fault, FaultError, Faults
from .messages import Answer, Request
from .plays import PlayBook


class Control:
    def __init__(self, book: PlayBook, faults: Faults) -> None:
        self._book = book
        self._faults = faults

    def list_faults(self, request: Request) -> Answer:
        return Answer.json({"faults": self._faults.as_json()})

    def add_fault(self, request: Request) -> Answer:
        if not request.has_body:
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
        if not request.has_body:
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
        if video.counter is not None:
            video.views = video.counter.end(now)
        plain = settings == CounterSettings()
        video.counter = None if plain else Counter(settings, video.views, now)
        return Answer.json({"video": video.id, **wanted})

    def set_views(self, request: Request) -> Answer:
        """{"video", "views"} sets a counter, {"video", "add"} moves it."""
        if not request.has_body:
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
        self._book.set_views(video, views)
        return Answer.json({"video": video.id, "views": video.views})
