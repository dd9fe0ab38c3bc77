"""A hash of a password takes a core for a good part of a second, on purpose: so many of them at
once in a process, and who finds no place soon is told to come back, instead of all waiting for all.
"""

import threading

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

# How long a hash waits for its place, and when one that found none is asked to come back.
WAIT_SECONDS = 2.0
RETRY_SECONDS = 3

places = threading.BoundedSemaphore(settings.PASSWORD_HASHES_AT_ONCE)


class HashingBusyError(Exception):
    """Nothing was looked at; the same again in RETRY_SECONDS may be."""


class BoundedHasher(PBKDF2PasswordHasher):
    """Django's own, by the same name: hashes that were made before stay good."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        if not places.acquire(timeout=WAIT_SECONDS):
            raise HashingBusyError
        try:
            return super().encode(password, salt, iterations)
        finally:
            places.release()
