"""What happens to a queue, and an order that is saved meanwhile."""

import uuid
from pathlib import Path

import redis

from core.models import Order, PricePolicy
from office.queue_stores import BESIDE
from tests.base import VIDEO
from tests.services import RedisServer

KEY = "the secret key of the office"
FILE = "queue.sqlite3"
# Plays that nobody waits for long.
FEW = 500


def sell_few() -> None:
    PricePolicy.objects.create(count=FEW, price="0.25")


def press_save(browser, customer, demo_site, count: int = 10_000):
    """The answer to the form of the desk. `browser` is Django's, or tests.desk.Desk."""
    url = demo_site.address(VIDEO)
    form = {"customer": customer.pk, "url": url, "count": count, "request_key": str(uuid.uuid4())}
    return browser.post("/admin/core/order/add/", form)


def saved(browser, customer, demo_site, count: int = 10_000) -> Order:
    """The only order."""
    assert press_save(browser, customer, demo_site, count).status_code == 302
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
