"""WSGI entry point, for servers that do not speak ASGI."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
# Only the web keeps a pool of PostgreSQL connections: consumers fork, and a pool may not be.
os.environ.setdefault("DATABASE_POOL", "on")
application = get_wsgi_application()
