"""Redis keeps parts of pages for all web processes. If it fails, pages are made without it, and it
is left alone for a while."""

import json
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from django.core.signing import BadSignature, Signer
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from office.queue import REDIS_TIMEOUT
from office.queue_stores import describe

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class SignedValues:
    """Signed JSON: somebody who can write to Redis can put neither code nor markup into pages."""

    def __init__(self) -> None:
        self._signer = Signer(salt="office.caches")

    def dumps(self, value: Any) -> bytes:
        return self._signer.sign(json.dumps(value)).encode()

    def loads(self, data: bytes) -> Any:
        """None if it is not ours."""
        try:
            return json.loads(self._signer.unsign(data.decode()))
        except (BadSignature, ValueError):
            return None


class SharedParts(RedisCache):
    """For get_many and set_many. Entries only expire: the queue is there too."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {
            "serializer": SignedValues,
            "socket_connect_timeout": REDIS_TIMEOUT,
            "socket_timeout": REDIS_TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
        }
        super().__init__([server], params | {"OPTIONS": options})
        self._rests_until = 0.0

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        found = self._asked(lambda: super(SharedParts, self).get_many(keys, version), {})
        return {key: value for key, value in found.items() if value is not None}

    def set_many(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> list[str]:
        return self._asked(
            lambda: super(SharedParts, self).set_many(data, *args, **kwargs), list(data)
        )

    def clear(self) -> None:
        raise NotImplementedError("the queue is in the same Redis")

    def _asked(self, ask: Callable[[], Any], nothing: Any) -> Any:
        if time.monotonic() < self._rests_until:
            return nothing
        try:
            return ask()
        except (RedisError, OSError) as error:
            self._rests_until = time.monotonic() + RETRY_SECONDS
            logger.warning("parts of pages are not shared: %s", describe(error))
            return nothing
