"""Law 4 before the first byte: an address off the verified host reaches nobody."""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from booster.exceptions import AddressRefusedError, TemporaryError
from booster.net import names as look_ups
from booster.net.address import Origin, ProvedTarget, Target, is_public_platform, resolve_all
from booster.net.call import Call
from booster.net.client import SiteClient
from booster.ownership import own_addresses
from core.reasons import Reason
from tests.raw_server import RawServer


@pytest.fixture(scope="module")
def site() -> Iterator[RawServer]:
    """The verified site."""
    with RawServer() as server:
        yield server


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RawServer]:
    """Another server, where a lax reader of an address would end up."""
    with RawServer() as server:
        yield server


def shown(target: Target) -> ProvedTarget:
    """As if its machine had shown the token."""
    return ProvedTarget(target.origin, target.address)


def resolve(origin: Origin, **options: Any) -> Target:
    """The address that is tried first."""
    return resolve_all(origin, **options)[0]


def order_a_play(site: RawServer, url: str) -> int:
    """What delivery does with an order's address: read it, resolve the site once, call it."""
    allowed = (f"127.0.0.1:{site.port}",)
    origin = Origin.parse(site.url)
    path = origin.path_of(url)
    with SiteClient(shown(resolve(origin, allowed=allowed)), timeout=15) as client:
        return client.fetch(Call(path)).status


def add_a_site(url: str, getaddrinfo: object = socket.getaddrinfo) -> int:
    """What the office does with a new site's address, in a deployment without private sites."""
    target = resolve(Origin.parse(url), allowed=(), getaddrinfo=getaddrinfo)
    with SiteClient(shown(target), timeout=15) as client:
        return client.fetch(Call("/")).status


def test_a_play_on_the_verified_site_arrives(site: RawServer) -> None:
    before = site.connections
    assert order_a_play(site, f"http://127.0.0.1:{site.port}/videos/1") == 200
    assert site.connections == before + 1


# {port}: where the other server listens; {site}: the verified site's port.
OFF_THE_HOST = [
    # another host, port or scheme
    "http://127.0.0.1:{port}/videos/1",
    "http://127.0.0.2:{site}/videos/1",
    "http://localhost:{site}/videos/1",
    "http://localhost:{port}/videos/1",
    "https://127.0.0.1:{site}/videos/1",
    "http://127.0.0.1/videos/1",
    "http://127.0.0.1.example.com:{site}/videos/1",
    "http://x.127.0.0.1:{site}/videos/1",
    # user names and passwords
    "http://127.0.0.1:{site}@127.0.0.1:{port}/videos/1",
    "http://user@127.0.0.1:{site}/videos/1",
    "http://user:password@127.0.0.1:{site}/videos/1",
    "http://@127.0.0.1:{site}/videos/1",
    "http://127.0.0.1:{site}%40127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@127.0.0.1:{site}/",
    "http://127.0.0.1:{port}?@127.0.0.1:{site}/",
    # backslashes, control characters, spaces
    "http://127.0.0.1:{port}\\@127.0.0.1:{site}/videos/1",
    "http:\\\\127.0.0.1:{site}\\videos\\1",
    "http://127.0.0.1:{site}\\videos",
    "http://127.0.0.1:{site}\t/videos/1",
    "http://127.0.0.1:{site}/videos\n/1",
    "http://127.0.0.1:{site}/videos/1\r\nHost: 127.0.0.1:{port}",
    " http://127.0.0.1:{site}/videos/1",
    "http://127.0.0.1:{site}/videos/1 ",
    "http://127.0.0.1:{site}/\x00",
    "ht\ntp://127.0.0.1:{site}/videos/1",
    "http://127.0.0.1 :{site}/",
    "http://127.0.0.1\u00a0:{site}/",
    "http://127.0.0.1:{site}/\u202evideos",
    # IPv4 in other notations
    "http://2130706433:{site}/videos/1",
    "http://0x7f000001:{site}/videos/1",
    "http://0x7F.0.0.1:{site}/videos/1",
    "http://127.0.0.0x1:{site}/videos/1",
    "http://0177.0.0.1:{site}/videos/1",
    "http://127.0.0.01:{site}/videos/1",
    "http://127.1:{site}/videos/1",
    "http://127.0.1:{site}/videos/1",
    "http://127.0.0.1.:{site}/videos/1",
    "http://127.0.0.257:{site}/videos/1",
    "http://0:{site}/videos/1",
    "http://0.0.0.0:{site}/videos/1",
    # IPv6
    "http://[::1]:{site}/videos/1",
    "http://[::ffff:127.0.0.1]:{site}/videos/1",
    "http://[::ffff:7f00:1]:{site}/videos/1",
    "http://[::127.0.0.1]:{site}/videos/1",
    "http://[64:ff9b::7f00:1]:{site}/videos/1",
    "http://[2002:7f00:1::]:{site}/videos/1",
    "http://[fe80::1%25lo]:{site}/videos/1",
    "http://[::1%lo]:{site}/videos/1",
    "http://[::1:{site}/videos/1",
    "http://[::1]x:{site}/videos/1",
    "http://::1:{site}/videos/1",
    "http://[127.0.0.1]:{site}/videos/1",
    "http://[v1.127.0.0.1]:{site}/",
    # look-alike characters
    "http://\uff11\uff12\uff17.0.0.1:{site}/videos/1",
    "http://127\u30020\u30020\u30021:{site}/videos/1",
    "http://127\uff0e0.0.1:{site}/videos/1",
    "http://\u2460\u2461\u2466.0.0.1:{site}/videos/1",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{site}/videos/1",
    "http://xn--127-.0.0.1:{site}/videos/1",
    "http://xn--a.example:{site}/videos/1",
    "http\uff1a//127.0.0.1:{site}/videos/1",
    "http://127.0.0.1\u2215@127.0.0.1:{site}/",
    # percent-encoding in the host
    "http://127.0.0.%31:{site}/videos/1",
    "http://%31%32%37.0.0.1:{site}/videos/1",
    "http://127.0.0.1%2f:{site}/videos/1",
    "http://127.0.0.1%00:{site}/videos/1",
    # ports
    "http://127.0.0.1:/videos/1",
    "http://127.0.0.1:0/videos/1",
    "http://127.0.0.1:65536/videos/1",
    "http://127.0.0.1:0{site}/videos/1",
    "http://127.0.0.1:+{site}/videos/1",
    "http://127.0.0.1:-1/videos/1",
    "http://127.0.0.1:{site}:{port}/videos/1",
    "http://127.0.0.1:{site}.{port}/videos/1",
    "http://127.0.0.1:\u0661\u0662/videos/1",
    "http://127.0.0.1:6379/videos/1",
    "http://127.0.0.1:5432/videos/1",
    "http://127.0.0.1:22/videos/1",
    "http://127.0.0.1:25/videos/1",
    # other schemes and half addresses
    "http:/127.0.0.1:{site}/videos/1",
    "http:127.0.0.1:{site}/videos/1",
    "http:///127.0.0.1:{site}/videos/1",
    "//127.0.0.1:{site}/videos/1",
    "127.0.0.1:{site}/videos/1",
    "/videos/1",
    "",
    "http://",
    "ftp://127.0.0.1:{site}/videos/1",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{site}/_GET",
    "javascript:fetch('http://127.0.0.1:{site}/')",
    "data:text/html,http://127.0.0.1:{site}/",
    "unix://127.0.0.1:{site}/",
    "http+unix://127.0.0.1:{site}/",
    "http://127.0.0.1:{site}/" + "a" * 2048,
    # names that are none
    "http://-a.example:{site}/",
    "http://a..example:{site}/",
    "http://.example:{site}/",
    "http://a_b.example:{site}/",
    "http://" + "a" * 64 + ".example:{site}/",
    "http://" + "a." * 130 + "example:{site}/",
    "http://exa<mple:{site}/",
]


@pytest.mark.parametrize("vector", OFF_THE_HOST)
def test_an_order_for_another_host_is_refused_and_nothing_is_sent(
    site: RawServer, elsewhere: RawServer, vector: str
) -> None:
    url = vector.replace("{site}", str(site.port)).replace("{port}", str(elsewhere.port))
    before = site.connections, elsewhere.connections
    with pytest.raises(AddressRefusedError) as refused:
        order_a_play(site, url)
    assert str(Reason.of_error(refused.value)).endswith(".")  # a whole sentence, for the order form
    assert (site.connections, elsewhere.connections) == before


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7F.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.1",
        "1.1.1.0x1",
        "08.8.8.8",
        "8.8.8",
        "134744072",
        "256.1.1.1",
        "1.2.3.4.5",
        "videos.1",
        "0x",
        "example.0x1f",
    ],
)
def test_an_ip_address_in_an_odd_notation_is_not_even_read(host: str) -> None:
    with pytest.raises(AddressRefusedError, match="odd_ip_notation"):
        Origin.parse(f"http://{host}:8001/")


PRIVATE_LITERALS = [
    "127.0.0.1",
    "127.8.9.10",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # cloud metadata
    "100.64.0.1",
    "0.0.0.0",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "[64:ff9b:1::1]",
    "[100::1]",
    "[::2]",
]


@pytest.mark.parametrize("host", PRIVATE_LITERALS)
def test_a_site_at_a_private_address_is_refused_and_nothing_is_sent(
    site: RawServer, host: str
) -> None:
    before = site.connections
    with pytest.raises(AddressRefusedError, match="private_address"):
        add_a_site(f"http://{host}:{site.port}/")
    assert site.connections == before


PRIVATE_ANSWERS = [
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "0.0.0.0",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fe80::1%lo",
    # metadata services of clouds
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    # endpoints of clouds' platforms, in public ranges
    "168.63.129.16",
    "161.26.0.10",
    "166.9.1.1",
    "199.36.153.8",
    "2600:2d00:2:1000::1",
    # for documentation and benchmarks
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "2001:db8::1",
    "3fff::1",
    # the same inside IPv6: mapped, compatible, NAT64, 6to4, Teredo
    "::ffff:168.63.129.16",
    "::168.63.129.16",
    "64:ff9b::a83f:8110",
    "64:ff9b:1::a83f:8110",
    "2002:a83f:8110::1",
    "2001:0:a83f:8110::",
    "::ffff:169.254.169.254",
    "64:ff9b::c612:1",
    "2002:c000:201::1",
]


def answering(*addresses: str) -> "FakeNames":
    return FakeNames(addresses)


class FakeNames:
    """A name server under the test's control, in getaddrinfo's shape."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.addresses = addresses
        self.lookups = 0

    def __call__(self, host: str, port: int | None, **kwargs: object) -> list[tuple[object, ...]]:
        self.lookups += 1
        return [(0, 0, 0, "", (address, port)) for address in self.addresses]


@pytest.mark.parametrize("address", PRIVATE_ANSWERS)
def test_a_name_that_leads_to_a_private_address_is_refused_and_nothing_is_sent(
    site: RawServer, address: str
) -> None:
    before = site.connections
    with pytest.raises(AddressRefusedError, match="private_address"):
        add_a_site(f"http://videos.example:{site.port}/", answering(address))
    assert site.connections == before


def test_a_name_server_that_keeps_silent_is_waited_for_only_so_long(monkeypatch, settings):
    monkeypatch.setattr(look_ups, "LOOK_UP_SECONDS", 0.2)
    awake, began = threading.Event(), time.monotonic()

    def silent(*_args: object, **_options: object) -> list[tuple[object, ...]]:
        awake.wait(20)
        return []

    with pytest.raises(TemporaryError, match="no name server answered"):
        resolve(Origin.parse("http://videos.example/"), allowed=(), getaddrinfo=silent)
    # Nor for each of the office's own names.
    settings.ALLOWED_HOSTS = [f"{number}.example" for number in range(8)]
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    own_addresses._addresses_of.cache_clear()
    assert not own_addresses.is_own(ipaddress.ip_address("93.184.215.14"))
    assert time.monotonic() - began < 10
    awake.set()


def test_a_name_that_changes_its_answer_later_changes_nothing(
    site: RawServer, elsewhere: RawServer
) -> None:
    names = answering("127.0.0.1")
    origin = Origin.parse(f"http://videos.example:{site.port}/")
    target = resolve(origin, allowed=(f"127.0.0.1:{site.port}",), getaddrinfo=names)
    names.addresses = ("127.0.0.2",)
    with SiteClient(shown(target), timeout=15) as client:
        assert client.fetch(Call("/")).status == 200
        assert client.fetch(Call("/")).status == 200
    assert names.lookups == 1
    assert f"Host: videos.example:{site.port}".encode() in site.requests[-1]


OWN = ipaddress.ip_address("93.184.215.14")


def test_an_address_of_the_office_itself_is_refused_though_it_is_public() -> None:
    origin = Origin.parse("https://videos.example")
    names = answering(str(OWN), "93.184.215.15")
    with pytest.raises(AddressRefusedError, match="own_address"):
        resolve(origin, allowed=(), is_own=OWN.__eq__, getaddrinfo=answering(str(OWN)))
    assert resolve(origin, allowed=(), is_own=OWN.__eq__, getaddrinfo=names).address != str(OWN)
    allowed = (f"{OWN}:443",)
    assert resolve(origin, allowed=allowed, is_own=OWN.__eq__, getaddrinfo=names).address == str(
        OWN
    )


def test_the_interfaces_of_this_host_are_its_own() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(
            ("192.0.2.1", 9)
        )  # no byte leaves; the kernel says which address would be used
        outward = probe.getsockname()[0]
    for address in ("127.0.0.1", outward):
        assert own_addresses.is_of_this_host(ipaddress.ip_address(address))
    for address in ("93.184.215.14", "2606:4700::1111"):
        assert not own_addresses.is_of_this_host(ipaddress.ip_address(address))


def test_where_the_names_of_the_office_lead_is_its_own(settings, monkeypatch) -> None:
    names = answering("93.184.215.14", "2606:4700::1111")
    monkeypatch.setattr(socket, "getaddrinfo", names)
    settings.ALLOWED_HOSTS = [".office.example", "*", "[::1]"]
    for address in names.addresses:
        assert own_addresses.is_own(ipaddress.ip_address(address))
    assert not own_addresses.is_own(ipaddress.ip_address("93.184.215.15"))
    asked = names.lookups
    assert own_addresses.is_own(ipaddress.ip_address("93.184.215.14"))
    assert names.lookups == asked  # remembered for a minute


def test_a_private_address_among_public_ones_is_never_taken() -> None:
    target = resolve(
        Origin.parse("https://videos.example"),
        allowed=(),
        getaddrinfo=answering("127.0.0.1", "93.184.215.14", "10.0.0.1"),
    )
    assert target.address == "93.184.215.14"


@pytest.mark.parametrize(
    "entry",
    ["127.0.0.1:8001", "videos.example:8001", "Videos.Example:8001", "127.0.0.0/8"],
)
def test_the_deployment_may_allow_a_private_site(entry: str) -> None:
    origin = Origin.parse("http://videos.example:8001/")
    target = resolve(origin, allowed=(entry,), getaddrinfo=answering("127.0.0.1"))
    assert target == Target(origin, "127.0.0.1")


@pytest.mark.parametrize(
    "entry", ["127.0.0.1:8002", "127.0.0.1:80", "videos.example:80", "10.0.0.0/8", "::/0"]
)
def test_what_the_deployment_allows_is_allowed_exactly(entry: str) -> None:
    with pytest.raises(AddressRefusedError, match="private_address"):
        resolve(
            Origin.parse("http://videos.example:8001/"),
            allowed=(entry,),
            getaddrinfo=answering("127.0.0.1"),
        )


def test_an_ipv6_site_may_be_allowed_by_address_and_port() -> None:
    origin = Origin.parse("http://[0:0::1]:8001/")
    assert resolve(origin, allowed=("[::1]:8001",)).address == "::1"


PLATFORMS = [
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
    "https://youtube.com/",
    "https://M.YouTube.COM/",
    "https://youtu.be/dQw4w9WgXcQ",
    "https://www.youtube.co.jp/",
    "https://youtube.de/",
    "https://vimeo.com/1",
    "https://player.vimeo.com/video/1",
    "https://www.tiktok.com/@a/video/1",
    "https://www.bilibili.com/video/BV1",
    "https://b23.tv/a",
    "https://v.douyin.com/a",
    "https://v.qq.com/x",
    "https://v.youku.com/a",
    "https://www.twitch.tv/a",
    "https://www.facebook.com/watch",
    "https://x.com/a",
]


@pytest.mark.parametrize("url", PLATFORMS)
def test_a_public_platform_is_refused_whatever_is_allowed_and_not_even_looked_up(
    url: str,
) -> None:
    names = answering("93.184.215.14")
    host = Origin.parse(url).host
    with pytest.raises(AddressRefusedError, match="public_platform"):
        resolve(
            Origin.parse(url),
            allowed=("0.0.0.0/0", f"{host}:443"),
            getaddrinfo=names,
        )
    assert names.lookups == 0


@pytest.mark.parametrize(
    "host",
    ["notyoutube.com", "youtube.com.videos.example", "myvimeo.com", "linux.com", "a.example"],
)
def test_a_host_that_only_looks_like_a_platform_is_none(host: str) -> None:
    assert not is_public_platform(host)


def test_a_name_without_an_answer_is_a_temporary_error() -> None:
    def no_such_name(*args: object, **kwargs: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(TemporaryError, match="name_not_looked_up"):
        resolve(Origin.parse("http://videos.example"), allowed=(), getaddrinfo=no_such_name)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Videos.Example", "http://videos.example"),
        ("HTTP://videos.example:80/a?b#c", "http://videos.example"),
        ("https://videos.example:443/", "https://videos.example"),
        ("https://videos.example:80", "https://videos.example:80"),
        ("http://videos.example:8001?x=1", "http://videos.example:8001"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example"),
        ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example"),
        ("https://\u4f8b\u5b50.\u6d4b\u8bd5/", "https://xn--fsqu00a.xn--0zwm56d"),
        ("https://\u0392\u038c\u039b\u039f\u03a3.example/", "https://xn--nxasmq6b.example"),
        ("https://\u03b2\u03cc\u03bb\u03bf\u03c2.example/", "https://xn--nxasmm1c.example"),
        ("https://xn--fsqu00a.xn--0zwm56d/", "https://xn--fsqu00a.xn--0zwm56d"),
        ("http://8.8.8.8/", "http://8.8.8.8"),
        ("http://[2606:4700:0:0::1111]:8080/", "http://[2606:4700::1111]:8080"),
        ("http://localhost:8001", "http://localhost:8001"),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str) -> None:
    assert str(Origin.parse(url)) == origin
    assert Origin.parse(origin) == Origin.parse(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://films.example/#/watch/abc", "/watch/abc"),
        ("https://films.example#!/watch/abc?v=7#t=30", "/watch/abc?v=7"),
        ("https://films.example/watch/abc#/comments", "/watch/abc"),
        ("https://films.example/?v=7#/comments", "/?v=7"),
        ("https://films.example/#top", "/"),
    ],
)
def test_a_page_that_finds_its_way_by_scripts_has_its_videos_behind_the_mark(
    url: str, path: str
) -> None:
    assert Origin.split(url)[1] == path


def test_the_path_keeps_its_query_and_loses_its_fragment() -> None:
    origin = Origin.parse("https://videos.example")
    assert origin.path_of("https://videos.example/w/a?start=1#t=2") == "/w/a?start=1"
    assert origin.path_of("https://videos.example?v=1") == "/?v=1"
    assert origin.path_of("https://videos.example") == "/"


@pytest.mark.slow
@given(st.text(max_size=60))
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    for url in (text, "http://" + text, "https://" + text + "/videos/1"):
        try:
            origin = Origin.parse(url)
        except AddressRefusedError:
            continue
        assert Origin.parse(str(origin)) == origin
        assert str(origin).isascii()
