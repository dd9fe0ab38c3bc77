"""Which addresses we send to: law 4, "only sites that agreed", before the first byte.

An address is read strictly and by ourselves: whatever two programs could read differently (user
names, backslashes, odd IP notations, look-alike characters) is refused, never repaired. A name is
looked up once, which makes a `Target`; it may be asked for the site's token and for nothing else.
What showed the token is a `ProvedTarget`, and all that follows goes to its address, so that a name
that changes its answer (DNS rebinding) changes nothing: a new look-up is a new proof.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import idna

from booster.exceptions import AddressRefusedError, SiteCode, TemporaryError, is_own_limit
from booster.net.names import Lookup, look_up

MAX_URL = 2048
MOST_ADDRESSES = 3  # of a name: tried until one answers

DEFAULT_PORTS = {"http": 80, "https": 443}

# Ports on which other services listen: a request there could be taken for their commands. The
# browsers' list (https://fetch.spec.whatwg.org/#port-blocking) and the usual databases and queues.
FOREIGN_PORTS = frozenset(
    {1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95}
    | {101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179}
    | {389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601}
    | {636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566}
    | {6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
    | {445, 1433, 1521, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 6379, 6380}
    | {9042, 9200, 9300, 11211, 26379, 27017, 27018}
)

# Registrable domains of public platforms; their subdomains are meant too. Their counters are not
# any customer's to buy, so that not even a token there would be believed.
_PLATFORMS = """
    youtube.com youtu.be youtube-nocookie.com youtubekids.com googlevideo.com google.com
    vimeo.com vimeocdn.com dailymotion.com dai.ly twitch.tv kick.com rumble.com odysee.com
    bitchute.com lbry.tv streamable.com wistia.com netflix.com hulu.com
    tiktok.com tiktokv.com douyin.com iesdouyin.com ixigua.com kuaishou.com kwai.com
    xiaohongshu.com xhslink.com bilibili.com bilibili.tv b23.tv acfun.cn youku.com tudou.com
    iqiyi.com iq.com mgtv.com le.com sohu.com qq.com wetv.vip weibo.com weibo.cn miaopai.com
    nicovideo.jp nico.ms fc2.com naver.com afreecatv.com sooplive.co.kr
    facebook.com fb.com fb.watch instagram.com threads.net x.com twitter.com t.co reddit.com
    redd.it snapchat.com pinterest.com linkedin.com tumblr.com telegram.org t.me
    vk.com vk.ru vkvideo.ru ok.ru rutube.ru
    spotify.com soundcloud.com deezer.com ted.com 9gag.com
    pornhub.com xvideos.com xhamster.com xnxx.com redtube.com onlyfans.com
"""
PUBLIC_PLATFORMS = frozenset(_PLATFORMS.split())
# YouTube and Google also answer under every country's domain.
PLATFORM_COUNTRY_DOMAIN = re.compile(r"(?:^|\.)(?:youtube|google)\.(?:com?\.)?[a-z]{2}$")

# What `ipaddress` of some Python 3.11 still calls global, though nobody's public server is there.
_RESERVED = (
    *("192.0.0.0/24", "192.88.99.0/24"),
    *("::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16"),
)
# Where clouds put what only their customers' machines can reach, though the addresses are public:
# Azure's platform (DHCP, DNS, health probes, the agent), IBM Cloud's service endpoints, Google's
# private access to its interfaces. Metadata services elsewhere lie in private ranges.
_PLATFORM_ENDPOINTS = (
    *("168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14"),
    *("199.36.153.4/30", "199.36.153.8/30"),
    *("2600:2d00:2:1000::/64", "2600:2d00:2:2000::/64"),
)
RESERVED_NETWORKS = tuple(map(ipaddress.ip_network, (*_RESERVED, *_PLATFORM_ENDPOINTS)))
NAT64 = ipaddress.ip_network("64:ff9b::/96")

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what an IPv4 reader may take for a number
_FOREIGN_DOTS = re.compile("[\u3002\uff0e\uff61]")  # read as dots by some

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a site: what a token is proved for. Compare with `==`."""

    scheme: str
    host: str  # lower case, ASCII (IDNA), without brackets
    port: int

    @classmethod
    def parse(cls, url: str) -> "Origin":
        """The origin of an http(s) address. Raises AddressRefusedError."""
        return cls.split(url)[0]

    @classmethod
    def split(cls, url: str) -> "tuple[Origin, str]":
        """The origin, and path and query; the fragment is the path in `/#/watch/12` alone."""
        if len(url) > MAX_URL:
            raise AddressRefusedError(SiteCode.ADDRESS_TOO_LONG, number=MAX_URL)
        # urlsplit() would drop some of these silently: what we check must be what we send.
        # Most addresses are plain ASCII, which is seen at once.
        plain = url.isascii() and url.isprintable() and " " not in url
        if not plain and any(unicodedata.category(char)[0] in "CZ" for char in url):
            raise AddressRefusedError(SiteCode.ADDRESS_WITH_SPACES)
        if "\\" in url:
            raise AddressRefusedError(SiteCode.ADDRESS_WITH_BACKSLASH)
        match = _URL.fullmatch(url)
        if match is None:
            raise AddressRefusedError(SiteCode.NOT_HTTP)
        scheme = match["scheme"].lower()
        host, port = _host_and_port(match["authority"])
        path, _hash, route = match["rest"].partition("#")
        # Pages that find their way by scripts have it here; else nothing is meant for the site.
        if path in ("", "/") and route.startswith(("/", "!/")):
            path = route.removeprefix("!").partition("#")[0]
        if not path.startswith("/"):
            path = "/" + path
        return cls(scheme, host, DEFAULT_PORTS[scheme] if port is None else port), path

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def is_ip(self) -> bool:
        return _literal(self.host) is not None

    def path_of(self, url: str) -> str:
        """Path and query, as split() has them. AddressRefusedError: it is elsewhere."""
        origin, path = self.split(url)
        if origin != self:
            raise AddressRefusedError(SiteCode.ON_ANOTHER_SITE, host=str(origin), site=str(self))
        return path


@dataclass(frozen=True, slots=True)
class Target:
    """An origin looked up once: the site's token is the only thing it may be asked for."""

    origin: Origin
    address: str
    # Certificates (PEM) to trust there instead of the public authorities; "": those.
    authority: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ProvedTarget(Target):
    """A target that has shown the site's token: only there counters are read and plays sent. Over
    https each connection shows a certificate for the origin's host besides.

    Made by `booster.ownership.tokens.prove()` alone; a test keeps it so."""

    method: str = field(default="", compare=False)  # what showed the token
    # Where a recipe asks for a part besides, once that has shown the token as well.
    second: "ProvedTarget | None" = None

    def with_second(self, second: "ProvedTarget") -> "ProvedTarget":
        return replace(self, second=second)


def proved_at(target: Target, origin: Origin | None) -> ProvedTarget:
    """The target at this origin (None: its own) for more than the question for the token. Law 4:
    TypeError where nothing has shown it."""
    found = target
    if origin is not None and origin != target.origin:
        second = target.second if isinstance(target, ProvedTarget) else None
        if second is None or second.origin != origin:
            raise TypeError(f"{origin} has not shown the token of {target.origin}")
        found = second
    if not isinstance(found, ProvedTarget):
        raise TypeError(f"{found.origin} at {found.address} has not shown its token")
    return found


def resolve_all(
    origin: Origin,
    *,
    allowed: Iterable[str],
    is_own: Callable[[IPAddress], bool] = lambda _address: False,
    authority: str = "",
    getaddrinfo: Lookup | None = None,
) -> list[Target]:
    """Look the origin's name up once. Returns 1 to MOST_ADDRESSES addresses that we may send to, in
    the system's order.

    `allowed` are the deployment's private sites: "host:port" (exactly so in the site's address,
    or the numeric address and port it leads to) or networks ("10.1.0.0/16"). Without such an
    entry only public addresses are taken, and none that `is_own`, the office's. Raises
    AddressRefusedError, also for public platforms, whatever is allowed; TemporaryError when the
    name cannot be looked up now.
    """
    if is_public_platform(origin.host):
        raise AddressRefusedError(SiteCode.PUBLIC_PLATFORM, host=origin.host)
    private = list(allowed)
    found = _look_up(origin, getaddrinfo)
    taken = [
        Target(origin, str(address), authority)
        for address in found
        if _is_allowed(private, origin, address) or (is_public(address) and not is_own(address))
    ]
    if taken:
        return taken[:MOST_ADDRESSES]
    code = SiteCode.OWN_ADDRESS if is_public(found[0]) else SiteCode.PRIVATE_ADDRESS
    raise AddressRefusedError(code, host=origin.host, address=str(found[0]))


def is_public_platform(host: str) -> bool:
    labels = host.split(".")
    parents = (".".join(labels[start:]) for start in range(len(labels)))
    return any(parent in PUBLIC_PLATFORMS for parent in parents) or bool(
        PLATFORM_COUNTRY_DOMAIN.search(host)
    )


def is_public(address: IPAddress) -> bool:
    """Whether a server of the open internet can have it. An IPv4 address inside an IPv6 one
    (mapped, 6to4, NAT64) is judged by the IPv4 address."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)
        and not any(address in network for network in RESERVED_NETWORKS)
    )


def _is_allowed(allowed: Iterable[str], origin: Origin, address: IPAddress) -> bool:
    numeric = f"[{address}]" if address.version == 6 else str(address)
    names = (f"{origin.host}:{origin.port}", f"{numeric}:{origin.port}")
    return any(
        address in ipaddress.ip_network(entry) if "/" in entry else entry.lower() in names
        for entry in allowed
    )


@lru_cache(1024)
def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise AddressRefusedError(SiteCode.ADDRESS_WITH_USER)
    if "%" in authority:
        raise AddressRefusedError(SiteCode.HOST_WITH_PERCENT)
    if authority.startswith("["):
        literal, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise AddressRefusedError(SiteCode.BRACKETS_DO_NOT_MATCH)
        return _ipv6(literal), _port(rest[1:]) if rest else None
    host, colon, port = authority.partition(":")
    return _host(host), _port(port) if colon else None


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise AddressRefusedError(SiteCode.PORT_NOT_VALID)
    port = int(text)
    if port in FOREIGN_PORTS:
        raise AddressRefusedError(SiteCode.PORT_OF_ANOTHER_SERVICE, number=port)
    return port


def _ipv6(literal: str) -> str:
    try:
        address = ipaddress.IPv6Address(literal)
    except ValueError:
        raise AddressRefusedError(SiteCode.IPV6_NOT_VALID) from None
    if _embedded(address) is not None:
        raise AddressRefusedError(SiteCode.IPV4_AS_IPV6)
    return str(address)


def _host(host: str) -> str:
    if not host:
        raise AddressRefusedError(SiteCode.ADDRESS_WITHOUT_HOST)
    if not host.isascii():
        host = _idna(host)
    host = host.lower()
    if host.endswith("."):
        raise AddressRefusedError(SiteCode.HOST_WITH_FINAL_DOT)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefusedError(SiteCode.HOST_NOT_A_NAME)
    if any(label.startswith("xn--") for label in labels):
        _check_punycode(host)
    return host


def _ipv4(host: str) -> str:
    """Four decimal numbers; what inet_aton() also takes (017.1, 0x7f.1, 2130706433) is refused."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise AddressRefusedError(SiteCode.ODD_IP_NOTATION) from None


def _idna(host: str) -> str:
    """IDNA 2008 and nothing mapped: full-width digits and the like are refused, not translated."""
    if _FOREIGN_DOTS.search(host):
        raise AddressRefusedError(SiteCode.HOST_WITH_ODD_DOTS)
    try:
        # Each letter by itself, as browsers do: str.lower() writes a last Σ as ς, another name.
        return idna.encode("".join(map(str.lower, host))).decode("ascii")
    except idna.IDNAError:
        raise AddressRefusedError(SiteCode.HOST_WITH_FORBIDDEN_CHARACTERS) from None


def _check_punycode(host: str) -> None:
    try:
        agrees = idna.encode(idna.decode(host)).decode("ascii") == host
    except (idna.IDNAError, UnicodeError):
        agrees = False
    if not agrees:
        raise AddressRefusedError(SiteCode.HOST_NOT_PUNYCODE)


def _look_up(origin: Origin, getaddrinfo: Lookup | None) -> list[IPAddress]:
    """Every address of the origin, at least one, in the system's order of preference."""
    literal = _literal(origin.host)
    if literal is not None:
        return [literal]
    try:
        answers = look_up(origin.host, origin.port, getaddrinfo)
    except (OSError, UnicodeError) as error:
        if is_own_limit(error):
            raise TemporaryError(SiteCode.OWN_LIMIT, error=str(error)) from error
        raise TemporaryError(
            SiteCode.NAME_NOT_LOOKED_UP, host=origin.host, error=str(error)
        ) from error
    found = [address for answer in answers if (address := _literal(answer[4][0])) is not None]
    if not found:
        raise TemporaryError(SiteCode.NAME_WITHOUT_ADDRESS, host=origin.host)
    return found


def _literal(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _embedded(address: IPAddress) -> ipaddress.IPv4Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
