"""A site that faults strike, with counters that count wrongly, and switches for both."""

from __future__ import annotations

import time

from booster.demosite.catalogue import Video
from booster.demosite.messages import Answer, Request
from booster.demosite.plays import Count, PlayBook
from booster.demosite.public import PublicFiles
from booster.demosite.site import Route, Site, not_found, reading, video_answer

from .control import Control
from .counters import Counter
from .faults import Fault, Faults


class FaultyDemoSite(Site):
    def __init__(self, book: PlayBook, public: PublicFiles) -> None:
        super().__init__(book, public)
        self.faults = Faults(book.catalogue)
        self.counters: dict[str, Counter] = {}  # of the videos that count wrongly
        self.peer = ("", 0)  # address and port of who asks now
        self._control = Control(book, self.faults, self.counters)

    def strike(self, request: Request) -> Fault | None:
        """The fault that strikes this request, if any."""
        if not self.faults:
            return None
        where, video = self._place(request)
        return self.faults.strike(where, video.id if video else None) if where else None

    def serve_with(self, fault: Fault, request: Request) -> Answer:
        """The answer that goes wrong on its way."""
        where, video = self._place(request)
        if where == "plays" and video is not None:
            if fault.kind == "lost_increment":
                return self.play(video, request, lambda video: False)
            if not fault.counted:
                return Answer.json({"views": video.views})
        elif where == "count" and video is not None:
            return video_answer(video, fault.shown_views(video))
        return self.serve(request)

    def play(self, video: Video, request: Request, count: Count | None = None) -> Answer:
        return super().play(video, request, count or self._count(request))

    def show_video(self, request: Request, video: Video) -> Answer:
        counter = self.counters.get(video.id)
        if counter is None:
            return super().show_video(request, video)
        shown = counter.read(time.monotonic())
        video.views = counter.views  # to some counters that was a view
        return video_answer(video, shown)

    def _count(self, request: Request) -> Count:
        host, port = self.peer
        # A site has its own idea of a session; without any, each connection is one.
        session = request.header(b"x-video-session") or f"{host}:{port}"

        def count(video: Video) -> bool:
            counter = self.counters.get(video.id)
            if counter is None:
                video.views += 1
                return True
            counted = counter.play(time.monotonic(), host, session)
            video.views = counter.views
            return counted

        return count

    def _place(self, request: Request) -> tuple[str, Video | None]:
        """Where a fault may strike this request, and the video it is about; "" is nowhere."""
        try:
            segments = request.segments
        except ValueError:
            return "", None
        video = self.book.catalogue.get(segments[2] if segments[0] == "api" else segments[-1])
        match request.method, segments:
            case b"POST", ["api", "videos", _, "plays"] if video:
                return "plays", video
            case b"GET" | b"HEAD", ["api", "videos", _] if video:
                return "count", video
            case b"GET" | b"HEAD", [""]:
                return "page", None
            case b"GET" | b"HEAD", ["videos", _] if video:
                return "page", video
            case b"GET" | b"HEAD", [".well-known", name, _, *_] if self._shows(name):
                return "exact", None
            case b"GET" | b"HEAD", [".well-known", _] | [_] if segments != ["favicon.ico"]:
                return "ownership", None
        return "", None

    def _find(self, request: Request) -> Route:
        match request.segments:
            case ["control", "faults"]:
                return {
                    **reading(self._control.list_faults),
                    b"POST": self._control.add_fault,
                    b"DELETE": self._control.clear_faults,
                }
            case ["control", "views"]:
                return {b"POST": self._control.set_views}
            case ["control", "counters"]:
                return {b"POST": self._control.set_counter}
            case ["control", _, *_]:
                return not_found(json=True)
        return super()._find(request)
