"""Names looked up within a time: the system waits for name servers that keep silent for half a
minute and more, and its call cannot be broken off."""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

# What the system's resolver takes where the first question or its answer is lost, and a little.
LOOK_UP_SECONDS = 8.0

Answers = list[tuple[Any, ...]]
Lookup = Callable[..., Answers]  # the system's, or what takes its place


def look_up(host: str, port: int | None, getaddrinfo: Lookup | None = None) -> Answers:
    """Where a stream goes. Raises OSError; TimeoutError where nobody answers in time."""
    return begin(host, port, getaddrinfo)()


def look_up_all(hosts: Iterable[str]) -> list[Answers]:
    """Of those that lead anywhere; all at once."""
    found = []
    for ended in [begin(host, None) for host in hosts]:
        with suppress(OSError, UnicodeError):
            found.append(ended())
    return found


def begin(host: str, port: int | None, getaddrinfo: Lookup | None = None) -> Callable[[], Answers]:
    """In a thread that ends with the process. Returns a function that waits for the answer."""
    look, done = getaddrinfo or socket.getaddrinfo, SimpleQueue[Answers | Exception]()

    def ask() -> None:
        try:
            done.put(look(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            done.put(error)

    def wait() -> Answers:
        try:
            answer = done.get(timeout=LOOK_UP_SECONDS)
        except Empty:
            raise TimeoutError(f"no name server answered within {LOOK_UP_SECONDS:.0f} s") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return wait
