"""Where a request comes from: the only place that reads what proxies say. They may call a visitor
`unknown` or `unix:`, but everything behind here needs an address."""

import ipaddress
from collections.abc import Iterable
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

# The key in a request's scope for who is connected to us.
PEER = "office.peer"


class Proxies:
    """Believes X-Forwarded-For and X-Forwarded-Proto of these addresses and networks. Whatever is
    no address counts as the proxy's own."""

    def __init__(self, application: Any, believed: Iterable[str]) -> None:
        self._application = application
        self._read_headers = ProxyHeadersMiddleware(self._pass_on, list(believed))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope[PEER] = scope.get("client")
        await self._read_headers(scope, receive, send)

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = plain(scope.get("client")) or plain(scope[PEER])
        await self._application(scope, receive, send)


def plain(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """Without a link's zone, which no database keeps; None if it is no address."""
    if client is None:
        return None
    try:
        return str(ipaddress.ip_address(client[0].partition("%")[0])), client[1]
    except ValueError:
        return None
