"""ASGI entry point: `uvicorn office.asgi:application`. Pages are Django's; what changes on them
comes over /live/, see core/live."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import WebsocketDenier
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
# Only the web keeps a pool of PostgreSQL connections: consumers fork, and a pool may not be.
os.environ.setdefault("DATABASE_POOL", "on")
pages: Any = get_asgi_application()

from core.live.transports.consumers import PollConsumer, SocketConsumer  # noqa: E402 - after models

polls = CookieMiddleware(PollConsumer.as_asgi())
sockets = CookieMiddleware(SocketConsumer.as_asgi())

application = ProtocolTypeRouter(
    {
        "http": URLRouter([path("live/poll/", polls), re_path("", pages)]),
        "websocket": URLRouter(
            [path("live/socket/", sockets), re_path("", WebsocketDenier.as_asgi())]
        ),
    }
)
