"""The authority of a private site, as staff paste it, and what TLS is spoken with it."""

import hashlib
import ssl
import time

import pytest
import trustme

from booster.exceptions import PermanentError, TemporaryError
from booster.net.call import Call
from booster.net.client import SiteClient
from booster.net.tls import context_for, read_authorities
from core.reasons import Reason
from tests.raw_server import RawServer, always, answer
from tests.targets import proved
from tests.wire_client import WireClient


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Harbour Film Club")


@pytest.fixture(scope="module")
def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


def server_side(authority: trustme.CA, name: str = "videos.example") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_an_authority_is_read_as_people_compare_it(pem: str) -> None:
    (found,) = read_authorities(pem)
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert "organizationName=Harbour Film Club" in found.subject
    assert bytes.fromhex(found.fingerprint.replace(":", "")) == hashlib.sha256(der).digest()
    assert found.expires > time.time()


def test_a_root_and_its_intermediate_are_two(authority: trustme.CA, pem: str) -> None:
    child = authority.create_child_ca()
    assert len(read_authorities(pem + child.cert_pem.bytes().decode())) == 2


def refusal(pem: str, **options: float) -> str:
    with pytest.raises(PermanentError) as refused:
        read_authorities(pem, **options)
    assert str(Reason.of_error(refused.value))
    return str(refused.value.code)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nümläut\n-----END CERTIFICATE-----",
        "\ud800",
        "\x00",
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    assert refusal(text) == "authority_unreadable"


def test_a_servers_certificate_is_no_authority(authority: trustme.CA, pem: str) -> None:
    leaf = authority.issue_cert("videos.example").cert_chain_pems[0].bytes().decode()
    assert refusal(leaf) == "authority_is_none"
    assert refusal(pem + leaf) == "authority_is_none"


def test_a_private_key_is_refused_whatever_stands_beside_it(
    authority: trustme.CA, pem: str
) -> None:
    assert refusal(pem + authority.private_key_pem.bytes().decode()) == "authority_with_key"


def test_an_authority_that_has_expired_is_refused(pem: str) -> None:
    (found,) = read_authorities(pem)
    assert refusal(pem, now=found.expires + 1) == "authority_expired"


def test_more_than_a_few_are_refused(pem: str) -> None:
    assert refusal(pem * 6) == "authorities_too_many"
    assert refusal("x" * 40_000) == "authorities_too_many"


@pytest.mark.parametrize("client_of", [SiteClient, WireClient], ids=["thread", "wire"])
def test_an_authority_is_trusted_at_its_own_site_only(client_of, authority, pem) -> None:
    """Two sites with authorities of their own, asked one after the other by one process."""
    other = trustme.CA()
    with (
        RawServer(always(answer(b"one")), tls=server_side(authority)) as one,
        RawServer(always(answer(b"two")), tls=server_side(other)) as two,
    ):
        there = f"https://videos.example:{one.port}"
        with client_of(proved(there, authority=pem)) as client:
            assert client.fetch(Call("/")).body == b"one"
        elsewhere = f"https://videos.example:{two.port}"
        with (
            client_of(proved(elsewhere, authority=pem)) as client,
            pytest.raises(TemporaryError, match="certificate_not_valid"),
        ):
            client.fetch(Call("/"))
        with (
            client_of(proved(there)) as client,
            pytest.raises(TemporaryError, match="certificate_not_valid"),
        ):
            client.fetch(Call("/"))
        assert two.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("client_of", [SiteClient, WireClient], ids=["thread", "wire"])
def test_tls_before_1_2_is_not_spoken(client_of, authority, pem) -> None:
    old = server_side(authority)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert speaks(old, lax_context(pem)), "the server speaks 1.1 with whoever does"
    with RawServer(always(answer()), tls=old) as server:
        target = proved(f"https://videos.example:{server.port}", authority=pem)
        with client_of(target) as client, pytest.raises(TemporaryError, match="tls_failed"):
            client.fetch(Call("/"))
        assert server.requests == []
    assert context_for("").minimum_version == ssl.TLSVersion.TLSv1_2


def lax_context(pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=pem)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def speaks(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> bool:
    """Whether the two come to terms, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="videos.example")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    for _ in range(10):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return len(done) == 2
