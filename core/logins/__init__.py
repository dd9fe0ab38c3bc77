"""What stands between a password that somebody sends and its check.

A form, page or API that checks a password calls `authenticate(request, …)`, which counts the try,
and `attempts.succeed()` once everything else was right as well; without it right ones count as
wrong. office/unavailable.py answers the errors raised here with Retry-After: 429, or 503 if hashing
is busy.
"""
