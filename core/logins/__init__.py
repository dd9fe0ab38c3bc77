"""The doors: what stands between a password that somebody sends and its check.

A form, a page or an API that checks a password calls `authenticate(request, …)`, which counts; and
`attempts.succeed()` once everything else it asks for was right, too. Who forgets that counts right
ones as wrong. What is raised here becomes an answer in office/unavailable.py: 429, or 503 where
hashing is busy, with Retry-After.
"""
