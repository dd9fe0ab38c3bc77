"""Law 4: only a site that shows its token, whole and at its own address, is its operator's."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
import trustme

from booster.engine import Channel, Limits
from booster.exceptions import OwnershipError, TemporaryError
from booster.net.address import Origin, Target
from booster.net.call import Call
from booster.net.client import SiteClient
from booster.ownership.tokens import Proof, file_path, prove, record_name, text_records
from core.models.sites import new_token
from core.reasons import Reason
from tests.raw_server import Connection, RawServer, Script, always, answer

TOKEN = "0123456789abcdef0123456789abcdef"


def no_records(name: str) -> list[bytes]:
    return []


def client_of(
    server: RawServer, host: str = "videos.example", pem: str = "", timeout: float = 15.0
) -> SiteClient:
    origin = Origin.parse(f"{'https' if pem else 'http'}://{host}:{server.port}")
    return SiteClient(Target(origin, "127.0.0.1", pem), timeout=timeout)


def look_at(content: bytes) -> Proof:
    """prove() against a site that answers so to every request."""
    with RawServer(always(content)) as server, client_of(server) as client:
        return Proof(prove(client, TOKEN, records=no_records).method)


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


def serving(**answers: bytes) -> Script:
    """`root` and `well_known` are what the two places answer; elsewhere is nothing."""
    nothing = answer(status="404 Not Found")

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            in_folder = b" /.well-known/booster-office-" in request.partition(b"\r\n")[0]
            connection.send(answers.get("well_known" if in_folder else "root", nothing))

    return script


def test_the_file_may_stand_under_well_known() -> None:
    with RawServer(serving(well_known=answer(TOKEN.encode()))) as server:
        with client_of(server) as client:
            target = prove(client, TOKEN, records=no_records)
        assert (target.address, target.method) == ("127.0.0.1", Proof.FILE)
        asked = [request.decode().split()[1] for request in server.requests]
    name = f"booster-office-{TOKEN}.txt"
    assert asked == [f"/{name}", f"/.well-known/{name}"]


def test_a_root_that_a_framework_answers_for_does_not_hide_the_file_under_well_known() -> None:
    page = answer(b"<!doctype html><title>Not here</title>")
    script = serving(root=page, well_known=answer(TOKEN.encode()))
    with RawServer(script) as server, client_of(server) as client:
        assert prove(client, TOKEN, records=no_records).method == Proof.FILE


def test_a_wrong_file_under_well_known_is_named() -> None:
    with RawServer(serving(well_known=answer(b"0" * 32))) as server, client_of(server) as client:
        with pytest.raises(OwnershipError, match="token_file_differs") as lost:
            prove(client, TOKEN, records=no_records)
        assert "/.well-known/" in str(lost.value)


@pytest.mark.usefixtures("impatient")
def test_a_file_under_well_known_that_cannot_be_asked_for_may_still_be_there() -> None:
    script = serving(well_known=answer(status="503 Later"))
    with RawServer(script) as server, client_of(server) as client, pytest.raises(TemporaryError):
        prove(client, TOKEN, records=no_records)


def test_an_address_that_has_not_shown_the_token_is_sent_nothing_but_the_question_for_it() -> None:
    with RawServer() as server, client_of(server) as client:
        with pytest.raises(TypeError, match="has not shown its token"):
            client.fetch(Call("/api/videos/1"))
        with pytest.raises(TypeError, match="has not shown its token"):
            client.fetch(Call("/plays", method="POST"))
        with pytest.raises(TypeError, match="has not shown its token"):
            Channel(client.target, Limits(), SimpleQueue())  # type: ignore[arg-type]
        assert server.connections == 0


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


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", ["500 Oh", "503 Later", "429 Slow"])
def test_a_site_in_trouble_proves_nothing_for_or_against(status: str) -> None:
    with pytest.raises(TemporaryError, match=status[:3]):
        look_at(answer(status=status))


def test_a_site_that_hangs_proves_nothing_for_or_against() -> None:
    def hang(connection: Connection) -> None:
        connection.hang()

    with (
        RawServer(hang) as server,
        client_of(server, timeout=1) as client,
        pytest.raises(TemporaryError),
    ):
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


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


@contextmanager
def tls_site(
    authority: trustme.CA, content: bytes, *names: str, host: str = "videos.example"
) -> Iterator[SiteClient]:
    """A site at https that answers so to every request, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names or (host,)).configure_cert(context)
    with RawServer(always(content), tls=context) as server:
        pem = authority.cert_pem.bytes().decode()
        with client_of(server, host, pem) as client:
            yield client


NOT_FOUND = answer(status="404 Not Found")


@pytest.fixture
def bare_site(authority: trustme.CA) -> Iterator[SiteClient]:
    """A site at https without the file."""
    with tls_site(authority, NOT_FOUND) as client:
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
    assert prove(bare_site, TOKEN).method == Proof.DNS
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


def test_the_record_of_a_parent_domain_does_not_speak_for_a_subdomain(
    names: NameServer, authority: trustme.CA
) -> None:
    names.records[RECORD] = [f'"{TOKEN}"']
    with (
        tls_site(authority, NOT_FOUND, host="www.videos.example") as client,
        pytest.raises(OwnershipError, match="token_record_missing"),
    ):
        prove(client, TOKEN)


def test_over_http_a_record_does_not_prove_whose_machine_it_is(names: NameServer) -> None:
    """Anybody's name may lead to anybody's server."""
    names.records[RECORD] = [f'"{TOKEN}"']
    with (
        RawServer(always(NOT_FOUND)) as server,
        client_of(server) as client,
        pytest.raises(OwnershipError, match="token_record_needs_https") as lost,
    ):
        prove(client, TOKEN)
    assert "Over http the file is required" in str(Reason.of_error(lost.value))


def test_a_record_does_not_prove_a_machine_without_a_certificate_for_the_name(
    names: NameServer, authority: trustme.CA
) -> None:
    names.records[RECORD] = [f'"{TOKEN}"']
    with (
        tls_site(authority, NOT_FOUND, "other.example") as client,
        pytest.raises(TemporaryError, match="certificate_not_valid"),
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


@pytest.mark.usefixtures("impatient")
def test_a_record_proves_while_the_site_itself_is_in_trouble(
    names: NameServer, authority: trustme.CA
) -> None:
    names.records[RECORD] = [f'"{TOKEN}"']
    with tls_site(authority, answer(status="503 Later")) as client:
        assert prove(client, TOKEN).method == Proof.DNS


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
