"""PostgreSQL as Django speaks it, and the settings of each session said in a statement of its own,
whatever a server, a role or a pooler between them has set.

Said as options of the connection they would be refused or left out by PgBouncer, which hands a
server's session from one client to the next.
"""

from typing import Any

from django.db.backends.postgresql import base

# Of OPTIONS: names and values. Everything else there is the driver's.
SESSION = "session"


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params.pop(SESSION, None)
        return params

    def _configure_connection(self, connection: Any) -> bool:
        """Of each new connection, those of a pool among them."""
        is_changed = super()._configure_connection(connection)  # type: ignore[misc]
        session = self.settings_dict["OPTIONS"].get(SESSION)
        if not session:
            return is_changed
        with connection.cursor() as cursor:
            settings = ", ".join(["set_config(%s, %s, false)"] * len(session))
            cursor.execute(
                f"SELECT {settings}", [part for item in session.items() for part in item]
            )
        return True
