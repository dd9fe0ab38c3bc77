"""Software that counts views for real, as its own packages have it, for recipes to be tried on."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import trustme

from tests.nginx import nginx
from tests.processes import Process, folder, free_port
from tests.programs import needed
from tests.sites import ROOT

PHP_WORKERS = 8


@contextmanager
def hitcount_site(**settings: Any) -> Iterator[str]:
    """django-hitcount in a process of its own, with these settings of it; its address."""
    port = free_port()
    program = ["-m", "uvicorn", "tests.real_sites.hitcount:application", "--port", str(port)]
    process = Process(
        [sys.executable, *program, "--log-level", "warning"],
        name="hitcount",
        ready=port,
        cwd=ROOT,
        env={
            "HITCOUNT_DATABASE": str(folder("hitcount") / "db.sqlite3"),
            "HITCOUNT": json.dumps(settings),
            "DJANGO_SETTINGS_MODULE": "",
            "PATH": os.environ["PATH"],
        },
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()


@contextmanager
def php_site(script: str, **env: str | Path) -> Iterator[str]:
    """A script beside this file answers whatever is asked, in several processes of PHP's own
    server, which closes each connection after an answer."""
    port = free_port()
    command = [needed("php"), "-S", f"127.0.0.1:{port}", Path(__file__).with_name(script)]
    told = {"PHP_CLI_SERVER_WORKERS": str(PHP_WORKERS)} | {name: str(env[name]) for name in env}
    with Process(command, name="php", ready=port, env=told):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def post_views_site(gap_seconds: float = 0.002) -> Iterator[str]:
    """WordPress with WP-PostViews, as it counts; its posts are 12 and 13. `gap_seconds`: from
    reading a count to writing it."""
    file = folder("postviews") / "db.sqlite3"
    make_database(file, views={12: 1203, 13: 7})
    gap = str(round(1e6 * gap_seconds))
    with php_site("postviews.php", POSTVIEWS=file, POSTVIEWS_GAP=gap) as url:
        yield url


def make_database(file: Path, views: dict[int, int]) -> None:
    """WordPress's tables, as far as they are needed, with posts and what they have counted."""
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE wp_posts (ID INTEGER PRIMARY KEY);"
            "CREATE TABLE wp_postmeta (meta_id INTEGER PRIMARY KEY, post_id INTEGER NOT NULL,"
            " meta_key TEXT, meta_value TEXT)"
        )
        database.executemany("INSERT INTO wp_posts VALUES (?)", [(post,) for post in views])
        database.executemany(
            "INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES (?, 'views', ?)",
            views.items(),
        )


@contextmanager
def behind_nginx(
    url: str, *, zones: str = "", limits: str = "", places: str = "", tls: Path | None = None
) -> Iterator[str]:
    """nginx before a site. `zones`: directives of its http { }, `limits`: of the server, `places`:
    locations beside the one of all, where `proxy_pass $site` leads on. `tls`: a folder with
    cert.pem and key.pem."""
    port = free_port()
    kind = f"ssl; ssl_certificate {tls}/cert.pem; ssl_certificate_key {tls}/key.pem" if tls else ""
    site = nginx(
        f"{zones}\nserver {{ listen 127.0.0.1:{port} {kind}; set $site {url}; {limits}\n"
        f"{places}\nlocation / {{ proxy_pass $site; }} }}",
        port,
    )
    with site:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"


def keys_of(authority: trustme.CA) -> Path:
    """A folder with a key and a certificate for 127.0.0.1, as behind_nginx() wants it."""
    home, issued = folder("keys"), authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(home / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(home / "cert.pem", append=True)
    return home
