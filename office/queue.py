"""The Huey instance. A queue is a wake-up, never the truth: losing all of it loses nothing.

SqliteHuey keeps its own file apart from the application's database, because every enqueue is a
write and SQLite has one writer a file.
"""

import hashlib
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from huey import Huey, RedisHuey, SqliteHuey
from huey.serializer import SignedSerializer
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

NAME = "booster-office"
# A save in the admin waits for Redis no longer than this, then leaves the order to the sweeper.
REDIS_TIMEOUT = 0.8
# A blocking pop must end before the socket's time-out does.
REDIS_POP = 0.4


def build(redis_url: str, data_dir: Path, secret_key: str) -> Huey:
    """Messages are signed: whoever can write to the queue but has no secret cannot run code."""
    secret = hashlib.sha256(b"huey:" + secret_key.encode()).hexdigest()
    common = {"results": False, "serializer": SignedSerializer(secret=secret), "immediate": False}
    if not redis_url:
        return SqliteHuey(NAME, filename=str(data_dir / "queue.sqlite3"), fsync=False, **common)
    try:
        pool = ConnectionPool.from_url(
            redis_url,
            socket_connect_timeout=REDIS_TIMEOUT,
            socket_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
        )
    except ValueError as error:
        raise ImproperlyConfigured(f"REDIS_URL is not a Redis address: {error}") from error
    return RedisHuey(NAME, connection_pool=pool, read_timeout=REDIS_POP, **common)
