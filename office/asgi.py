"""ASGI entry point: `uvicorn office.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
# Only the web keeps a pool of PostgreSQL connections: consumers fork, and a pool may not be.
os.environ.setdefault("DATABASE_POOL", "on")
application = get_asgi_application()
