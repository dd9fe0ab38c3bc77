"""The site itself: which address answers what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

from . import pages
from .catalogue import Video
from .control import Control
from .faults import Faults
from .messages import JSON, Answer, Request
from .plays import Outcome, PlayBook, PlayError
from .public import PublicFiles

NO_STORE = b"Cache-Control: no-store\r\n"
REPLAYED = NO_STORE + b"Idempotency-Replayed: true\r\n"

Handler = Callable[[Request], Answer]


class Route(NamedTuple):
    """What an address offers. `where` names the place to the faults, "" is out of their reach."""

    where: str
    video: Video | None
    methods: dict[bytes, Handler]


class Site:
    def __init__(self, book: PlayBook, public: PublicFiles, *, control: bool) -> None:
        self.book = book
        self.faults = Faults(book.catalogue)
        self._public = public
        self._control = Control(book, self.faults) if control else None
        # Play addresses by their exact bytes; never more of them than videos.
        self._play_routes: dict[bytes, Route] = {}

    def serve(self, request: Request) -> Answer:
        route = self._play_routes.get(request.target)
        if route is None:
            try:
                route = self._find(request)
            except ValueError:
                return Answer.error(400, "not an address")
        handler = route.methods.get(request.method)
        if handler is None:
            return _method_not_allowed(route)
        if self.faults and route.where:
            return self._serve_at_risk(request, route, handler)
        return handler(request)

    def _find(self, request: Request) -> Route:
        segments = request.segments
        match segments:
            case [""]:
                return _read("page", lambda request: pages.home(request, self.book.catalogue))
            case ["videos", video_id]:
                return self._about(video_id, "page", self._video_page)
            case ["api", "videos"]:
                return _read("", self._list_videos)
            case ["api", "videos", video_id]:
                return self._about(video_id, "count", self._show_video)
            case ["api", "videos", video_id, "orders"]:
                return self._about(video_id, "", self._list_orders)
            case ["api", "videos", video_id, "plays"]:
                return self._plays(video_id, request)
            case ["api", "orders", name]:
                return _read("", lambda _: Answer.json({"order": name, **self._order(name)}))
            case ["favicon.ico"]:
                return _read("", pages.favicon)
            case [".well-known", name]:
                return _read("ownership", lambda request: self._public_file(name, request))
            case [".well-known", name, *rest] if self._shows(name):
                return _read("exact", lambda _: self._exact(rest))
            case ["control", name] if self._control is not None:
                return _control_route(self._control, name)
            case [name]:
                return _read("ownership", lambda request: self._public_file(name, request))
        return _not_found(json=segments[0] in ("api", "control"))

    def _about(
        self, video_id: str, where: str, handler: Callable[[Request, Video], Answer]
    ) -> Route:
        video = self.book.catalogue.get(video_id)
        if video is None:
            return _not_found(json=where != "page")
        return Route(where, video, _reading(lambda request: handler(request, video)))

    def _plays(self, video_id: str, request: Request) -> Route:
        video = self.book.catalogue.get(video_id)
        if video is None:
            return _not_found(json=True)
        route = Route("plays", video, {b"POST": partial(self._play, video)})
        if request.target == b"/api/videos/%b/plays" % video_id.encode():
            self._play_routes[request.target] = route
        return route

    def _play(self, video: Video, request: Request, *, lose: bool = False) -> Answer:
        headers = request.headers
        order, key = headers.get(b"x-play-order"), headers.get(b"idempotency-key")
        host, port = request.peer
        session = ""
        if video.counter is not None:
            # A site has its own idea of a session; without any, each connection is one.
            session = request.header(b"x-video-session") or f"{host}:{port}"
        try:
            outcome = self.book.play(video, order, key, lose=lose, address=host, session=session)
        except PlayError as error:
            return Answer.error(400, str(error))
        about = REPLAYED if outcome is Outcome.REPLAYED else NO_STORE
        return Answer(b'{"views": %d}' % video.views, JSON, 200, about)

    def _serve_at_risk(self, request: Request, route: Route, handler: Handler) -> Answer:
        """As `serve`, where a fault may strike."""
        video = route.video
        fault = self.faults.strike(route.where, video.id if video else None)
        if fault is None:
            return handler(request)
        if route.where == "plays" and video is not None:
            if fault.kind == "lost_increment":
                answer = self._play(video, request, lose=True)
            elif fault.counted:
                answer = handler(request)
            else:
                answer = Answer.json({"views": video.views})
        elif route.where == "count" and video is not None:
            answer = _video_answer(video, fault.shown_views(video))
        else:
            answer = handler(request)
        answer.fault = fault
        return answer

    def _video_page(self, request: Request, video: Video) -> Answer:
        return pages.video(request, video, self._recent_orders(video))

    def _show_video(self, request: Request, video: Video) -> Answer:
        return _video_answer(video, video.read())

    def _list_videos(self, request: Request) -> Answer:
        videos = self.book.catalogue.named
        rows = [{"id": row.id, "title": row.title, "views": row.views} for row in videos]
        return Answer.json({"videos": rows}, headers=NO_STORE)

    def _list_orders(self, request: Request, video: Video) -> Answer:
        rows = [{"order": name, "plays": plays} for name, plays in self._recent_orders(video)]
        return Answer.json({"orders": rows}, headers=NO_STORE)

    def _recent_orders(self, video: Video) -> list[tuple[str, int]]:
        names = video.recent_orders
        return [(name, self.book.order(name).videos.get(video.id, 0)) for name in names]

    def _order(self, name: str) -> dict[str, object]:
        return asdict(self.book.order(name))

    def _shows(self, name: str) -> bool:
        """Whether this is the folder of a token that the site shows."""
        return name.startswith("booster-office-") and self._public.find(f"{name}.txt") is not None

    def _exact(self, rest: list[str]) -> Answer:
        """What a site says that helps with the proof: see booster/site_side/README.md."""
        match rest:
            case [""]:
                about = {"version": 1, "counts_by_order": True, "policy": {}}
                return Answer.json(about, headers=NO_STORE)
            case ["orders", oid] if oid:
                counted = self.book.order(oid).plays
                return Answer.json({"order": oid, "counted": counted}, headers=NO_STORE)
        return Answer.error(404)

    def _public_file(self, name: str, request: Request) -> Answer:
        return self._public.find(name) or pages.not_found(request)


def _read(where: str, handler: Handler) -> Route:
    return Route(where, None, _reading(handler))


def _reading(handler: Handler) -> dict[bytes, Handler]:
    return {b"GET": handler, b"HEAD": handler}


def _control_route(control: Control, name: str) -> Route:
    match name:
        case "faults":
            methods: dict[bytes, Handler] = {
                **_reading(control.list_faults),
                b"POST": control.add_fault,
                b"DELETE": control.clear_faults,
            }
            return Route("", None, methods)
        case "views":
            return Route("", None, {b"POST": control.set_views})
        case "counters":
            return Route("", None, {b"POST": control.set_counter})
    return _not_found(json=True)


def _not_found(*, json: bool) -> Route:
    """Nothing there, whatever the method."""

    def answer(request: Request) -> Answer:
        return Answer.error(404) if json else pages.not_found(request)

    methods = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
    return Route("", None, dict.fromkeys(methods, answer))


def _method_not_allowed(route: Route) -> Answer:
    return Answer.error(405, headers=b"Allow: %b\r\n" % b", ".join(sorted(route.methods)))


def _video_answer(video: Video, views: int) -> Answer:
    return Answer.json({"id": video.id, "title": video.title, "views": views}, headers=NO_STORE)
