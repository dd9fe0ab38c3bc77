"""Which addresses count as one. Pure."""

import ipaddress

# The owner of one line has at least 2**64 addresses to try from (RFC 6177).
NETWORK_OF_IPV6 = 64


def network_of(address: str) -> str:
    """An IPv4 address, the /64 of an IPv6 one; anything else, such as a socket's, unchanged."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, NETWORK_OF_IPV6), strict=False))
