"""PgBouncer for a test: a process of its own before a PostgreSQL of the tests."""

from tests.processes import Process, folder, free_port, unprivileged_account
from tests.programs import needed
from tests.services import PostgresServer

CONFIG = """
[databases]
* = host={address} port={postgres_port} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
"""


class PgBouncer:
    """Started while the block runs. Else as it is installed: it takes no options of connections.
    Without the program the test is skipped, under CI it fails."""

    def __init__(self, server: PostgresServer, mode: str, *, size: int = 60) -> None:
        account = unprivileged_account()
        self.port = free_port()
        file = folder("pgbouncer", account) / "pgbouncer.ini"
        values = {"address": server.address, "postgres_port": server.port, "port": self.port}
        file.write_text(CONFIG.format(mode=mode, size=size, **values))
        file.chmod(0o644)
        command = [needed("pgbouncer"), file]
        self.process = Process(command, name="pgbouncer", ready=self.port, account=account)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> "PgBouncer":
        self.process.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
