"""Django's PostgreSQL with the settings that the office needs in each session: base.py."""
