"""What happens to a queue, and an order that is saved meanwhile."""

import uuid
from pathlib import Path

import redis

from core.models import Order
from office.queue_stores import BESIDE
from tests.base import VIDEO
from tests.services import RedisServer

KEY = "the secret key of the office"
FILE = "queue.sqlite3"


def press_save(browser, customer, demo_site):
    """The answer to the form of the desk. `browser` is Django's, or tests.desk.Desk."""
    url = demo_site.address(VIDEO)
    form = {"customer": customer.pk, "url": url, "count": 10_000, "request_key": str(uuid.uuid4())}
    return browser.post("/admin/core/order/add/", form)


def saved(browser, customer, demo_site) -> Order:
    """The only order."""
    assert press_save(browser, customer, demo_site).status_code == 302
    return Order.objects.get()


def garbage(file: Path) -> None:
    file.write_bytes(b"this is no database at all. " * 400)


def set_aside(folder: Path) -> list[Path]:
    found = folder.glob(f"{FILE}.unusable-*")
    return [path for path in found if not path.name.endswith(BESIDE)]


def replica(server: RedisServer) -> str:
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", "1")
    return server.url
