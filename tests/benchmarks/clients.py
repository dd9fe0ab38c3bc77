"""The Python clients that are measured, each in a process of its own.

`python -m tests.benchmarks.clients NAME PORT PLAYS CONNECTIONS [RATE]` sends the plays and prints
one JSON line: plays answered, seconds and CPU seconds without the start of the interpreter, peak
memory.
"""

import asyncio
import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

PATH = "/api/videos/v1/plays"
ORDER = ("X-Play-Order", "12-20260101120000")
KEY = ("Idempotency-Key", "12-20260101120000:{sequence}")
WINDOW = 20_000
ORDER_PLAYS, OPEN_ORDERS = 100, 200

Send = Callable[[int, int, int], int]  # port, plays, connections -> plays answered


def main() -> None:
    name, port, plays, connections = sys.argv[1], *map(int, sys.argv[2:5])
    rate = float(sys.argv[5]) if len(sys.argv) > 5 else None
    send = CLIENTS[name](rate)
    send(port, connections, connections)  # imports, first connections
    cpu, began = time.process_time(), time.monotonic()
    answered = send(port, plays, connections)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"plays": answered, "seconds": seconds, "cpu": cpu, "megabytes": peak}))


def engine(*headers: tuple[str, str]) -> Callable[[float | None], Send]:
    def prepare(rate: float | None) -> Send:
        from booster.engine import Limits, Tally, Window
        from booster.net.address import Origin, ProvedTarget
        from booster.net.play import PlayRequest
        from tests.engine_runs import deliver

        play = PlayRequest("POST", PATH, headers, b"", frozenset({200}), idempotent=True)

        class Book:
            def __init__(self, plays: int) -> None:
                self.next, self.last = 1, plays

            def reserve(self) -> Window | None:
                count = min(WINDOW, self.last - self.next + 1)
                self.next += count
                expires = time.monotonic() + 60
                return Window(self.next - count, count, expires) if count > 0 else None

            def checkpoint(self, window: Window, tally: Tally) -> Window | None:
                return self.reserve()

        def send(port: int, plays: int, connections: int) -> int:
            target = ProvedTarget(Origin("http", "127.0.0.1", port), "127.0.0.1")
            limits = Limits(connections=connections, rate=rate)
            return deliver(target, play, Book(plays), limits, lambda: False).tally.counted

        return send

    return prepare


def orders(rate: float | None) -> Send:
    """Orders of 100 plays on one channel, 200 open at a time."""
    from queue import SimpleQueue

    from booster.engine import Channel, Events, Limits, Window, WindowEnded
    from booster.net.address import Origin, ProvedTarget
    from booster.net.play import PlayRequest

    def send(port: int, plays: int, connections: int) -> int:
        target = ProvedTarget(Origin("http", "127.0.0.1", port), "127.0.0.1")
        events: Events = SimpleQueue()
        channel = Channel(target, Limits(connections=connections, rate=rate), events)
        windows = [min(ORDER_PLAYS, plays - first) for first in range(0, plays, ORDER_PLAYS)]
        waiting = list(enumerate(windows, start=1))
        answered, opened = 0, 0
        while waiting or opened:
            while waiting and opened < OPEN_ORDERS:
                key, count = waiting.pop()
                play = PlayRequest("POST", PATH, (ORDER,), b"", frozenset({200}), idempotent=True)
                channel.open(key, play)
                channel.send(key, Window(1, count, time.monotonic() + 60))
                opened += 1
            event = events.get()
            if not isinstance(event, WindowEnded):
                raise RuntimeError(f"not how an order should end: {event}")
            channel.drop(event.key)
            answered += event.tally.counted
            opened -= 1
        channel.close()
        return answered

    return send


def seed(rate: None) -> Send:
    """The seed's engine as it has it: 50 threads, each again and again a loop of its own with 10
    coroutines at once, a session a play."""
    import aiohttp

    async def play(url: str) -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers=dict([ORDER])) as answer,
        ):
            await answer.read()
            return answer.status == 200

    async def ten(url: str) -> int:
        return sum(await asyncio.gather(*(play(url) for _ in range(10))))

    def send(port: int, plays: int, connections: int) -> int:
        url = f"http://127.0.0.1:{port}{PATH}"
        with ThreadPoolExecutor(50) as pool:
            return sum(pool.map(lambda _: asyncio.run(ten(url)), range(plays // 10)))

    return send


def aiohttp_tuned(rate: None) -> Send:
    """What a careful user of aiohttp writes: one session, a worker a connection."""
    import aiohttp
    import uvloop

    async def run(url: str, plays: int, connections: int) -> int:
        left = iter(range(plays))
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(connector=connector, headers=dict([ORDER])) as session:

            async def work() -> int:
                good = 0
                for _ in left:
                    async with session.post(url) as answer:
                        await answer.read()
                        good += answer.status == 200
                return good

            return sum(await asyncio.gather(*(work() for _ in range(connections))))

    def send(port: int, plays: int, connections: int) -> int:
        return uvloop.run(run(f"http://127.0.0.1:{port}{PATH}", plays, connections))

    return send


def locust(rate: None) -> Send:
    """FastHttpUser, the quicker of Locust's two clients, as its documentation has it."""
    import gevent
    from locust import FastHttpUser, constant, task
    from locust.env import Environment
    from locust.exception import StopUser

    # All users at once is meant; it warns of that at every run.
    logging.getLogger("locust.runners").setLevel(logging.ERROR)

    def send(port: int, plays: int, connections: int) -> int:
        left = iter(range(plays))
        done: list[int] = []

        class Viewer(FastHttpUser):
            host = f"http://127.0.0.1:{port}"
            wait_time = constant(0)

            @task
            def play(self) -> None:
                if next(left, None) is None:
                    done.append(1)
                    raise StopUser
                self.client.post(PATH, headers=dict([ORDER]))

        environment = Environment(user_classes=[Viewer])
        runner = environment.create_local_runner()
        runner.start(connections, spawn_rate=10_000)
        while len(done) < connections:
            gevent.sleep(0.02)
        runner.quit()
        total = environment.stats.total
        return total.num_requests - total.num_failures

    return send


CLIENTS: dict[str, Callable[..., Send]] = {
    "engine": engine(ORDER),
    "engine, distinct keys": engine(KEY, ORDER),
    "engine, orders of 100": orders,
    "seed's engine": seed,
    "aiohttp, tuned": aiohttp_tuned,
    "Locust FastHttpUser": locust,
}

if __name__ == "__main__":
    main()
