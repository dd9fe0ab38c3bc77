"""ASGI entry point: `manage.py run_web`. Pages are Django's and pass a gate (gate.py); live changes
go over /live/ (core/live); probes.py answers machines."""

import gc
import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import WebsocketDenier
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
# Only the web pools PostgreSQL connections: consumers fork, and a pool must not.
os.environ.setdefault("DATABASE_POOL", "on")
django: Any = get_asgi_application()

# After that, since they need models. Pages are loaded before the first request.
from core.live.transports.consumers import PollConsumer, serve_socket  # noqa: E402
from core.live.transports.gate import SocketGate  # noqa: E402
from office import probes, urls  # noqa: E402, F401
from office.gate import PageGate  # noqa: E402
from office.proxies import Proxies  # noqa: E402
from office.statics import StaticMemory  # noqa: E402
from office.uploaders import is_staff  # noqa: E402


async def django_pages(scope: Any, receive: Any, send: Any) -> None:
    """Django without encoded parameters (RFC 2231) in the Content-Type: no browser sends them, and
    at a wrong one Django fails before it makes a request."""
    headers = [
        (name, value.replace(b"*=", b"=") if name == b"content-type" else value)
        for name, value in scope["headers"]
    ]
    await django({**scope, "headers": headers}, receive, send)


# A form, and an upload.
form = 4 << 20
pages: Any = PageGate(
    django_pages,
    settings.WEB_THREADS,
    settings.WEB_QUEUE,
    largest=settings.IMPORT_MAX_BYTES + form,
    form=form,
    may_upload=is_staff,
)
# In development files are read each time.
statics: Any = pages if settings.DEBUG else StaticMemory(pages)
viewers = probes.Viewers()
polls = viewers.counted(CookieMiddleware(PollConsumer.as_asgi()))
sockets = viewers.counted(CookieMiddleware(SocketGate(serve_socket)))

routes = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [
                path("live/poll/", polls),
                path("healthz", probes.healthz),  # type: ignore[arg-type]
                path("readyz", probes.readyz),  # type: ignore[arg-type]
                path("metrics", probes.scrape),  # type: ignore[arg-type]
                re_path(f"^{settings.STATIC_URL.lstrip('/')}", statics),
                re_path("", pages),
            ]
        ),
        "websocket": URLRouter(
            [path("live/socket/", sockets), re_path("", WebsocketDenier.as_asgi())]
        ),
    }
)
application = Proxies(routes, settings.FORWARDED_ALLOW_IPS)
probes.Reporter(pages, viewers).start()
# What is loaded now stays: a full collection of it held every page as long as two pages take.
gc.collect()
gc.freeze()
