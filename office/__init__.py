"""The Django project: settings, addresses, entry points and the queue."""
