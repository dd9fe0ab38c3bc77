"""For machines: /healthz (this process is alive), /readyz (the database answers and is migrated)
and /metrics (figures, for holders of METRICS_TOKEN).

They stand beside Django: no host is checked and nothing is redirected to https, since load
balancers ask by address, and no page is in their way. Only one look at the database runs at a time.
The first two answer with a single word.
"""

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core.db.outages import DATABASE_ERRORS
from core.models import WebProcess
from core.models.heartbeats import worker_name
from core.ops import alerts
from core.reports import metrics
from office.gate import PageGate, Receive, Send

logger = logging.getLogger(__name__)

PLAIN = "text/plain; charset=utf-8"
# A longer look at the database counts as failed; a good one holds this long.
PATIENCE_SECONDS = 5.0
FRESH_SECONDS = 1.0
REPORT_SECONDS = 15.0


class SharedLook:
    """Runs a function in a thread; calls during it, or soon after, get the same answer. Raises what
    it raises, and TimeoutError."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look
        self._task: asyncio.Task[Any] | None = None
        self._ended = float("-inf")

    async def result(self) -> Any:
        if self._task is None or (
            self._task.done() and time.monotonic() - self._ended > FRESH_SECONDS
        ):
            self._task = asyncio.create_task(self._run())
        return await asyncio.wait_for(asyncio.shield(self._task), PATIENCE_SECONDS)

    async def _run(self) -> Any:
        try:
            return await sync_to_async(self._look_once, thread_sensitive=False)()
        finally:
            self._ended = time.monotonic()

    def _look_once(self) -> Any:
        try:
            return self._look()
        finally:
            connection.close()


class Readiness:
    """`check()` returns what is missing, in a word; "" if nothing is."""

    def __init__(self) -> None:
        self._is_migrated = False

    def check(self) -> str:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            # It stays migrated, and looking is expensive.
            self._is_migrated = self._is_migrated or is_migrated()
        except DATABASE_ERRORS:
            return "database"
        return "" if self._is_migrated else "migrations"


def is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


readiness = SharedLook(Readiness().check)
figures = SharedLook(metrics.exposition)


async def healthz(scope: Any, receive: Receive, send: Send) -> None:
    await answer(scope, send, 200, b"ok\n")


async def readyz(scope: Any, receive: Receive, send: Send) -> None:
    try:
        missing = await readiness.result()
    except TimeoutError:
        missing = "database"
    status, text = (503, f"not ready: {missing}\n") if missing else (200, "ready\n")
    await answer(scope, send, status, text.encode())


async def scrape(scope: Any, receive: Receive, send: Send) -> None:
    """404 if no token is set."""
    if not settings.METRICS_TOKEN:
        await answer(scope, send, 404, b"not found\n")
        return
    sent = dict(scope["headers"]).get(b"authorization", b"")
    if not hmac.compare_digest(sent, b"Bearer " + settings.METRICS_TOKEN.encode()):
        await answer(scope, send, 401, b"a token is needed\n", (b"www-authenticate", b"Bearer"))
        return
    try:
        text = await figures.result()
    except (*DATABASE_ERRORS, TimeoutError) as error:
        logger.warning("the figures cannot be read: %s", error)
        await answer(scope, send, 503, b"the database cannot be read\n")
        return
    await answer(scope, send, 200, text, content_type=metrics.CONTENT_TYPE)


async def answer(
    scope: Any,
    send: Send,
    status: int,
    body: bytes,
    *headers: tuple[bytes, bytes],
    content_type: str = PLAIN,
) -> None:
    if scope["method"] not in ("GET", "HEAD"):
        status, body = 405, b"GET or HEAD\n"
    head = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class Viewers:
    """Counts connections to an application of the live feed."""

    def __init__(self) -> None:
        self.number = 0

    def counted(self, application: Any) -> Any:
        async def count(scope: Any, receive: Receive, send: Send) -> None:
            self.number += 1
            try:
                await application(scope, receive, send)
            finally:
                self.number -= 1

        return count


class Reporter:
    """Stores this process's figures for the process that is scraped. It also watches for alerts,
    since there may be no consumers."""

    def __init__(self, gate: PageGate, viewers: Viewers) -> None:
        self._gate, self._viewers = gate, viewers
        self._is_failing = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def report(self) -> None:
        gate = self._gate
        WebProcess.objects.report(
            {
                "viewers": self._viewers.number,
                "running": gate.running,
                "waiting": gate.waiting,
                "refused": gate.refused,
                "page_counts": list(gate.page_counts),
                "page_seconds": gate.page_seconds,
            },
            name=worker_name(),
        )

    def _run(self) -> None:
        while True:
            alerts.watch_sometimes()  # first: it also tells of a database that takes no writes
            try:
                self.report()
                self._is_failing = False
            except DATABASE_ERRORS as error:
                if not self._is_failing:  # once an outage
                    logger.warning("figures of this process are not written: %s", error)
                self._is_failing = True
            except Exception:
                # After any error: this process's figures must not stop for good.
                logger.exception("the reporter failed; it goes on")
            connection.close()
            time.sleep(REPORT_SECONDS)
