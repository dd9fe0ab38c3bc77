"""Law 4 on the wire: one pinned address, no redirects, and no server can hold a call for long."""

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings, strategies as st

from booster import USER_AGENT
from booster.exceptions import AddressRefusedError, PermanentError, SiteError, TemporaryError
from booster.net.address import ProvedTarget
from booster.net.call import (
    ANY_ANSWER,
    RESERVED_HEADERS,
    Call,
    Response,
    check_headers,
    check_path,
)
from booster.net.client import SiteClient
from booster.net.play import PlayRequest
from tests.office import wait_for
from tests.raw_server import Connection, RawServer, Script, always, answer
from tests.targets import proved
from tests.wire_client import WireClient

TIMEOUT = 0.6  # of the calls that run into it
LEFT_BY = 10.0  # also on a busy machine; the servers would go on for 15 seconds and more


def target(server: RawServer) -> ProvedTarget:
    return proved(server.url)


Client = SiteClient | WireClient
ClientOf = Callable[..., Client]
Get = Callable[..., Response]


@pytest.fixture(params=[SiteClient, WireClient], ids=["thread", "wire"])
def client_of(request: pytest.FixtureRequest) -> ClientOf:
    """Makes calls to a server: from a thread of their own, or on the engine's wire."""

    def client_of(there: RawServer | ProvedTarget, **options: Any) -> Client:
        if isinstance(there, RawServer):
            there = proved(there.url)
        client: Client = request.param(there, **options)
        return client

    return client_of


@pytest.fixture
def get(client_of: ClientOf) -> Get:
    """One GET of a server that plays this script."""

    def get(script: Script, *, timeout: float = 5.0, max_bytes: int = 1000) -> Response:
        with RawServer(script) as server, client_of(server, timeout=timeout) as client:
            return client.fetch(Call("/", max_bytes=max_bytes))

    return get


# What is sent


def test_a_call_says_who_it_is_and_adds_nothing_of_the_machine(client_of: ClientOf) -> None:
    with RawServer() as server, client_of(server) as client:
        client.fetch(Call("/api/videos/a?b=c"))
        assert server.requests[0].decode().splitlines() == [
            "GET /api/videos/a?b=c HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            f"User-Agent: {USER_AGENT}",
            "Accept-Encoding: identity",
            "",
        ]


def test_a_body_and_headers_arrive_as_given() -> None:
    with RawServer() as server, SiteClient(target(server)) as client:
        call = Call("/plays", {"X-Play-Order": "7-1"}, method="POST", body=b'{"a": 1}')
        client.fetch(call)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"a": 1}'
    assert b"X-Play-Order: 7-1" in head
    assert b"Content-Length: 8" in head


def test_the_host_header_names_the_site_and_not_the_address(client_of: ClientOf) -> None:
    with RawServer() as server:
        with client_of(proved(f"http://videos.example:{server.port}")) as client:
            client.fetch(Call("/"))
        assert f"Host: videos.example:{server.port}\r\n".encode() in server.requests[0]


def test_calls_share_one_connection(client_of: ClientOf) -> None:
    with RawServer() as server, client_of(server) as client:
        for _ in range(5):
            client.fetch(Call("/"))
        assert len(server.requests) == 5
        assert server.connections == 1


def test_a_connection_that_the_site_closed_while_idle_is_opened_again(client_of: ClientOf) -> None:
    def one_answer(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer(b"once"))

    with RawServer(one_answer) as server, client_of(server) as client:
        for _ in range(3):
            assert client.fetch(Call("/")).body == b"once"
            time.sleep(0.05)  # the site's closing arrives
        assert server.connections == 3


@pytest.mark.parametrize(
    "path", ["", "videos", "//other.example/", "/a b", "/a\r\nX: y", "/a#b", "/a\\b", "/\u00e9"]
)
def test_a_path_that_must_not_be_sent_is_refused(client_of: ClientOf, path: str) -> None:
    with RawServer() as server, client_of(server) as client:
        with pytest.raises(ValueError, match="not a path"):
            client.fetch(Call(path))
        assert server.connections == 0


@pytest.mark.parametrize("name", sorted(RESERVED_HEADERS))
def test_a_header_that_would_forge_is_refused(client_of: ClientOf, name: str) -> None:
    with RawServer() as server, client_of(server) as client:
        with pytest.raises(ValueError, match="not a caller's"):
            client.fetch(Call("/", {name.title(): "1"}))
        assert server.connections == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("X Y", "1"), ("X:", "1"), ("", "1"), ("X", "1\r\nHost: a"), ("X", "\u00e9"), ("X", " 1")],
)
def test_a_header_that_would_break_the_message_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="not a header"):
        check_headers({name: value})


def test_what_may_be_sent_is_accepted() -> None:
    check_path("/api/v1/videos/9c9de5e8-0a1e-484a-b099-e80766180a6d/views?a=%20b&c={sequence}")
    check_headers({"Idempotency-Key": "7-1:{sequence}", "X-Empty": "", "Authorization": "Bearer a"})


def test_the_environment_changes_nothing(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RawServer() as proxy, RawServer() as server, client_of(server) as client:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(netrc))
        assert client.fetch(Call("/")).status == 200
        assert proxy.connections == 0
        assert b"authorization" not in server.requests[0].lower()


def test_a_cookie_is_not_kept(client_of: ClientOf) -> None:
    setting = answer(headers=("Set-Cookie: a=b; Path=/",))
    with RawServer(always(setting)) as server, client_of(server) as client:
        client.fetch(Call("/"))
        client.fetch(Call("/"))
        assert b"cookie" not in server.requests[1].lower()


# What an answer means


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P", "304 N"])
@pytest.mark.parametrize("place", ["/other", "http://127.0.0.1:{port}/", "//127.0.0.1:{port}/"])
def test_a_redirect_is_refused_by_name_and_not_followed(
    client_of: ClientOf, status: str, place: str
) -> None:
    with RawServer() as elsewhere:
        location = place.format(port=elsewhere.port)
        redirect = answer(status=status, headers=(f"Location: {location}",))
        with RawServer(always(redirect)) as server, client_of(server) as client:
            with pytest.raises(AddressRefusedError) as refused:
                client.fetch(Call("/"))
            with pytest.raises(AddressRefusedError):
                client.fetch(Call("/", accept=ANY_ANSWER))
            assert location in str(refused.value)
            assert refused.value.status == int(status[:3])
            assert len(server.requests) == 2
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [300, 304])
def test_what_leads_nowhere_is_no_redirect(get: Get, status: int) -> None:
    with pytest.raises(PermanentError, match="call_answered"):
        get(always(answer(status=f"{status} Odd")))


def test_refresh_and_alternative_services_are_not_followed(client_of: ClientOf) -> None:
    with RawServer() as elsewhere:
        headers = (f"Refresh: 0; url={elsewhere.url}", f'Alt-Svc: http/1.1=":{elsewhere.port}"')
        with (
            RawServer(always(answer(b"ok", headers=headers))) as server,
            client_of(server) as client,
        ):
            assert client.fetch(Call("/")).body == b"ok"
            assert client.fetch(Call("/")).body == b"ok"
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 451])
def test_a_refusal_is_permanent_and_carries_its_status(get: Get, status: int) -> None:
    with pytest.raises(PermanentError, match=str(status)) as refusal:
        get(always(answer(status=f"{status} No")))
    assert refusal.value.status == status


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_trouble_is_temporary(get: Get, status: int) -> None:
    with pytest.raises(TemporaryError, match=str(status)) as trouble:
        get(always(answer(status=f"{status} Later")))
    assert trouble.value.status == status
    assert trouble.value.retry_after is None


@pytest.mark.parametrize("status", ["425 Too Early", "429 Slow down", "503 Busy"])
def test_a_call_that_comes_too_early_is_made_again(client_of: ClientOf, status: str) -> None:
    answers = iter([answer(status=status)] * 3 + [answer(b"here")])

    def script(connection: Connection) -> None:
        while connection.read_request():
            connection.send(next(answers))

    with RawServer(script) as server, client_of(server) as client:
        assert client.fetch(Call("/")).body == b"here"
        assert len(server.requests) == 4


def test_other_trouble_is_told_at_once(client_of: ClientOf) -> None:
    with RawServer(always(answer(status="500 Oh"))) as server, client_of(server) as client:
        with pytest.raises(TemporaryError, match="500"):
            client.fetch(Call("/"))
        assert len(server.requests) == 1


def test_retry_after_is_carried(get: Get) -> None:
    with pytest.raises(TemporaryError) as trouble:
        get(always(answer(status="429 Slow down", headers=("Retry-After: 7",))))
    assert trouble.value.retry_after == 7.0


def test_a_caller_may_accept_a_status(client_of: ClientOf) -> None:
    with (
        RawServer(always(answer(b"none", status="404 Not Found"))) as server,
        client_of(server) as client,
    ):
        assert client.fetch(Call("/", accept=(404,))).body == b"none"
        assert client.fetch(Call("/", accept=ANY_ANSWER)).status == 404


def test_an_answer_without_a_body_is_whole(client_of: ClientOf) -> None:
    with (
        RawServer(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as server,
        client_of(server) as client,
    ):
        assert client.fetch(Call("/")).body == b""
        assert client.fetch(Call("/")).status == 204
        assert server.connections == 1


def test_chunks_are_put_together(client_of: ClientOf) -> None:
    chunks = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with RawServer(always(chunks)) as server, client_of(server) as client:
        assert client.fetch(Call("/")).body == b"abcde"
        assert client.fetch(Call("/")).body == b"abcde"
        assert server.connections == 1


def test_hints_before_an_answer_are_passed_over(client_of: ClientOf) -> None:
    hints = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: y\r\n\r\n"
    with RawServer(always(hints + answer(b"abc"))) as server, client_of(server) as client:
        assert [client.fetch(Call("/")).body for _time in range(2)] == [b"abc", b"abc"]
        assert server.connections == 1


def test_headers_are_found_in_any_case(get: Get) -> None:
    assert get(always(answer(headers=("X-Views: 7",)))).headers["x-views"] == "7"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b"\xff", b"[" * 900, b'{"views": 3, "x": 1e99999999999999999999}'],
)
def test_an_answer_that_is_not_json_is_a_permanent_error(get: Get, body: bytes) -> None:
    answered = get(always(answer(body)))
    with pytest.raises(PermanentError, match="answer_not_json"):
        answered.json()


# What no server can do


def drip_the_head(connection: Connection) -> None:
    connection.read_request()
    connection.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000, every=0.05)


def drip_the_body(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    connection.drip(b"a" * 900, every=0.05)


def drip_chunks(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.drip(b"1\r\na\r\n" * 200, every=0.05)


def drip_continues(connection: Connection) -> None:
    connection.read_request()
    connection.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 50, every=0.02)


def hang_at_once(connection: Connection) -> None:
    connection.hang()


def hang_in_the_body(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    connection.hang()


@pytest.mark.parametrize(
    "script",
    [drip_the_head, drip_the_body, drip_chunks, drip_continues, hang_at_once, hang_in_the_body],
)
@pytest.mark.timing
def test_a_slow_server_is_left_when_the_time_of_the_whole_call_is_over(
    get: Get, script: Script
) -> None:
    begun = time.monotonic()
    with pytest.raises(TemporaryError, match=r"call_timed_out .*seconds=0\.6"):
        get(script, timeout=TIMEOUT)
    assert time.monotonic() - begun < LEFT_BY


def test_the_time_starts_again_with_each_call(client_of: ClientOf) -> None:
    def slowly(connection: Connection) -> None:
        while connection.read_request():
            time.sleep(TIMEOUT * 0.6)
            connection.send(answer(b"late"))

    with RawServer(slowly) as server, client_of(server, timeout=TIMEOUT) as client:
        for _ in range(3):
            assert client.fetch(Call("/")).body == b"late"
        assert server.connections == 1


def endless_body(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.send(b"a" * 65536)


def endless_chunks(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.send(b"400\r\n" + b"a" * 1024 + b"\r\n")


@pytest.mark.parametrize("script", [always(answer(b"a" * 1001)), endless_body, endless_chunks])
def test_an_answer_over_the_cap_is_refused(get: Get, script: Script) -> None:
    with pytest.raises(PermanentError, match="answer_too_long bytes=1000"):
        get(script)


def test_an_answer_of_just_the_cap_is_taken(get: Get) -> None:
    assert len(get(always(answer(b"a" * 1000))).body) == 1000


def test_endless_headers_are_refused(get: Get) -> None:
    def endless(connection: Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.send(b"X-A: " + b"a" * 1024 + b"\r\n")

    with pytest.raises(TemporaryError):
        get(endless)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "identity,zstd"])
def test_a_compressed_answer_is_refused_and_not_unpacked(get: Get, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    with pytest.raises(PermanentError, match="answer_compressed"):
        get(always(answer(bomb, headers=(f"Content-Encoding: {encoding}",))), max_bytes=1 << 20)


@pytest.mark.parametrize("encoding", ["", "identity", "UTF-8", "none, utf-8", "aws-chunked"])
def test_an_answer_with_an_encoding_that_packs_nothing_is_taken_as_it_is(
    get: Get, encoding: str
) -> None:
    found = get(always(answer(b'{"views": 7}', headers=(f"Content-Encoding: {encoding}",))))
    assert found.json() == {"views": 7}


def says(data: bytes) -> Script:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(data)

    return script


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 110 Hints\r\n\r\n" + answer(b"seven"),
        b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nseven",
        b"\r\n" + answer(b"seven"),
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nseven",
        answer(b"seven", headers=tuple(f"X-{number}: 1" for number in range(150))),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nseven\r\n0\r\n\r\n",
    ],
)
def test_an_odd_answer_is_one_to_a_trial_as_to_an_order(get: Get, data: bytes) -> None:
    assert get(always(data)).body == b"seven"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: one\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nWarning in header.php\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n01  \r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-c\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"-ERR unknown command\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
    ],
)
def test_half_an_answer_or_none_is_temporary(get: Get, data: bytes) -> None:
    with pytest.raises(TemporaryError):
        get(says(data))


def test_a_length_that_is_said_twice_is_named(get: Get) -> None:
    """Its orders get no play in: a trial that passed over it would promise them."""
    twice = answer(b"7", headers=("Content-Length: 1",))
    with pytest.raises(TemporaryError, match="Duplicate Content-Length"):
        get(always(twice))


def answers_once(connection: Connection) -> None:
    """And hangs up, without a word, when it is asked again."""
    if connection.read_request():
        connection.send(answer(b"once"))
        connection.read_request()


def test_a_reading_on_a_connection_that_had_ended_is_made_anew(client_of: ClientOf) -> None:
    with RawServer(answers_once) as server, client_of(server) as client:
        for _ in range(3):
            assert client.fetch(Call("/")).body == b"once"


def test_a_play_on_a_connection_that_had_ended_is_sent_once() -> None:
    play = PlayRequest("POST", "/plays", (), b"", frozenset({200}), idempotent=False)
    with RawServer(answers_once) as server, SiteClient(target(server)) as client:
        client.fetch(Call("/"))
        with pytest.raises(TemporaryError):
            client.send(play)
        assert len(server.requests) == 2


def test_nobody_listening_is_temporary(client_of: ClientOf) -> None:
    with RawServer() as server:
        pass
    with client_of(server) as client, pytest.raises(TemporaryError, match="connection_refused"):
        client.fetch(Call("/"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=80)
    | st.binary(max_size=80).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest)
    | st.binary(max_size=80).map(
        lambda rest: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest
    )
)
def test_whatever_a_server_says_is_an_answer_or_an_error_of_the_site(get: Get, data: bytes) -> None:
    try:
        assert isinstance(get(says(data), timeout=2), Response)
    except SiteError as error:
        assert str(error)


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


@pytest.fixture
def tls(authority: trustme.CA) -> Iterator[Callable[..., SSLContext]]:
    """A server's TLS side with a certificate for these names; collects the SNI it is asked for."""

    def context(*names: str, asked: list[str | None] | None = None) -> SSLContext:
        server_side = SSLContext(PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(server_side)
        if asked is not None:
            server_side.sni_callback = lambda sock, name, ctx: asked.append(name)
        return server_side

    yield context


def https(server: RawServer, host: str = "videos.example", *, pem: str = "") -> ProvedTarget:
    return proved(f"https://{host}:{server.port}", authority=pem)


def test_tls_asks_for_and_verifies_the_name_at_the_pinned_address(
    client_of: ClientOf, tls: Callable[..., SSLContext], pem: str
) -> None:
    asked: list[str | None] = []
    with RawServer(tls=tls("videos.example", asked=asked)) as server:
        with client_of(https(server, pem=pem)) as client:
            assert client.fetch(Call("/")).status == 200
            assert client.fetch(Call("/")).status == 200
        assert asked == ["videos.example"]
        assert server.connections == 1
        assert f"Host: videos.example:{server.port}\r\n".encode() in server.requests[0]


def test_tls_verifies_an_ip_address_too(
    client_of: ClientOf, tls: Callable[..., SSLContext], pem: str
) -> None:
    with (
        RawServer(tls=tls("127.0.0.1")) as server,
        client_of(https(server, "127.0.0.1", pem=pem)) as client,
    ):
        assert client.fetch(Call("/")).status == 200


def test_a_certificate_for_another_name_is_refused_before_a_request(
    client_of: ClientOf, tls: Callable[..., SSLContext], pem: str
) -> None:
    with RawServer(tls=tls("other.example", "127.0.0.1")) as server:
        with (
            client_of(https(server, pem=pem)) as client,
            pytest.raises(TemporaryError, match="certificate_not_valid"),
        ):
            client.fetch(Call("/"))
        assert server.requests == []


def test_an_unknown_authority_is_refused_whatever_the_environment_says(
    client_of: ClientOf,
    tls: Callable[..., SSLContext],
    pem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(pem)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(ca_file))
    with RawServer(tls=tls("videos.example")) as server:
        with (
            client_of(https(server)) as client,
            pytest.raises(TemporaryError, match="certificate_not_valid"),
        ):
            client.fetch(Call("/"))
        assert server.requests == []


@pytest.mark.parametrize("script", [drip_the_head, drip_the_body, hang_in_the_body])
@pytest.mark.timing
def test_a_slow_tls_server_is_left_in_time(
    client_of: ClientOf, tls: Callable[..., SSLContext], pem: str, script: Script
) -> None:
    with (
        RawServer(script, tls=tls("videos.example")) as server,
        client_of(https(server, pem=pem), timeout=TIMEOUT) as client,
    ):
        begun = time.monotonic()
        with pytest.raises(TemporaryError, match="call_timed_out"):
            client.fetch(Call("/"))
        assert time.monotonic() - begun < LEFT_BY


@pytest.mark.parametrize("script", [hang_at_once, drip_the_head])
@pytest.mark.timing
def test_a_handshake_that_never_ends_is_left_in_time(client_of: ClientOf, script: Script) -> None:
    with (
        RawServer(script) as server,
        client_of(https(server), timeout=TIMEOUT) as client,
    ):
        begun = time.monotonic()
        with pytest.raises(TemporaryError):
            client.fetch(Call("/"))
        assert time.monotonic() - begun < LEFT_BY


def test_plain_http_on_a_tls_port_is_a_temporary_error(client_of: ClientOf) -> None:
    def no_tls(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.hang()

    with (
        RawServer(no_tls) as server,
        client_of(https(server), timeout=30) as client,
        pytest.raises(TemporaryError, match="tls_failed"),
    ):
        client.fetch(Call("/"))


def test_an_open_client_leaves_no_connection_behind(client_of: ClientOf) -> None:
    def make_a_call() -> None:
        with RawServer() as server, client_of(server) as client:
            client.fetch(Call("/"))

    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    make_a_call()  # the first one starts the wire of this process
    before = open_files()
    make_a_call()
    # The wire's thread sees that the server is gone in its own time.
    wait_for(lambda: open_files() <= before, what="the connection's end")
