"""The office's web server with a counter: GET /queries says how many queries it has asked and how
much processor time it has used. For the benchmark of live pages."""

import json
import os
from typing import Any

from django.db.backends.signals import connection_created

from office.asgi import application as office

queries = 0


def count(execute: Any, *args: Any) -> Any:
    global queries
    queries += 1
    return execute(*args)


def watch(connection: Any, **unused: Any) -> None:
    connection.execute_wrappers.append(count)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/queries":
        await office(scope, receive, send)
        return
    times = os.times()
    body = json.dumps({"queries": queries, "seconds": times.user + times.system}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


connection_created.connect(watch)
