"""Counts each try to log in before anything is checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest

from core.db import clock
from core.logins.addresses import network_of
from core.logins.hashing import HashingBusyError
from core.models.login_counts import NAME_LENGTH, LoginAttempt, LoginCount, LoginLimits, forget_old


def take(request: HttpRequest | None, name: str) -> LoginAttempt:
    """Raises TooManyLoginsError."""
    attempt = attempt_of(request, name)
    attempt.take(limits(), clock.now())
    return attempt


def succeed(request: HttpRequest | None, name: str) -> None:
    """Everything that was asked for was right."""
    attempt_of(request, name).succeed(clock.now())


def give_back(request: HttpRequest | None, name: str) -> None:
    """Something was missing, so it was no guess."""
    attempt_of(request, name).give_back(clock.now())


@contextmanager
def unless_busy(request: HttpRequest | None, name: str) -> Iterator[None]:
    """Around hashing: a try without a place for its hash does not count."""
    try:
        yield
    except HashingBusyError:
        give_back(request, name)
        raise


def attempt_of(request: HttpRequest | None, name: str) -> LoginAttempt:
    """The address comes from the server, which knows the trusted proxies. Without a request it is a
    program on this host."""
    address = request.META.get("REMOTE_ADDR", "") if request is not None else ""
    return LoginAttempt(name[:NAME_LENGTH], network_of(address) or "local")


def limits() -> LoginLimits:
    return LoginLimits(
        settings.LOGIN_TRIES,
        settings.LOGIN_TRIES_PER_ADDRESS,
        settings.LOGIN_TRIES_PER_NAME,
        timedelta(minutes=settings.LOGIN_LOCK_MINUTES),
    )


def sweep() -> None:
    forget_old(clock.now())


def limit_of(count: LoginCount) -> int:
    if not count.name:
        return limits().of_address
    return limits().of_name_at_address if count.address else limits().of_name
