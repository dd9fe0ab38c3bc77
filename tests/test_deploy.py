"""What docs/deploy.md offers starts what the Procfile starts, with settings that exist."""

import asyncio
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
import yaml
from django.conf import settings as office_settings
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from booster.management.commands.run_huey import DEFAULTS
from office.management.commands import run_web
from office.programs import read_procfile
from tests.nginx import nginx
from tests.office import ROOT
from tests.processes import Process, free_port
from tests.programs import needed
from tests.test_docs import variables_read

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
# Of Uvicorn itself, of PostgreSQL's image, and of Docker's HEALTHCHECK.
FOREIGN = {"FORWARDED_ALLOW_IPS", "POSTGRES_PASSWORD"}
SECONDS_TO_SPARE = 3
LOCKS = ("requirements", "requirements-dev", "requirements-bench")


def commands() -> dict[str, list[str]]:
    """The Procfile's, as words after `python`."""
    found = read_procfile(ROOT / "Procfile")
    return {name: found[name].split()[2:] for name in ("web", "consumer")}


def entries(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if "=" in line and line[0] != "["]
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


# --- systemd


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    for unit in UNITS:
        text = unit.read_text().replace("/opt/booster-office/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("/opt/booster-office", str(ROOT)))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in told.stderr.splitlines() if "booster-office" in line]
    assert (told.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_what_the_procfile_starts(unit):
    name = unit.stem.rpartition("-")[2]
    assert entries(unit)["ExecStart"].split()[1:] == commands()[name]
    assert entries(unit)["User"] == "booster-office"


def test_whoever_stops_them_waits_as_long_as_they_may_take(compose):
    units = {unit.stem.rpartition("-")[2]: int(entries(unit)["TimeoutStopSec"]) for unit in UNITS}
    assert units["consumer"] >= DEFAULTS["shutdown_timeout"] + SECONDS_TO_SPARE
    graceful = run_web.OPTIONS[run_web.OPTIONS.index("--timeout-graceful-shutdown") + 1]
    assert units["web"] >= int(graceful) + SECONDS_TO_SPARE
    for name, seconds in units.items():
        assert compose["services"][name]["stop_grace_period"] == f"{seconds}s"


# --- Docker


def test_the_compose_file_starts_what_the_procfile_starts(compose):
    services = compose["services"]
    assert set(services) == {"setup", "web", "consumer", "postgres", "redis"}
    assert services["web"]["command"][: len(commands()["web"]) + 1] == [
        "python",
        *commands()["web"],
    ]
    assert services["consumer"]["command"] == ["python", *commands()["consumer"]]
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]
    assert not any("ports" in services[name] for name in services if name != "web")


def test_the_database_is_asked_where_the_office_asks_it(compose):
    """While PostgreSQL's image makes the cluster, a server answers at its socket alone."""
    asked = compose["services"]["postgres"]["healthcheck"]["test"][1].split()
    assert asked[:3] == ["pg_isready", "-h", "127.0.0.1"]


def test_as_many_files_may_be_open_in_a_container_as_in_a_unit(compose):
    units = {unit.stem.rpartition("-")[2]: int(entries(unit)["LimitNOFILE"]) for unit in UNITS}
    for name, number in units.items():
        assert compose["services"][name]["ulimits"] == {"nofile": number}


def test_every_setting_that_is_set_for_them_exists(compose):
    known = variables_read() | FOREIGN
    for service in ("setup", "web", "consumer"):
        assert set(compose["services"][service]["environment"]) <= known
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked <= known
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (DEPLOY / "compose.yaml").read_text()))
    assert needed <= set(entries(DEPLOY / "compose.env.example")) <= known
    example = (DEPLOY / "booster-office.env").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) <= known


def image() -> list[list[str]]:
    """The Dockerfile's instructions, as words."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [line.split() for line in text.replace("\\\n", "").splitlines() if line.strip()]


def test_the_image_has_two_stages_installs_by_hashes_and_runs_as_nobody_mighty():
    words = image()
    assert [line[0] for line in words].count("FROM") == 2
    users = [line[1] for line in words if line[0] == "USER"]
    assert users and users[-1] not in ("root", "0")
    assert any("--require-hashes" in line for line in words if line[0] == "RUN")
    copied = [line[1] for line in words if line[0] == "COPY" and not line[1].startswith("--")]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignored if line[:1] == "!"}


@pytest.mark.slow
def test_what_the_image_copies_is_enough_to_set_up_and_to_start(tmp_path, monkeypatch):
    """Without Docker: its files in a folder of their own, and its command there."""
    for line in image():
        if line[0] == "COPY" and not line[1].startswith("--"):
            source, name = ROOT / line[1], line[1]
            if source.is_dir():
                shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
            else:
                shutil.copy(source, tmp_path)
    (line,) = [line for line in image() if line[:2] == ["RUN", "useradd"]]
    home = line[line.index("--home-dir") + 1]
    places = {"/data": str(tmp_path / "data"), "/office": str(tmp_path)}
    env = {"DATA_DIR": places["/data"], "HOME": places[home], "SECRET_KEY": "k" * 50}
    env["DATABASE_URL"] = ""
    subprocess.run(
        [sys.executable, "manage.py", "init_office"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **env},
        check=True,
        capture_output=True,
        timeout=120,
    )
    command = [line for line in image() if line[0] == "CMD"][-1]
    words = [word.strip('[],"') for word in command[1:]]
    assert words[:3] == ["python", *commands()["web"]]
    port = free_port()
    words[words.index("--port") + 1] = str(port)
    words[words.index("--host") + 1] = "127.0.0.1"
    from tests.test_metrics import ask

    with Process([sys.executable, *words[1:]], ready=port, env=env, cwd=tmp_path):
        assert ask(f"http://127.0.0.1:{port}", "/readyz") == (200, "ready\n")


# --- the proxies


@pytest.mark.slow
def test_nginx_takes_its_configuration_and_passes_pages_and_sockets_on(new_office, tmp_path):
    needed("nginx")
    office = new_office("sqlite")
    name = "office.example.com"
    server = office.run_web("--processes", "1", HTTPS="on", ALLOWED_HOSTS=name)
    certificates = trustme.CA()
    issued = certificates.issue_cert(name)
    issued.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tmp_path / "fullchain.pem", append=True)
    plain, tls = free_port(), free_port()
    conf = (DEPLOY / "nginx.conf").read_text()
    for before, after in (
        ("127.0.0.1:8000", server.url.removeprefix("http://")),
        ("/etc/ssl/office.example.com", str(tmp_path)),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
    ):
        assert before in conf
        conf = conf.replace(before, after)
    tmp_path.chmod(0o755)
    trusted = ssl.create_default_context()
    certificates.configure_trust(trusted)
    with nginx(conf, tls):
        assert asked(tls, name, trusted, "/admin/login/")[0] == 200
        for machines in ("/healthz", "/readyz", "/metrics"):
            assert asked(tls, name, trusted, machines)[0] == 404
        # What a client says of itself is not believed: no redirect to https, so it was replaced.
        forged = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "10.9.9.9"}
        assert asked(tls, name, trusted, "/admin/login/", **forged)[0] == 200
        # The office itself answers the upgrade: nobody is logged in.
        with pytest.raises(InvalidStatus) as refused:
            asyncio.run(open_socket(tls, name, trusted))
        assert refused.value.response.status_code == 403


def asked(port: int, name: str, trusted: ssl.SSLContext, path: str, **headers: str):
    import http.client
    import socket

    client = http.client.HTTPSConnection(name, port, context=trusted, timeout=30)
    plain = socket.create_connection(("127.0.0.1", port))
    client.sock = trusted.wrap_socket(plain, server_hostname=name)
    client.request("GET", path, headers={"Host": name, **headers})
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status, answer.headers


async def open_socket(port: int, name: str, trusted: ssl.SSLContext) -> None:
    async with connect(
        f"wss://{name}/live/socket/",
        host="127.0.0.1",
        port=port,
        ssl=trusted,
        origin=f"https://{name}",
        proxy=None,
    ):
        pass


def test_both_proxies_lead_to_the_same_office_and_take_the_largest_upload():
    nginx, caddy = (DEPLOY / "nginx.conf").read_text(), (DEPLOY / "Caddyfile").read_text()
    for text in (nginx, caddy):
        assert "127.0.0.1:8000" in text and "office.example.com" in text
        (size,) = re.findall(r"(?:client_max_body_size|max_size) (\d+)", text)
        assert int(size) << 20 > office_settings.IMPORT_MAX_BYTES
        for machines in ("healthz", "readyz", "metrics"):
            assert machines in text


# --- the lock files


def pins(path: Path) -> dict[str, str]:
    found = re.findall(
        r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;]+)", path.read_text(), re.MULTILINE
    )
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_pinned_is_locked_in_that_version_and_all_with_hashes(name):
    """After a change of a requirements*.txt: make lock."""
    locked = pins(ROOT / f"{name}.lock")
    asked_for = pins(ROOT / f"{name}.txt")
    if name != "requirements":
        asked_for |= pins(ROOT / "requirements.txt")
    assert {key: locked.get(key) for key in asked_for} == asked_for
    entries_of = re.split(r"^(?=[a-z0-9])", (ROOT / f"{name}.lock").read_text(), flags=re.MULTILINE)
    packages = [entry for entry in entries_of if "==" in entry.partition("\n")[0]]
    assert len(packages) >= len(asked_for)
    assert [entry.split("==")[0] for entry in packages if "--hash=sha256:" not in entry] == []
