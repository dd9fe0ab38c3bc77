"""Django's PostgreSQL, with what the office relies on set for each of its sessions: base.py."""
