"""How each kind of fault goes wrong on the wire.

Every function takes the connection, the fault and the answer that would have been right, and
leaves the connection either released (ready for the next request) or closed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from booster.demosite.messages import HTML, Answer

from .faults import Fault

if TYPE_CHECKING:
    from .connection import FaultyConnection

DEFAULT_SECONDS = {"delay": 1.0, "slow_drip": 0.2}
BIG_BODY = 10_000_000
GZIP_BOMB = 100_000_000  # unpacked
NOT_JSON = b"<!doctype html><title>Welcome</title><p>Please sign in to the network."


def misbehave(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    connection.hold()
    ACTIONS.get(fault.kind, answer_wrongly)(connection, fault, answer)


def delay(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    def answer_late() -> None:
        connection.send(answer)
        connection.release()

    connection.later(_seconds(fault), answer_late)


def hang(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    """Nothing is ever answered; with `seconds` the connection is closed after them."""
    if fault.seconds is not None:
        connection.later(fault.seconds, connection.close)


def hang_body(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    connection.write(connection.head(answer) + answer.body[:1])
    hang(connection, fault, answer)


def half_body(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    connection.write(connection.head(answer) + answer.body[: len(answer.body) // 2])
    connection.close()


def reset(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    connection.reset()


def slow_drip(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    """The whole answer, one byte at a time."""
    whole = connection.head(answer) + answer.body

    def drip(position: int) -> None:
        connection.write(whole[position : position + 1])
        if position + 1 == len(whole):
            connection.release()
        else:
            connection.later(_seconds(fault), lambda: drip(position + 1))

    drip(0)


def answer_wrongly(connection: FaultyConnection, fault: Fault, answer: Answer) -> None:
    """Kinds that are correct HTTP with a wrong content."""
    connection.send(_wrong_answer(fault, answer))
    connection.release()


ACTIONS: dict[str, Callable[[FaultyConnection, Fault, Answer], None]] = {
    "delay": delay,
    "hang": hang,
    "hang_body": hang_body,
    "half_body": half_body,
    "reset_before": reset,
    "reset_after": reset,
    "slow_drip": slow_drip,
}


def _wrong_answer(fault: Fault, answer: Answer) -> Answer:
    match fault.kind:
        case "status":
            status = fault.status or 500
            return Answer.error(status, headers=fault.header_lines)
        case "redirect":
            location = b"Location: %b\r\n" % fault.location.encode()
            return Answer.error(fault.status or 302, headers=location + fault.header_lines)
        case "not_json":
            return Answer(NOT_JSON, HTML, fault.status or 200, fault.header_lines)
        case "big_body":
            return Answer(_padded(answer.body, fault.size or BIG_BODY), answer.content_type)
        case "gzip_bomb":
            headers = b"Content-Encoding: gzip\r\n"
            return Answer(_gzip_of_zeros(fault.size or GZIP_BOMB), headers=headers)
    return answer  # what is wrong with it was decided where it was made


def _padded(body: bytes, size: int) -> bytes:
    """The same JSON object with a lot of nothing in front; other bodies are only made longer."""
    if not body.startswith(b"{"):
        return body.ljust(size)
    padding = json.dumps({"padding": "x" * max(0, size - len(body) - 15)}).encode()
    return padding[:-1] + b", " + body[1:]


@lru_cache(maxsize=2)
def _gzip_of_zeros(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    block = bytes(1 << 20)
    packed = [
        packer.compress(block[: min(len(block), size - at)]) for at in range(0, size, 1 << 20)
    ]
    return b"".join(packed) + packer.flush()


def _seconds(fault: Fault) -> float:
    return DEFAULT_SECONDS[fault.kind] if fault.seconds is None else fault.seconds
