"""Programs that are forked from one that has loaded the libraries are what they would be."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.office import ROOT, wait_for
from tests.processes import Process, is_alive
from tests.warm import run_to_the_end

pytestmark = pytest.mark.services

TELL = """
import os, sys
from django.conf import settings
print(os.getcwd(), sys.argv, os.environ["SAID"], sorted(os.listdir("/proc/self/fd")))
print(settings.configured, "office.settings" in sys.modules, os.getpid() == os.getpgid(0))
print("and this", file=sys.stderr)
sys.exit(3)
"""
SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
# A test run that starts a program and is then killed.
RUN = f"""
import sys, time
from pathlib import Path
from tests.processes import Process
program = Process([sys.executable, "-c", {SLEEP!r}], ready="ready", warm=True, cwd=Path.cwd())
print(program.start().pid, flush=True)
time.sleep(60)
"""


def test_a_program_has_its_own_arguments_environment_output_and_status_and_no_setting_yet():
    done = run_to_the_end(["-c", TELL, "a", "b"], {"SAID": "hello"})
    where, what = done.stdout.splitlines()
    # Beside its streams the folder that it lists.
    assert where == f"{ROOT} ['-c', 'a', 'b'] hello ['0', '1', '2', '3']"
    assert what == "False False True"
    assert (done.stderr, done.returncode) == ("and this\n", 3)


def test_of_two_programs_none_sees_what_the_other_did():
    one = "import os, sys; os.environ['SAID'] = 'x'; sys.modules['office.settings'] = None"
    run_to_the_end(["-c", one], {})
    two = "import os, sys; print('SAID' in os.environ, 'office.settings' in sys.modules)"
    assert run_to_the_end(["-c", two], {}).stdout == "False False\n"


def test_who_kills_a_program_is_told_of_its_end(tmp_path):
    program = Process([sys.executable, "-c", SLEEP], ready="ready", warm=True, cwd=tmp_path)
    program.start()
    assert (program.running, program.returncode) == (True, None)
    os.kill(program.pid, signal.SIGTERM)
    assert (program.wait(20), program.running) == (-signal.SIGTERM, False)
    program.start()
    program.kill()
    assert program.returncode == -signal.SIGKILL


def test_programs_die_with_a_killed_test_run():
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, env=env) as run:
        left = psutil.Process(int(run.stdout.readline()))
        run.kill()
    wait_for(lambda: not is_alive(left), what="the end of the program")
