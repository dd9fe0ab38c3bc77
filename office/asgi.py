"""ASGI entry point: `uvicorn office.asgi:application`. Pages are Django's; what moves on them comes
over /live/, see core/live."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
# Only the web keeps a pool of PostgreSQL connections: consumers fork, and a pool may not be.
os.environ.setdefault("DATABASE_POOL", "on")
pages = get_asgi_application()

from core.live import transports  # noqa: E402 - after Django's models


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    one = transports.poll_application if scope["path"] == "/live/poll/" else pages
    await one(scope, receive, send)


async def websocket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    is_ours = scope["path"] == "/live/socket/"
    one = transports.socket_application if is_ours else transports.refuse
    await one(scope, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": websocket})
