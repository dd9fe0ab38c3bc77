"""Targets for tests that send to a server of their own, as if it had shown its token."""

from booster.net.address import Origin, ProvedTarget


def proved(url: str, address: str = "127.0.0.1", *, authority: str = "") -> ProvedTarget:
    return ProvedTarget(Origin.parse(url), address, authority)
