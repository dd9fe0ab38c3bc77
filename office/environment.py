"""Read settings from the environment; a bad value stops the start with one line that names it."""

import ipaddress
import os
import secrets
import zoneinfo
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool = False) -> bool:
    value = text(name, str(default)).lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}={value!r} is neither on nor off")
    return value in TRUE


def port(name: str, default: int) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise ImproperlyConfigured(f"{name}={value!r} is not a port from 1 to 65535")
    return int(value)


def number(name: str, default: int) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number above 0")
    return int(value)


def words(name: str, default: str = "") -> tuple[str, ...]:
    """A comma separated list. Set but empty means an empty list, not the default."""
    value = os.environ.get(name, default)
    return tuple(word.strip() for word in value.split(",") if word.strip())


def networks_and_hosts(name: str, default: str) -> tuple[str, ...]:
    """A list of networks such as 10.1.0.0/16 and of host:port."""
    for word in (found := words(name, default)):
        try:
            if "/" in word:
                ipaddress.ip_network(word)
            elif not word.rpartition(":")[2].isdigit() or not word.rpartition(":")[0]:
                raise ValueError("neither a network nor host:port")
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {word!r} cannot be used: {error}") from error
    return found


def mail_server(name: str) -> dict[str, Any]:
    """Of smtp://, smtp+tls:// (STARTTLS) or smtp+ssl://user:password@host:port; `host` is "" where
    nothing is set."""
    value = text(name)
    ports = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
    try:
        parts = urlsplit(value)
        port = parts.port or ports.get(parts.scheme, 0)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {error}") from error
    if value and (not port or not parts.hostname):
        raise ImproperlyConfigured(f"{name} must be smtp://, smtp+tls:// or smtp+ssl://host")
    return {
        "host": parts.hostname or "",
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "tls": parts.scheme == "smtp+tls",
        "ssl": parts.scheme == "smtp+ssl",
    }


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a time zone") from error
    return value


def folder(name: str, default: Path) -> Path:
    path = Path(text(name, str(default))).expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}={path} cannot be used as a folder: {error.strerror}"
        ) from error
    return path


def secret(name: str, kept_in: Path) -> str:
    """The value of `name`, else a random one kept in a file that only its owner can read."""
    if value := text(name):
        return value  # `check --deploy` warns of a weak one
    try:
        descriptor = os.open(kept_in, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(name, kept_in)
    value = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
    return value


def _read_secret(name: str, path: Path) -> str:
    value = path.read_text().strip()
    if len(value) < 32:
        raise ImproperlyConfigured(f"{name} is not set and {path} is empty or cut short; remove it")
    return value
