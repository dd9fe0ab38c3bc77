"""Which addresses count as one. Pure."""

import ipaddress

# What one line gets at least: its owner has 2**64 of them to try from (RFC 6177).
NETWORK_OF_IPV6 = 64


def network_of(address: str) -> str:
    """An IPv4 address, the /64 of an IPv6 one; as it is where it is neither, as of a socket."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, NETWORK_OF_IPV6), strict=False))
