"""Runs the Procfile's programs as one: they start together, and when one ends, all end.

honcho kills the others 5 s after the first end, but a consumer may need 25 s to give its orders
back.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

LINE = re.compile(r"^([A-Za-z0-9_-]+):[ \t]*(\S.*)$", re.MULTILINE)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A consumer gives its orders back within 25 s.
PATIENCE = 28.0


class Programs:
    """Runs each program in a session of its own and prints its output line by line.

    Ctrl-C in the terminal does not reach them: each gets one SIGTERM from us, not its workers, as
    service managers do.
    """

    def __init__(self, commands: Mapping[str, str], env: Mapping[str, str]) -> None:
        self.commands = commands
        self.env = env
        self.width = max(map(len, commands))
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        # Names of programs that ended, and numbers of signals.
        self.events: SimpleQueue[str | int] = SimpleQueue()

    def run(self) -> str:
        """Start all, wait for a signal or the first end, stop all. Returns the name of the program
        that ended by itself; "" after a signal."""
        for signum in STOP_SIGNALS:
            signal.signal(signum, lambda number, frame: self.events.put(number))
        for name, command in self.commands.items():
            self._start(name, command)
        event = self.events.get()
        culprit = self._ended(event) if isinstance(event, str) else ""
        if not culprit:
            self.say("stopping")
        self._stop()
        return culprit

    def say(self, text: str, name: str = "") -> None:
        # The terminal may be gone; the programs must still be stopped.
        with suppress(OSError):
            sys.stdout.write(f"{name:{self.width}} | {text}\n")
            sys.stdout.flush()

    def _start(self, name: str, command: str) -> None:
        # Procfiles are written in the shell's language.
        program = subprocess.Popen(  # noqa: S602
            command,
            shell=True,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running[name] = program
        relay = threading.Thread(target=self._relay, args=(name, program), daemon=True)
        relay.start()
        threading.Thread(target=self._await, args=(name, program, relay), daemon=True).start()

    def _relay(self, name: str, program: subprocess.Popen[bytes]) -> None:
        for line in program.stdout or ():
            self.say(line.decode(errors="replace").rstrip("\r\n"), name)

    def _await(self, name: str, program: subprocess.Popen[bytes], relay: threading.Thread) -> None:
        program.wait()
        # Its last lines come before its end is told; an orphaned worker may hold the pipe open.
        relay.join(timeout=1)
        self.events.put(name)

    def _ended(self, name: str) -> str:
        program = self.running.pop(name)
        self.say(f"ended with {program.returncode}", name)
        kill_group(program)
        return name

    def _stop(self) -> None:
        """Ask all to end; after PATIENCE or a second signal kill those left, with their workers."""
        for program in self.running.values():
            program.terminate()
        deadline = time.monotonic() + PATIENCE
        while self.running:
            try:
                event = self.events.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            if isinstance(event, int):
                break
            self._ended(event)
        for name, program in self.running.items():
            self.say("did not end in time: killed", name)
            kill_group(program)
            program.wait()


def kill_group(program: subprocess.Popen[bytes]) -> None:
    """Also if the program itself has ended: workers can survive it."""
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)


def read_procfile(path: Path) -> dict[str, str]:
    return dict(LINE.findall(path.read_text()))
