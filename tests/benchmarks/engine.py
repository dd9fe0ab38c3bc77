"""The engine beside its peers: `python -m tests.benchmarks.engine [--rounds 5] [--quick]`.

Every client sends the same small POST to the same loopback server, in turns, so that whatever else
the machine does befalls all alike; the client is pinned to one core, the server to another. What
is compared is CPU seconds a play: on one core that is what one more play costs; with 1,000
connections and answers after 20 ms, when both wait, plays a second as well. Peers that are not
installed (wrk, h2load; see requirements-bench.txt) are named and left out. What the server counted
is held against what each client says was answered; exits with 1 where they differ.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks import wrk
from tests.benchmarks.clients import KEY, ORDER, PATH
from tests.benchmarks.goals import Goal, tell

CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORE, SERVER_CORE = CORES[0], CORES[-1]

PLAYS = {  # a run of one to two seconds each
    "engine": 200_000,
    "engine, distinct keys": 200_000,
    "engine, orders of 100": 200_000,
    "Locust FastHttpUser": 10_000,
    "aiohttp, tuned": 20_000,
    "seed's engine": 2_000,
}
NEEDS = {"Locust FastHttpUser": "locust", "aiohttp, tuned": "aiohttp", "seed's engine": "aiohttp"}
WRK = {"wrk": (ORDER,), "wrk, distinct keys": (KEY, ORDER)}
SECONDS = 2  # of wrk
RATES = (1, 10, 100, 1_000, 10_000, 50_000)


@dataclass
class Run:
    plays: int
    seconds: float
    cpu: float
    megabytes: float

    @property
    def cost(self) -> float:
        """CPU seconds per 100,000 plays."""
        return self.cpu / self.plays * 100_000

    @property
    def speed(self) -> float:
        return self.plays / self.seconds


@dataclass
class Results:
    """All runs of one scene: by client, in the order of the rounds."""

    runs: dict[str, list[Run]] = field(default_factory=dict)

    def cost(self, name: str) -> float:
        return statistics.median(run.cost for run in self.runs[name])

    def ratio(self, name: str, peer: str) -> float | None:
        """How many plays `name` sends in the time that `peer` needs for one: the median of the
        rounds' ratios, since only runs of one round saw the same machine."""
        if name not in self.runs or peer not in self.runs:
            return None
        pairs = zip(self.runs[name], self.runs[peer], strict=True)
        return statistics.median(theirs.cost / ours.cost for ours, theirs in pairs)

    def speed(self, name: str, peer: str) -> float | None:
        """As ratio(), by plays a second: where both wait for answers, time is what counts."""
        if name not in self.runs or peer not in self.runs:
            return None
        pairs = zip(self.runs[name], self.runs[peer], strict=True)
        return statistics.median(ours.speed / theirs.speed for ours, theirs in pairs)


def main() -> None:
    options = _options()
    print(_machine())
    near = Results()
    far = Results()
    honest = True
    with server() as port:
        for _ in range(options.rounds):
            for name in _present([*WRK, "h2load", *PLAYS]):
                honest &= measure(near, name, port, connections=64, quick=options.quick)
    with server(milliseconds=20) as port:
        for _ in range(options.rounds):
            for name in _present(["wrk", "engine"]):
                honest &= measure(far, name, port, connections=1000, quick=options.quick)
    _print_runs("64 connections, answered at once", near)
    _print_runs("1,000 connections, answered after 20 ms", far)
    goals = _goals(near, far)
    if not options.quick:
        goals += pacing()
    tell(goals)
    if not honest:
        sys.exit("a client's count and the server's differ: see above")


def measure(results: Results, name: str, port: int, *, connections: int, quick: bool) -> bool:
    """One run, added to the results. Whether the server counted what the client says."""
    before = _count(port)
    if name in WRK:
        run = _run_wrk(port, connections, WRK[name])
    elif name == "h2load":
        run = _run_h2load(port, connections, 20_000 if quick else 200_000)
    else:
        # With many connections the first and the last of them are a smaller part of a longer run.
        plays = PLAYS[name] * (2 if connections > 100 else 1) // (10 if quick else 1)
        run = _run_client(name, port, plays, connections)
    counted = _count(port) - before
    results.runs.setdefault(name, []).append(run)
    warm_up = (
        0 if name in (*WRK, "h2load") else connections // 10 * 10 if "seed" in name else connections
    )
    # wrk leaves its last requests unanswered.
    same = counted - warm_up - run.plays in range(connections + 1 if name in WRK else 1)
    if not same:
        print(f"{name}: {run.plays} answered, the server counted {counted - warm_up}")
    return same


@contextmanager
def server(milliseconds: int = 0) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.benchmarks.fast_server", "0", str(milliseconds)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=_pin(SERVER_CORE)
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _run_client(
    name: str, port: int, plays: int, connections: int, rate: float | None = None
) -> Run:
    arguments = [name, str(port), str(plays), str(connections), *([str(rate)] if rate else [])]
    output, _, _ = _execute([sys.executable, "-m", "tests.benchmarks.clients", *arguments])
    return Run(**json.loads(output.splitlines()[-1]))


def _run_wrk(port: int, connections: int, headers: Sequence[tuple[str, str]]) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        command = wrk.command(Path(folder), port, connections, SECONDS, *headers)
        output, cpu, megabytes = _execute(command)
    return Run(*wrk.read(output), cpu, megabytes)


def _run_h2load(port: int, connections: int, plays: int) -> Run:
    url = f"http://127.0.0.1:{port}{PATH}"
    header = f"{ORDER[0]}: {ORDER[1]}"
    command = ["h2load", "--h1", "-t1", f"-c{connections}", f"-n{plays}", "-H", header]
    with tempfile.NamedTemporaryFile() as body:  # it takes no empty one
        body.write(b"{}")
        body.flush()
        output, cpu, megabytes = _execute([*command, "-d", body.name, url])
    found = re.search(r"finished in ([0-9.]+)(m?s)", output)
    good = re.search(r"(\d+) succeeded", output)
    assert found and good, output
    seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
    return Run(int(good[1]), seconds, cpu, megabytes)


def _execute(command: Sequence[str]) -> tuple[str, float, float]:
    """Run it on the client's core: its output, CPU seconds and peak megabytes."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, preexec_fn=_pin(CLIENT_CORE))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[0]} failed with {process.returncode}")
        output.seek(0)
        return output.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _pin(core: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {core})


def _count(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as answer:
        return int(answer.read())


def _present(names: list[str]) -> list[str]:
    return [name for name in names if not _missing(name)]


def _missing(name: str) -> str:
    if name in (*WRK, "h2load"):
        return "" if shutil.which(name.partition(",")[0]) else f"{name} (the system's package)"
    needed = NEEDS.get(name)
    return "" if needed is None or find_spec(needed) else f"{name} (pip: {needed})"


def pacing() -> list[Goal]:
    """How far from ten seconds a run is that was asked to last so long."""
    goals = []
    with server() as port:
        for rate in RATES:
            plays = rate * 10 + 1  # the first at once, the last after ten seconds
            run = _run_client("engine", port, plays, 64, float(rate))
            error = abs(run.seconds / 10 - 1)
            goals.append(Goal(f"pace, {rate:,}/s: error", error, 0.01, at_most=True, form=".2%"))
    return goals


def _print_runs(title: str, results: Results) -> None:
    print(f"\n| {title} | plays/s | CPU s / 100,000 | ÷ wrk | peak MB |\n|---|---|---|---|---|")
    for name, runs in results.runs.items():
        speed = statistics.median(run.speed for run in runs)
        ratio = results.ratio(name, "wrk")
        print(
            f"| {name} | {speed:,.0f} | {results.cost(name):.2f} "
            f"| {'–' if ratio is None else f'{ratio:.3f}'} "
            f"| {max(run.megabytes for run in runs):.0f} |"
        )


def _goals(near: Results, far: Results) -> list[Goal]:
    keys, many = "engine, distinct keys", "engine, orders of 100"
    same = "wrk, distinct keys"
    absent = [reason for name in (*WRK, "h2load", *PLAYS) if (reason := _missing(name))]
    if absent:
        print(f"\nNot installed, left out: {', '.join(absent)}.")
    peak = max(run.megabytes for run in near.runs["engine"])
    return [
        Goal("engine ÷ wrk, by CPU time", near.ratio("engine", "wrk"), 0.90),
        Goal("engine with distinct keys ÷ wrk, by CPU time", near.ratio(keys, "wrk"), 0.75),
        Goal("the same ÷ wrk with distinct keys", near.ratio(keys, same)),
        Goal("engine with distinct keys ÷ engine, by CPU time", near.ratio(keys, "engine"), 0.90),
        Goal(
            "engine with 200 orders of 100 plays ÷ engine, plays/s",
            near.speed(many, "engine"),
            0.80,
        ),
        Goal("the same by CPU time", near.ratio(many, "engine")),
        Goal("engine ÷ h2load, by CPU time", near.ratio("engine", "h2load"), 1.0),
        Goal("engine ÷ Locust, by CPU time", near.ratio("engine", "Locust FastHttpUser"), 12.0),
        Goal("engine ÷ the seed's engine, by CPU time", near.ratio("engine", "seed's engine"), 50),
        Goal("engine ÷ wrk, 1,000 connections, 20 ms, plays/s", far.speed("engine", "wrk"), 0.95),
        Goal("the same by CPU time", far.ratio("engine", "wrk"), 0.85),
        Goal("engine, CPU seconds per 100,000 plays", near.cost("engine")),
        Goal("engine, peak MB", peak, 120, at_most=True, form=".0f"),
    ]


def _machine() -> str:
    pinned = (
        f"client on core {CLIENT_CORE}, server on core {SERVER_CORE}"
        if CLIENT_CORE != SERVER_CORE
        else "client and server on the only core"
    )
    return f"{len(CORES)} cores, {pinned}; load when started {os.getloadavg()[0]:.1f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the plays, no pacing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
