"""Hashing a password takes a core for a good part of a second, on purpose. Only a few run at once
in a process; if there is no place soon, the client is told to come back, instead of all waiting for
all."""

import threading

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

# How long a hash waits for its place, and when a client without one may come back.
WAIT_SECONDS = 2.0
RETRY_SECONDS = 3

places = threading.BoundedSemaphore(settings.PASSWORD_HASHES_AT_ONCE)


class HashingBusyError(Exception):
    """Nothing was checked; the same try may work in RETRY_SECONDS."""


class BoundedHasher(PBKDF2PasswordHasher):
    """Django's own, under the same name, so that existing hashes stay valid."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        if not places.acquire(timeout=WAIT_SECONDS):
            raise HashingBusyError
        try:
            return super().encode(password, salt, iterations)
        finally:
            places.release()
