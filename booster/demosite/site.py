"""The site itself: which address answers what."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from . import pages
from .catalogue import Video
from .messages import JSON, Answer, Request
from .plays import Count, Outcome, PlayBook, PlayError, add_view
from .public import PublicFiles

NO_STORE = b"Cache-Control: no-store\r\n"
REPLAYED = NO_STORE + b"Idempotency-Replayed: true\r\n"

Handler = Callable[[Request], Answer]
Route = dict[bytes, Handler]  # what an address offers, by method


class Site:
    def __init__(self, book: PlayBook, public: PublicFiles) -> None:
        self.book = book
        self._public = public
        # Play addresses by their exact bytes; never more of them than videos.
        self._play_routes: dict[bytes, Route] = {}

    def serve(self, request: Request) -> Answer:
        route = self._play_routes.get(request.target)
        if route is None:
            try:
                route = self._find(request)
            except ValueError:
                return Answer.error(400, "not an address")
        if handler := route.get(request.method):
            return handler(request)
        return Answer.error(405, headers=b"Allow: %b\r\n" % b", ".join(sorted(route)))

    def _find(self, request: Request) -> Route:
        segments = request.segments
        match segments:
            case [""]:
                return reading(lambda request: pages.home(request, self.book.catalogue))
            case ["videos", video_id]:
                return self._about(video_id, self._video_page, json=False)
            case ["api", "videos"]:
                return reading(self._list_videos)
            case ["api", "videos", video_id]:
                return self._about(video_id, self.show_video)
            case ["api", "videos", video_id, "orders"]:
                return self._about(video_id, self._list_orders)
            case ["api", "videos", video_id, "plays"]:
                return self._plays(video_id, request)
            case ["api", "orders", name]:
                record = {"order": name, **asdict(self.book.order(name))}
                return reading(lambda _: Answer.json(record))
            case ["favicon.ico"]:
                return reading(pages.favicon)
            case [".well-known", name] | [name]:
                return reading(lambda request: self._public.find(name) or pages.not_found(request))
            case [".well-known", name, *rest] if self._shows(name):
                return reading(lambda _: self._exact(rest))
        return not_found(json=segments[0] == "api")

    def _about(
        self, video_id: str, handler: Callable[[Request, Video], Answer], *, json: bool = True
    ) -> Route:
        video = self.book.catalogue.get(video_id)
        if video is None:
            return not_found(json=json)
        return reading(lambda request: handler(request, video))

    def _plays(self, video_id: str, request: Request) -> Route:
        video = self.book.catalogue.get(video_id)
        if video is None:
            return not_found(json=True)
        route: Route = {b"POST": partial(self.play, video)}
        if request.target == b"/api/videos/%b/plays" % video_id.encode():
            self._play_routes[request.target] = route
        return route

    def play(self, video: Video, request: Request, count: Count = add_view) -> Answer:
        headers = request.headers
        order, key = headers.get(b"x-play-order"), headers.get(b"idempotency-key")
        try:
            outcome = self.book.play(video, order, key, count)
        except PlayError as error:
            return Answer.error(400, str(error))
        about = REPLAYED if outcome is Outcome.REPLAYED else NO_STORE
        return Answer(b'{"views": %d}' % video.views, JSON, 200, about)

    def _video_page(self, request: Request, video: Video) -> Answer:
        return pages.video(request, video, self._recent_orders(video))

    def show_video(self, request: Request, video: Video) -> Answer:
        return video_answer(video, video.views)

    def _list_videos(self, request: Request) -> Answer:
        videos = self.book.catalogue.videos
        rows = [{"id": row.id, "title": row.title, "views": row.views} for row in videos]
        return Answer.json({"videos": rows}, headers=NO_STORE)

    def _list_orders(self, request: Request, video: Video) -> Answer:
        rows = [{"order": name, "plays": plays} for name, plays in self._recent_orders(video)]
        return Answer.json({"orders": rows}, headers=NO_STORE)

    def _recent_orders(self, video: Video) -> list[tuple[str, int]]:
        names = video.recent_orders
        return [(name, self.book.order(name).videos.get(video.id, 0)) for name in names]

    def _shows(self, name: str) -> bool:
        """Whether this is the folder of a token that the site shows."""
        return name.startswith("booster-office-") and self._public.find(f"{name}.txt") is not None

    def _exact(self, rest: list[str]) -> Answer:
        """See booster/site_side/README.md."""
        match rest:
            case [""]:
                about = {"version": 1, "counts_by_order": True, "policy": {}}
                return Answer.json(about, headers=NO_STORE)
            case ["orders", oid] if oid:
                counted = self.book.order(oid).plays
                return Answer.json({"order": oid, "counted": counted}, headers=NO_STORE)
        return Answer.error(404)


def reading(handler: Handler) -> Route:
    return {b"GET": handler, b"HEAD": handler}


def not_found(*, json: bool) -> Route:
    """Nothing there, whatever the method."""

    def answer(request: Request) -> Answer:
        return Answer.error(404) if json else pages.not_found(request)

    methods = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
    return dict.fromkeys(methods, answer)


def video_answer(video: Video, views: int) -> Answer:
    return Answer.json({"id": video.id, "title": video.title, "views": views}, headers=NO_STORE)
