"""Law 4: only a site that shows its token, whole and at its own address, is its operator's."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from booster.exceptions import OwnershipError, TemporaryError
from booster.net.address import Origin, Target
from booster.net.client import SiteClient
from booster.ownership.tokens import Proof, file_path, prove, record_name, text_records
from core.models.sites import new_token
from core.reasons import Reason
from tests.raw_server import Connection, RawServer, always, answer

TOKEN = "0123456789abcdef0123456789abcdef"


def no_records(name: str) -> list[bytes]:
    return []


def client_of(server: RawServer, host: str = "videos.example") -> SiteClient:
    return SiteClient(Target(Origin.parse(f"http://{host}:{server.port}"), "127.0.0.1"), timeout=1)


def look_at(content: bytes) -> Proof:
    """prove() against a site that answers so to every request."""
    with RawServer(always(content)) as server, client_of(server) as client:
        return prove(client, TOKEN, records=no_records)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_file_with_the_token_alone_proves(ending: bytes) -> None:
    assert look_at(answer(TOKEN.encode() + ending)) is Proof.FILE


def test_the_file_is_looked_for_under_the_token_s_name_at_the_site_s_own_host() -> None:
    with RawServer(always(answer(TOKEN.encode()))) as server, client_of(server) as client:
        prove(client, TOKEN, records=no_records)
        request = server.requests[0].decode()
        assert request.startswith(f"GET /booster-office-{TOKEN}.txt HTTP/1.1\r\n")
        assert f"Host: videos.example:{server.port}\r\n" in request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        TOKEN[:-1].encode(),
        TOKEN.upper().encode(),
        f" {TOKEN}".encode(),
        f"{TOKEN} ".encode(),
        f"{TOKEN}\n\n".encode(),
        f"\ufeff{TOKEN}".encode(),
        f"<html>{TOKEN}</html>".encode(),
        f"{TOKEN}\n{'0' * 32}".encode(),
    ],
)
def test_a_file_with_anything_else_does_not_prove(body: bytes) -> None:
    with pytest.raises(OwnershipError, match="token_file_differs"):
        look_at(answer(body))


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone", "201 Created"])
def test_a_status_other_than_200_does_not_prove(status: str) -> None:
    with pytest.raises(OwnershipError, match=status[:3]):
        look_at(answer(TOKEN.encode(), status=status))


def test_a_file_that_is_too_long_does_not_prove() -> None:
    with pytest.raises(OwnershipError, match="answer_too_long"):
        look_at(answer(TOKEN.encode() + b"\n" * 1024))


def test_a_redirect_to_a_file_with_the_token_does_not_prove_and_is_not_followed() -> None:
    with RawServer(always(answer(TOKEN.encode()))) as elsewhere:
        redirect = answer(status="302 Found", headers=(f"Location: {elsewhere.url}/",))
        with pytest.raises(OwnershipError, match="call_redirected"):
            look_at(redirect)
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", ["500 Oh", "503 Later", "429 Slow"])
def test_a_site_in_trouble_proves_nothing_for_or_against(status: str) -> None:
    with pytest.raises(TemporaryError, match=status[:3]):
        look_at(answer(status=status))


def test_a_site_that_hangs_proves_nothing_for_or_against() -> None:
    def hang(connection: Connection) -> None:
        connection.hang()

    with RawServer(hang) as server, client_of(server) as client, pytest.raises(TemporaryError):
        prove(client, TOKEN, records=no_records)


def test_the_wrong_token_s_file_does_not_prove() -> None:
    with (
        RawServer(always(answer(TOKEN.encode()))) as server,
        client_of(server) as client,
        pytest.raises(OwnershipError),
    ):
        prove(client, new_token(), records=no_records)


@pytest.mark.parametrize("token", ["", "0" * 31, "0" * 33, "g" * 32, "../../etc/passwd", "A" * 32])
def test_a_token_of_another_form_is_never_sent(token: str) -> None:
    with RawServer() as server, client_of(server) as client:
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            prove(client, token, records=no_records)
        assert server.connections == 0


def test_tokens_differ() -> None:
    assert len({new_token() for _ in range(100)}) == 100
    assert file_path("a") == "/booster-office-a.txt"


# DNS


class NameServer:
    """A DNS server on a free port of 127.0.0.1 with the TXT records that a test gives it."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.broken = False
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif self.records[name]:
            response.answer.append(
                dns.rrset.from_text(question.name, 60, "IN", "TXT", *self.records[name])
            )
        return response

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server that the system's resolver asks, for the length of a test."""
    server = NameServer()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.port
    before = dns.resolver.default_resolver
    dns.resolver.default_resolver = resolver
    yield server
    dns.resolver.default_resolver = before
    server.close()


@pytest.fixture
def bare_site() -> Iterator[SiteClient]:
    """A site without the file."""
    with RawServer(always(answer(status="404 Not Found"))) as server, client_of(server) as client:
        yield client


RECORD = record_name("videos.example")


@pytest.mark.parametrize(
    "values",
    [
        [f'"{TOKEN}"'],
        [f'"{TOKEN[:10]}" "{TOKEN[10:]}"'],  # one record in two strings
        ['"v=spf1 -all"', f'"{TOKEN}"'],
    ],
)
def test_a_txt_record_with_the_token_proves(
    names: NameServer, bare_site: SiteClient, values: list[str]
) -> None:
    names.records[RECORD] = values
    assert prove(bare_site, TOKEN) is Proof.DNS
    assert names.asked == ["_booster-office-challenge.videos.example"]


@pytest.mark.parametrize(
    "values",
    [[], [f'"{TOKEN[:-1]}"'], [f'"token={TOKEN}"'], [f'"{TOKEN} "'], ['"' + "0" * 32 + '"']],
)
def test_a_txt_record_with_anything_else_does_not_prove(
    names: NameServer, bare_site: SiteClient, values: list[str]
) -> None:
    names.records[RECORD] = values
    with pytest.raises(OwnershipError, match="token_record_missing"):
        prove(bare_site, TOKEN)


def test_the_record_of_a_parent_domain_does_not_speak_for_a_subdomain(names: NameServer) -> None:
    names.records[RECORD] = [f'"{TOKEN}"']
    with (
        RawServer(always(answer(status="404 Not Found"))) as server,
        client_of(server, "www.videos.example") as client,
        pytest.raises(OwnershipError),
    ):
        prove(client, TOKEN)


def test_without_file_and_record_both_reasons_are_told(
    names: NameServer, bare_site: SiteClient
) -> None:
    with pytest.raises(OwnershipError) as lost:
        prove(bare_site, TOKEN)
    told = str(Reason.of_error(lost.value))
    assert f"/booster-office-{TOKEN}.txt does not show the token" in told
    assert "404" in told
    assert "No TXT record _booster-office-challenge.videos.example" in told


def test_a_record_proves_while_the_site_itself_is_in_trouble(names: NameServer) -> None:
    names.records[RECORD] = [f'"{TOKEN}"']
    with RawServer(always(answer(status="503 Later"))) as server, client_of(server) as client:
        assert prove(client, TOKEN) is Proof.DNS


def test_a_file_that_is_gone_counts_while_the_name_server_is_broken(
    names: NameServer, bare_site: SiteClient
) -> None:
    names.broken = True
    with pytest.raises(OwnershipError, match=r"token_record_unreadable.*record_not_looked_up"):
        prove(bare_site, TOKEN)


def test_a_broken_name_server_is_a_temporary_error(names: NameServer) -> None:
    names.broken = True
    with pytest.raises(TemporaryError, match="record_not_looked_up"):
        text_records(RECORD)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_no_record_is_looked_up_for_an_address_or_a_bare_name(names: NameServer, host: str) -> None:
    with (
        RawServer(always(answer(status="404 Not Found"))) as server,
        client_of(server, host) as client,
        pytest.raises(OwnershipError),
    ):
        prove(client, TOKEN)
    assert names.asked == []
