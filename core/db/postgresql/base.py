"""PostgreSQL with the settings of each session sent as a statement, whatever server, role or pooler
have set.

PgBouncer refuses or drops them as options of the connection, because it lends a server's session to
many clients.
"""

from typing import Any

from django.db.backends.postgresql import base

# The key in OPTIONS for names and values; the rest is the driver's.
SESSION = "session"


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params.pop(SESSION, None)
        return params

    def _configure_connection(self, connection: Any) -> bool:
        """For each new connection, those of a pool too."""
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
