"""The programs of `make run` start together and end together."""

import re
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from tests.processes import Process, folder, free_port, is_alive, is_open

ROOT = Path(__file__).parent.parent
RUN = (
    "import os, sys; from pathlib import Path; from office import programs;"
    "programs.PATIENCE = float(sys.argv[2]);"
    "print('ended first:', programs.Programs(programs.read_procfile(Path(sys.argv[1])),"
    " os.environ).run() or 'nobody')"
)
WORKER = (
    f"exec {sys.executable} -u -c \"import signal, sys, time; %s; print('up'); time.sleep(60)\""
)
POLITE = WORKER % "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))"
DEAF = WORKER % "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def run(*commands: str, patience: float = 10) -> Process:
    """A runner whose Procfile names `commands` a, b, c …"""
    procfile = folder("procfile") / "Procfile"
    lines = [f"{name}: {command}" for name, command in zip("abc", commands, strict=False)]
    procfile.write_text("# a comment: not a program\n\n" + "\n".join(lines) + "\n")
    args = [sys.executable, "-c", RUN, procfile, str(patience)]
    process = Process(args, name="runner", cwd=ROOT).start()
    process.wait_until(lambda: process.log().count("| up") == len(commands), "start all")
    return process


def children(process: Process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_a_signal_lets_every_program_end_by_itself():
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        runner = run(POLITE, POLITE)
        runner.terminate(signum=signum)
        assert re.findall(r"(\w) \| bye", runner.log()) in (["a", "b"], ["b", "a"])
        assert "ended first: nobody" in runner.log()


def test_one_that_ends_stops_the_others_and_is_named():
    runner = run(POLITE, POLITE)
    children(runner)[0].kill()
    assert runner.wait() == 0
    assert "a | ended with -9" in runner.log()
    assert "b | bye" in runner.log()
    assert "ended first: a" in runner.log()


def test_one_that_does_not_stop_is_killed_after_a_while():
    runner = run(POLITE, DEAF, patience=0.5)
    programs = children(runner)
    runner.terminate()
    assert "b | did not end in time: killed" in runner.log()
    assert not any(map(is_alive, programs))


def test_a_second_signal_does_not_wait():
    runner = run(DEAF, patience=60)
    psutil.Process(runner.pid).send_signal(signal.SIGINT)
    runner.wait_for_line("stopping")
    runner.terminate(timeout=5)
    assert "a | did not end in time: killed" in runner.log()


def test_workers_that_survive_their_program_are_killed():
    runner = run("sleep 60 & echo up $!; sleep 0.5", POLITE)
    worker = psutil.Process(int(re.search(r"a \| up (\d+)", runner.log())[1]))
    runner.wait()
    assert not is_alive(worker)


def test_the_office_does_not_start_beside_another_one_on_its_port():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        env = {
            "PORT": str(port),
            "DEMO_SITE_PORT": str(free_port()),
            "DATA_DIR": str(folder("data")),
        }
        office = Process([sys.executable, "manage.py", "run_all"], cwd=ROOT, env=env).start()
        assert office.wait() == 1
    assert office.log() == (
        f"CommandError: PORT={port} cannot be used (Address already in use): choose another\n"
    )


@pytest.mark.parametrize("number", ["0", "-2", "100000"])
def test_a_consumer_has_some_workers_and_not_thousands(number):
    with pytest.raises(CommandError, match=f"--workers: from 1 to 100 processes, not {number}"):
        call_command("run_huey", "--workers", number)


def test_the_office_starts_from_any_folder(tmp_path):
    ports = {name: str(free_port()) for name in ("PORT", "DEMO_SITE_PORT")}
    env = {"DATA_DIR": str(tmp_path / "mein büro 数据 'x' $y"), **ports}
    manage = [sys.executable, ROOT / "manage.py"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Process([*manage, "init_office"], cwd=elsewhere, env=env) as made:
        assert made.wait() == 0
    with Process([*manage, "run_all"], cwd=elsewhere, env=env) as office:
        office.wait_until(lambda: is_open(int(ports["PORT"])), "serve pages")
        office.wait_until(lambda: is_open(int(ports["DEMO_SITE_PORT"])), "serve the demo site")
        office.wait_for_line("Huey consumer started")
    port = free_port()
    options = ["--port", str(port), "--processes", "1"]
    with Process([*manage, "run_web", *options], cwd=elsewhere, env=env, ready=port):
        pass
    assert not list(elsewhere.iterdir())
