"""Addresses of databases and queues: one host, several, and those that are refused by name."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from office import environment as env
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
