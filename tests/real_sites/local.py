"""Small sites on loopback, in the test's own process: a login, a nonce, a counter that loses, a
plain one behind TLS or a limit, and a GraphQL interface by graphql-core."""

import functools
import json
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs

from tests.counting_site import Limit

USER, PASSWORD = "editor", "Lamp-oil & 7"
SCHEMA = """
    type Video { id: ID!, views: Int! }
    type Query { video(id: ID!): Video }
    type Mutation { countView(id: ID!): Video }
"""


@functools.cache
def graph() -> Callable[..., Any]:
    """Loaded by whoever starts such a site, not by each process that collects tests."""
    from graphql import build_schema, graphql_sync

    return functools.partial(graphql_sync, build_schema(SCHEMA))


@dataclass
class Answer:
    status: int = 200
    body: str = ""
    kind: str = "text/html; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _equals, value in pairs if name}


class LocalSite:
    """On a free port. It shows the token of whoever asks."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.views: dict[str, int] = {"harbour": 41, "dawn": 7}
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def times(self, method: str, path: str) -> int:
        """How often this was asked."""
        with self.lock:
            return sum(one.method == method and one.path == path for one in self.requests)

    def answer(self, request: Request) -> Answer:
        if found := re.fullmatch(r"/booster-office-([0-9a-f]+)\.txt", request.path):
            return Answer(body=found[1], kind="text/plain")
        return self.respond(request)

    def respond(self, request: Request) -> Answer:
        raise NotImplementedError

    def _handler(site) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                with site.lock:
                    site.requests.append(request)
                answer = site.answer(request)
                payload = answer.body.encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(payload)))
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                """A test's output is not the place for an access log."""

        return Handler


class PlainSite(LocalSite):
    """Counts every play, as far as its limit takes it; its counter is JSON."""

    RECIPE: ClassVar[dict[str, Any]] = {
        "video_pattern": r"/videos/([\w-]+)",
        "count_path": "/api/videos/{video_id}",
        "count_json": "views",
        "play_path": "/api/videos/{video_id}/plays",
        "settle_seconds": 1,
    }

    def __init__(self, tls: ssl.SSLContext | None = None, limit: Limit | None = None) -> None:
        super().__init__(tls)
        self.limit = limit

    def respond(self, request: Request) -> Answer:
        found = re.fullmatch(r"/api/videos/([\w-]+)(/plays)?", request.path)
        if not found or found[1] not in self.views:
            return Answer(404)
        with self.lock:
            if found[2]:
                if self.limit is not None and not self.limit.takes(time.monotonic()):
                    return Answer(429)
                self.views[found[1]] += 1
                return Answer(204)
            text = json.dumps({"views": self.views[found[1]]})
        return Answer(body=text, kind="application/json")


class SlowSite(PlainSite):
    """Takes a while for each play. `played`: when each came, monotonic."""

    SECONDS = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.played: list[float] = []

    def respond(self, request: Request) -> Answer:
        if request.path.endswith("/plays"):
            self.played.append(time.monotonic())
            time.sleep(self.SECONDS)
        return super().respond(request)


class MembersSite(LocalSite):
    """Plays want a login by form, and a nonce of a page that only members see. A login lasts for
    `uses` plays. Its counter is JSON."""

    def __init__(self, *, uses: int = 1_000_000, refusal: int = 403) -> None:
        super().__init__()
        self.uses, self.refusal = uses, refusal
        self._left: dict[str, int] = {}

    def respond(self, request: Request) -> Answer:
        with self.lock:
            if request.path == "/login" and request.method == "POST":
                return self._log_in(request)
            if found := re.fullmatch(r"/api/videos/([\w-]+)", request.path):
                return self._count(found[1])
            session = request.cookies.get("sid", "")
            if not self._left.get(session):
                headers = [("Location", "/login")] if self.refusal == 302 else []
                return Answer(self.refusal, "log in first", headers=headers)
            if request.path == "/members":
                return Answer(body=f'<script>{{"nonce":"n-{session}"}}</script>')
            return self._play(request, session)

    def _log_in(self, request: Request) -> Answer:
        sent = parse_qs(request.body.decode())
        if (sent.get("log"), sent.get("pwd")) != ([USER], [PASSWORD]):
            return Answer(403, f"no: {request.body.decode()}")
        session = f"s{len(self._left):08d}"
        self._left[session] = self.uses
        cookies = [("Set-Cookie", f"sid={session}; Path=/; HttpOnly"), ("Set-Cookie", "lang=en")]
        return Answer(302, headers=[("Location", "/"), *cookies])

    def _count(self, video: str) -> Answer:
        if video not in self.views:
            return Answer(404)
        text = json.dumps({"views": self.views[video]})
        return Answer(body=text, kind="application/json")

    def _play(self, request: Request, session: str) -> Answer:
        found = re.fullmatch(r"/api/videos/([\w-]+)/plays", request.path)
        if not found or request.headers.get("x-wp-nonce") != f"n-{session}":
            return Answer(403, "the nonce is wrong")
        self._left[session] -= 1
        self.views[found[1]] += 1
        return Answer(204)


class PostViewsSite(LocalSite):
    """WordPress with WP-PostViews 2: its REST route wants the nonce of the post's page, reads the
    post's views, adds one and writes them (class-wp-postviews-api.php, class-wp-postviews-
    counter.php); what comes in between is lost. The core's route of posts shows them."""

    GAP_SECONDS = 0.002
    NONCE = "0f3a9c77d1"

    def __init__(self) -> None:
        super().__init__()
        self.views = {"12": 1203, "13": 7}
        self.pages = {"/2026/harbour/": "12", "/2026/dawn/": "13"}

    def respond(self, request: Request) -> Answer:
        if post := self.pages.get(request.path):
            data = {"ajaxUrl": "/wp-admin/admin-ajax.php", "nonce": self.NONCE, "postId": post}
            return Answer(body=f"<script>var wpPostViewsL10n = {json.dumps(data)};</script>")
        if found := re.fullmatch(r"/wp-json/wp/v2/posts/(\d+)", request.path):
            return self._post(found[1])
        if found := re.fullmatch(r"/wp-json/postviews/v1/post/(\d+)/view", request.path):
            return self._view(request, found[1])
        return Answer(404)

    def _view(self, request: Request, post: str) -> Answer:
        if parse_qs(request.body.decode()).get("nonce") != [self.NONCE]:
            return Answer(403, '{"code":"wp_postviews_bad_nonce"}', "application/json")
        if post not in self.views:
            return Answer(404, '{"code":"wp_postviews_no_such_post"}', "application/json")
        views = self.views[post]
        time.sleep(self.GAP_SECONDS)
        self.views[post] = views + 1
        return Answer(body=json.dumps({"post_id": int(post), "views": views + 1}))

    def _post(self, post: str) -> Answer:
        if post not in self.views:
            return Answer(404, '{"code":"rest_post_invalid_id"}', "application/json")
        text = json.dumps({"id": int(post), "views": self.views[post]})
        return Answer(body=text, kind="application/json")


class GraphQLSite(LocalSite):
    """Counts by a mutation, and answers 200 whatever happened, as GraphQL does."""

    def respond(self, request: Request) -> Answer:
        if request.path != "/graphql" or request.method != "POST":
            return Answer(404)
        if request.headers.get("authorization") != f"Bearer {PASSWORD}":
            return Answer(401)
        sent: dict[str, Any] = json.loads(request.body)
        result = graph()(sent["query"], root_value=self, variable_values=sent.get("variables"))
        return Answer(body=json.dumps(result.formatted), kind="application/json")

    def video(self, _info: object, id: str) -> dict[str, Any] | None:
        return {"id": id, "views": self.views[id]} if id in self.views else None

    def countView(self, _info: object, id: str) -> dict[str, Any]:
        with self.lock:
            self.views[id] += 1
            return {"id": id, "views": self.views[id]}
