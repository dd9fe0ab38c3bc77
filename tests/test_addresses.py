"""Addresses of databases and queues: one host, several, and those that are refused by name."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from office import environment as env, queue
from tests.processes import free_port


def test_several_hosts_of_postgresql_are_taken_and_the_one_that_takes_writes_is_meant(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:p%40ss@h1,h2:5433,[::1]:5434/office")
    config = env.database("DATABASE_URL", "")
    assert (config["HOST"], config["PORT"]) == ("h1,h2,::1", "5432,5433,5434")
    assert (config["USER"], config["PASSWORD"], config["NAME"]) == ("me", "p@ss", "office")
    assert config["OPTIONS"]["target_session_attrs"] == "read-write"
    monkeypatch.setenv("DATABASE_URL", "postgresql://h1,h2/office?target_session_attrs=any")
    config = env.database("DATABASE_URL", "")
    assert (config["HOST"], config["OPTIONS"]) == ("h1,h2", {"target_session_attrs": "any"})


@pytest.mark.parametrize(
    ("url", "engine"),
    [
        ("postgresql://me:pw@h1:5433/office?sslmode=require", "core.db.postgresql"),
        ("sqlite:////tmp/a,b/office.sqlite3", "django.db.backends.sqlite3"),
    ],
)
def test_an_address_of_one_is_read_as_before(monkeypatch, url, engine):
    import dj_database_url

    monkeypatch.setenv("DATABASE_URL", url)
    assert env.database("DATABASE_URL", "") == dict(dj_database_url.parse(url, engine=engine))


def test_a_host_that_is_down_is_passed_over(postgres, monkeypatch, django_db_blocker):
    """The first of the two does not answer: the office connects to the second."""
    url = postgres.create_database("failover")
    host = url.split("@")[1].split("/")[0]
    monkeypatch.setenv("DATABASE_URL", url.replace(host, f"127.0.0.1:{free_port()},{host}"))
    settings = connections.settings["default"] | env.database("DATABASE_URL", "")
    connection = DatabaseWrapper(
        {**settings, "TIME_ZONE": None, "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False}
    )
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("failover",)
    connection.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis+sentinel://s1:26379/mymaster", "Redis Sentinel"),
        ("sentinel://s1", "Redis Sentinel"),
        ("rediss+cluster://r1", "Redis Cluster"),
        ("redis://r1:6379,r2:6379/0", "several hosts"),
    ],
)
def test_what_follows_a_primary_from_host_to_host_is_refused_by_its_name(monkeypatch, url, name):
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.redis("REDIS_URL")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://", "sqlite:////"),
        ("sqlite:///", "sqlite:////"),
        ("sqlite://:memory:", "sqlite:////"),
        ("sqlite:///:memory:", "sqlite:////"),
        ("sqlite:////tmp/office%00.sqlite3", "sqlite:////"),
        ("sqlite:////tmp/office.sqlite3?mode=ro", "takes nothing behind"),
        ("postgresql://", "names no database"),
        ("postgresql://h", "names no database"),
        ("postgresql://h/", "names no database"),
        ("postgresql://h1,h2", "names no database"),
        ("postgresql://h/office?nonsense=1", "nonsense"),
        ("postgresql://h/office?pool=1", "pool"),
        ("postgresql://h/office?connect_timeout=abc", "connect_timeout"),
        ("postgresql://h/office?keepalives_idle=1.5", "keepalives_idle"),
    ],
)
def test_an_address_of_a_database_that_cannot_work_is_refused_with_what_is_expected(
    monkeypatch, url, told
):
    """SQLite's file is one, wherever web, consumers and commands are started."""
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.database("DATABASE_URL", "")
    assert str(refused.value).startswith("DATABASE_URL") and told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_of_sqlite_is_the_same_wherever_a_program_is_started(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///var/office.sqlite3")
    assert env.database("DATABASE_URL", "")["NAME"] == str(env.PROJECT / "var/office.sqlite3")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///office",
        "postgresql:///office?host=/run/postgresql",
        "postgresql://h/?service=office",
        "postgresql://h/office?connect_timeout=2&options=-c%20work_mem%3D64MB&sslmode=require",
        "postgresql://h/office?assume_role=office&currentSchema=office",
    ],
)
def test_addresses_that_the_driver_takes_are_taken(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    assert env.database("DATABASE_URL", "")["ENGINE"] == "core.db.postgresql"


def test_the_offices_own_file_is_found_whatever_its_folder_is_called(monkeypatch, tmp_path):
    folder = tmp_path / "50%20 #1?"
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert env.database("DATABASE_URL", env.sqlite_at(folder / "x"))["NAME"] == str(folder / "x")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "redis://h/abc",
            "redis://h/-1",
            "redis://h/1/2",
            "rediss://h/0x1",
            "redis://h/9999999999",
        ),
        *("redis://h?db=-1", "redis://h?socket_timeout=-1", "redis://h?socket_timeout=nan"),
        *("redis://h?protocol=9", "unix://", "redis://h:99999/0"),
    ],
)
def test_an_address_of_redis_that_cannot_work_is_refused(monkeypatch, tmp_path, url):
    """Its driver takes what is no number for database 0, which may be another program's."""
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        queue.build(env.redis("REDIS_URL"), tmp_path, "k" * 50)


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://h/", "redis:///1", "redis://:a-b@h:1/15?db=3", "unix:///r?db=1"]
)
def test_an_address_of_redis_that_works_is_taken(monkeypatch, tmp_path, url):
    monkeypatch.setenv("REDIS_URL", url)
    queue.build(env.redis("REDIS_URL"), tmp_path, "k" * 50)


@pytest.mark.parametrize("word", ["h:99999", "h:0", "h:²"])
def test_a_private_site_has_a_port_that_there_is(monkeypatch, word):
    monkeypatch.setenv("PRIVATE_SITES", word)
    with pytest.raises(ImproperlyConfigured, match="PRIVATE_SITES"):
        env.networks("PRIVATE_SITES", "", or_ports=True)
