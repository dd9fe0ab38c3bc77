"""Scripts and styles are answered from memory, as Django answers them, and not behind the pages."""

import asyncio
import gzip
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.asgi import get_asgi_application

from office.statics import StaticMemory
from tests.office import Office

STYLE = "/static/theme/office.css"
GZIP = ("accept-encoding", "gzip, deflate, br")
BEHIND_A_PAGE = """
import asyncio
from office import asgi
from tests.test_statics import STYLE, answer_of

async def story():
    await answer_of(asgi.application, STYLE)
    await asgi.pages.quick.acquire()  # a page is at work
    status, _headers, _body = await asyncio.wait_for(answer_of(asgi.application, STYLE), 20)
    print(status)

asyncio.run(story())
"""


class Django:
    """The pages, and how often they were asked."""

    def __init__(self) -> None:
        self.pages = get_asgi_application()
        self.asked = 0

    async def __call__(self, scope, receive, send) -> None:
        self.asked += 1
        await self.pages(scope, receive, send)


async def answer_of(app, path: str, *headers: tuple[str, str], method: str = "GET") -> Any:
    """Status, headers and body of what an application answers."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"localhost"), *((a.encode(), b.encode()) for a, b in headers)],
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 9),
    }
    messages: list[dict] = []
    came: asyncio.Queue[dict] = asyncio.Queue()
    came.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def send(message: dict) -> None:
        messages.append(message)

    await app(scope, came.get, send)
    found = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
    return messages[0]["status"], found, b"".join(one.get("body", b"") for one in messages[1:])


def asked(app, *headers: tuple[str, str], path: str = STYLE, method: str = "GET") -> Any:
    return asyncio.run(answer_of(app, path, *headers, method=method))


def test_a_style_is_asked_of_django_once_and_answered_as_django_answers():
    django = Django()
    memory = StaticMemory(django)
    for headers in ((), (GZIP,)):
        status, theirs, body = asked(django.pages, *headers)
        for _ in range(3):
            again = asked(memory, *headers)
            assert again[0] == status == 200
            assert int(again[1].pop("content-length")) == len(again[2])
            assert again[1] == {key: theirs[key] for key in theirs if key != "content-length"}
            if headers:
                assert gzip.decompress(again[2]) == gzip.decompress(body)
            else:
                assert again[2] == body
    assert django.asked == 2


def test_a_browsers_copy_is_known_again_also_by_the_first_who_asks():
    for header, said in (("if-none-match", "etag"), ("if-modified-since", "last-modified")):
        django = Django()
        memory = StaticMemory(django)
        value = asked(django.pages, GZIP)[1][said]
        for _ in range(2):
            status, headers, body = asked(memory, GZIP, (header, value))
            assert (status, body) == (304, b"")
            assert headers["etag"]
            assert "content-encoding" not in headers
        assert asked(memory, GZIP, (header, "another"))[0] == 200
        assert django.asked == 1


def test_what_is_no_whole_file_is_djangos_to_answer_each_time():
    django = Django()
    memory = StaticMemory(django)
    for _ in range(2):
        part = asked(memory, ("range", "bytes=10-19"))
        assert (part[0], len(part[2])) == (206, 10)
        assert asked(memory, method="HEAD")[2] == b""
    assert (django.asked, memory.known) == (4, {})


def test_what_there_is_not_is_not_kept(db):
    django = Django()
    memory = StaticMemory(django)
    for _ in range(2):
        assert asked(memory, path="/static/none.css")[0] == 404
    assert (django.asked, memory.known) == (2, {})


@pytest.mark.slow
def test_a_style_is_answered_while_a_page_is_at_work(tmp_path):
    done = Office("sqlite", tmp_path).run("-c", BEHIND_A_PAGE)
    assert done.stdout.strip() == "200", done.stderr


def test_pictures_that_no_page_shows_are_not_looked_at_and_their_font_is():
    listed = {path for finder in finders.get_finders() for path, _storage in finder.list(None)}
    assert {"theme/office.css", "admin/js/core.js"} < listed
    icons = {path for path in listed if "/fontawesome-free-" in path}
    assert [path for path in icons if path.endswith("/webfonts/fa-solid-900.woff2")]
    assert [path for path in icons if path.endswith("/css/solid.min.css")]
    assert not [path for path in icons if "/svgs/" in path]
    assert len(listed) < 1000


def test_what_was_broken_off_is_not_kept():
    """Django sends a file in parts, and ends with who asked for it."""
    django = get_asgi_application()
    goes_away = True

    async def pages(scope, receive, send) -> None:
        async def send_first(message: dict) -> None:
            if message["type"] == "http.response.start" or not goes_away:
                await send(message)
            elif message.get("body"):
                await send(message | {"body": message["body"][:100], "more_body": True})

        await django(scope, receive, send_first)

    memory = StaticMemory(pages)
    assert asked(memory)[0] == 499
    goes_away = False
    assert asked(memory)[2] == asked(django)[2]
