"""Reads settings from the environment; a bad value stops the start with one line that names it."""

import errno
import ipaddress
import os
import re
import secrets
import stat
import zoneinfo
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
PROJECT = Path(__file__).resolve().parent.parent
# Accounts up to here belong to services, and their homes to one service each.
LAST_SYSTEM_ACCOUNT = 999
# Options in a PostgreSQL address: those for Django itself, and those that are numbers.
OF_DJANGO = {"assume_role", "server_side_binding"}
WHOLE_NUMBERS = {
    *("connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle"),
    *("keepalives_interval", "keepalives_count"),
}
# Options in a Redis address: numbers that its driver would misread or check too late, and the
# others that are allowed. Any other would change its answers.
REDIS_NUMBERS = ("db", "socket_timeout", "socket_connect_timeout", "health_check_interval")
REDIS_OPTIONS = {
    *(*REDIS_NUMBERS, "username", "password", "client_name", "max_connections", "protocol"),
    *("retry_on_timeout", "socket_keepalive"),
    *("ssl_cert_reqs", "ssl_check_hostname", "ssl_min_version"),
    *("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password"),
}
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
# An office keeps some of these in its folder from its first start on.
KEPT = ("secret_key", "office.sqlite3", "queue.sqlite3", "static", "imports", "demosite")
# A hundred years: dates stay valid when these are added or subtracted.
MOST_DAYS = 36_500
MOST_HOURS = 24 * MOST_DAYS
YEAR_HOURS = 8_760
MOST_PORT = 65_535
MOST_PROCESSES = 100
# For counts, and for memory and files of one process or host.
MILLION = 1_000_000
MOST_MB = 1 << 20


def refuse(why: str, cause: Exception | None = None) -> NoReturn:
    """End the start with this line."""
    raise ImproperlyConfigured(why) from cause


def text(name: str, default: str = "") -> str:
    return raw(name).strip() or default


def raw(name: str, default: str = "") -> str:
    """The unchanged value. Bytes that are no text could not be shown or stored."""
    value = os.environ.get(name, default)
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(f"{name} is no text in UTF-8")
    return value


def boolean(name: str, default: bool = False) -> bool:
    value = text(name, str(default)).lower()
    if value not in TRUE | FALSE:
        refuse(f"{name}={value!r} is neither on nor off")
    return value in TRUE


def number(name: str, default: int, most: int, least: int = 1) -> int:
    """`most`: what all uses of it can bear; tests/test_number_settings.py tries it."""
    value = text(name, str(default))
    if not re.fullmatch("[0-9]{1,12}", value) or not least <= int(value) <= most:
        shown = value if len(value) < 40 else f"{value[:40]}…"
        refuse(f"{name}={shown!r} is not a whole number from {least:,} to {most:,}")
    return int(value)


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    value = text(name, default).lower()
    if value not in choices:
        refuse(f"{name}={value!r} is not one of {', '.join(choices)}")
    return value


def cores() -> int:
    """The number that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def words(name: str, default: str = "") -> tuple[str, ...]:
    """A comma separated list. Set but empty means an empty list, not the default."""
    return tuple(word.strip() for word in raw(name, default).split(",") if word.strip())


def hosts(name: str, default: str) -> list[str]:
    """Host names of the office as browsers send them; any other would refuse every page."""
    for word in (found := words(name, default)):
        if not re.fullmatch(r"\*|\.?\w[\w.-]*|\[[0-9A-Fa-f:.]+\]", word):
            refuse(
                f"{name}: {word!r} is no name of a host: no scheme and no port belong to it, and "
                ".example.com stands for all within example.com"
            )
    return list(found)


def networks(name: str, default: str, *, or_ports: bool = False) -> tuple[str, ...]:
    """Addresses and networks such as 10.1.0.0/16, or with `or_ports` networks and host:port. `*` is
    refused: it would trust what anybody writes."""
    for word in (found := words(name, default)):
        host, _, port = word.rpartition(":")
        try:
            if "/" in word or not or_ports:
                ipaddress.ip_network(word)
            elif not host or not is_port(port):
                raise ValueError("neither a network nor host:port")
        except ValueError as error:
            refuse(f"{name}: {word!r} cannot be used: {error}", error)
    return found


def is_port(value: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", value)) and 1 <= int(value) <= MOST_PORT


def database(name: str, default: str) -> dict[str, Any]:
    """As Django takes it. PostgreSQL may have several hosts (`h1,h2:5433`): libpq tries them until
    one takes writes, or fits `target_session_attrs`."""
    return database_at(text(name, default), name)


def database_at(address: str, name: str) -> dict[str, Any]:
    """`name`: what an error message calls it."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        refuse(f"{name} must be a postgresql:// or sqlite:/// address")
    netloc, slash, path = rest.partition("/")
    account, at, behind = netloc.rpartition("@")
    hosts = behind.split(",")
    url = f"{scheme}{separator}{account}{at}{hosts[0]}{slash}{path}"
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url))
        if len(hosts) > 1:
            parts = [urlsplit(f"//{host}") for host in hosts]
            config["HOST"] = ",".join(part.hostname or "" for part in parts)
            config["PORT"] = ",".join(str(part.port or 5432) for part in parts)
            config.setdefault("OPTIONS", {}).setdefault("target_session_attrs", "read-write")
    except ValueError as error:
        refuse(f"{name} cannot be read: {error}", error)
    if config["ENGINE"] == "django.db.backends.postgresql":
        config["ENGINE"] = "core.db.postgresql"
        refuse_unusable_postgresql(name, config)
    elif config["ENGINE"] == "django.db.backends.sqlite3":
        name_file_of_sqlite(name, config)
    return config


def sqlite_at(file: Path) -> str:
    return f"sqlite:///{quote(str(file))}"


def name_file_of_sqlite(name: str, config: dict[str, Any]) -> None:
    """In memory or relative to the current folder, each program would have a database of its own: a
    relative path begins at the project's folder."""
    file = config["NAME"]
    if file in ("", "/", ":memory:") or file.startswith("file:") or "\0" in file:
        refuse(f"{name} names no file: sqlite:////folder/office.sqlite3")
    config["NAME"] = str(PROJECT / file)
    if config.get("OPTIONS"):
        refuse(f"{name}: sqlite:/// takes nothing behind a question mark")


def refuse_unusable_postgresql(name: str, config: dict[str, Any]) -> None:
    """Find what the driver finds only at the first connection. It judges some values itself."""
    from psycopg import ProgrammingError, conninfo  # offices on SQLite do without

    options = config.get("OPTIONS", {})
    if not config["NAME"] and "service" not in options:
        refuse(f"{name} names no database, as postgresql://user@host/office does")
    try:
        conninfo.make_conninfo(
            **{option: value for option, value in options.items() if option not in OF_DJANGO}
        )
    except ProgrammingError as error:
        refuse(f"{name}: {str(error).strip()}", error)
    for option in WHOLE_NUMBERS & options.keys():
        if type(options[option]) is not int:
            refuse(f"{name}: {option}={options[option]!r} is not a whole number")


def named_options(options: str) -> set[str]:
    """Names of options in `-c lock_timeout=1s --datestyle=ISO`, in lower case."""
    return {word.lower() for word in re.findall(r"(?:-c\s*|--)([\w.]+)\s*=", options)}


def redis(name: str) -> str:
    """The address of one Redis. Sentinel and Cluster are refused by name."""
    value = text(name)
    scheme, _, rest = value.partition("://")
    for word, kind in (("sentinel", "Redis Sentinel"), ("cluster", "Redis Cluster")):
        if word in scheme.lower():
            refuse(
                f"{name}: {kind} is not spoken: name one Redis, or an address that follows the "
                "primary; to lose what is in it loses no order"
            )
    if "," in rest.rpartition("@")[2].partition("/")[0]:
        refuse(f"{name} names several hosts: name one Redis")
    path, _, query = rest.rpartition("@")[2].partition("?")
    place = path.partition("/")[2]
    if scheme in ("redis", "rediss") and not re.fullmatch("[0-9]{0,9}", place):
        refuse(f"{name}: {place!r} is no number of a database: redis://host:6379/0")
    if scheme == "unix" and not place:
        refuse(f"{name} names no socket: unix:///run/redis/redis.sock")
    for option, said in parse_qsl(query, keep_blank_values=True):
        if option not in REDIS_OPTIONS:
            refuse(f"{name}: there is no option {option!r}")
        if option in REDIS_NUMBERS and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", said):
            refuse(f"{name}: {option}={said!r} is not a number from 0 up")
    return value


def mail_server(name: str) -> SplitResult:
    """smtp://, smtp+tls:// (STARTTLS) or smtp+ssl://user:password@host:port; no host if not set."""
    value = text(name)
    try:
        parts = urlsplit(value)
        port = parts.port or MAIL_PORTS.get(parts.scheme)
    except ValueError as error:
        refuse(f"{name} cannot be read: {error}", error)
    if value and (not port or not parts.hostname):
        refuse(f"{name} must be smtp://, smtp+tls:// or smtp+ssl://host")
    return parts


def mail_address(name: str, value: str) -> str:
    """One address, with or without a name; alerts reach nothing else."""
    if not re.fullmatch(r"[^\r\n@]+@[^\s@;]+", value):
        refuse(f"{name}: {value!r} is no address of e-mail")
    return value


def web_address(name: str) -> str:
    """http:// or https://, or "" if not set. All but the host may be secret and is not shown."""
    value = text(name)
    try:
        parts = urlsplit(value)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if value and not is_right:
        refuse(f"{name} must be an address of http:// or https://")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        refuse(f"{name}={value!r} is not a time zone", error)
    return value


def folder(name: str, default: Path) -> Path:
    """A folder that only its owner can enter, files included: it holds password hashes, the signing
    secret and customers' uploads. If it exists already, others may have access."""
    value = text(name, str(default))
    try:
        path = Path(value).expanduser().absolute()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_own = is_one_persons(path) and is_an_offices(path)
        if is_own:
            os.umask(0o077)
            close_to_others(path)
    except RuntimeError as error:  # no such user
        refuse(f"{name}={value} cannot be used as a folder: {error}", error)
    except OSError as error:
        refuse(f"{name}={path} cannot be used as a folder: {error.strerror}", error)
    if not is_own:
        refuse(
            f"{name}={path} is not a folder of this office alone: name one that belongs to its "
            "user and holds no other folders"
        )
    return path


def require_writable(name: str, file: str) -> None:
    """The folder too: SQLite writes files beside its own."""
    path = Path(file)
    if not os.access(path.parent, os.X_OK) or path.is_dir():
        refuse(
            f"{name}: {file} can be no file: its folder is missing or closed, or it is one itself"
        )
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            refuse(f"{name}: {place} cannot be written to: read-only, or somebody else's")


def is_one_persons(path: Path) -> bool:
    """Whether it may be closed to others: not a system or shared folder, and owned by the user who
    runs this. The home of a system account holds only one service."""
    found = path.stat()
    is_home = path == home() and not 0 < os.geteuid() <= LAST_SYSTEM_ACCOUNT
    shared = path == Path("/") or is_home or found.st_mode & stat.S_ISVTX
    return not shared and found.st_uid == os.geteuid()


def home() -> Path | None:
    """None if the account has no home, such as a container's user number."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def is_an_offices(path: Path) -> bool:
    """Whether it has no folders yet (hidden ones and lost+found apart), or something of an office.
    Root also owns /etc and /var/lib: closing those would stop other services."""
    found = {one.name: one.is_dir() for one in path.iterdir() if not one.name.startswith(".")}
    others = any(is_folder for name, is_folder in found.items() if name != "lost+found")
    return not others or not found.keys().isdisjoint(KEPT)


def close_to_others(path: Path) -> None:
    """The folder and all in it. Files that the owner may not write, or that another user left here,
    such as root's backup, stay as they are: the closed folder protects them. Raises OSError if the
    file system keeps no modes."""
    for place, _folders, files in os.walk(path):
        for found in (Path(place), *(Path(place, file) for file in files)):
            with suppress(FileNotFoundError):  # removed meanwhile, as a database's journal is
                _close(found)
    if path.stat().st_mode & 0o077:
        raise OSError(errno.EPERM, "others can read it, and its file system keeps no modes")


def _close(path: Path) -> None:
    found = path.lstat()
    mode, is_ours = found.st_mode, found.st_uid == os.geteuid()
    if (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and is_ours and mode & 0o077:
        path.chmod(mode & 0o700)


def secret(name: str, kept_in: Path) -> str:
    """The value of `name`, else a random one kept in a file that only its owner can read."""
    if value := text(name):
        return value  # `check --deploy` warns of a weak one
    try:
        descriptor = os.open(kept_in, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    except OSError as error:
        refuse(f"{name} is not set and cannot be kept in {kept_in}: {error.strerror}", error)
    try:
        value = kept_in.read_text().strip()
    except (OSError, ValueError) as error:
        refuse(f"{name} is not set and {kept_in} cannot be read: {error}", error)
    if len(value) < 32:
        refuse(f"{name} is not set and {kept_in} is empty or cut short; remove it")
    return value
