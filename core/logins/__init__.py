"""The doors: what stands between a password that somebody sends and its check.

attempts.py   each try is counted before the password is looked at, and limited
hashing.py    so many hashes at once in a process, no more
backend.py    Django's own check of a password, behind the two
addresses.py  which addresses count as one

A form, a page or an API that checks a password calls `authenticate(request, …)`, which counts; and
`attempts.succeed()` once everything else it asks for was right, too. Who forgets that counts right
ones as wrong. What is raised here becomes an answer in office/unavailable.py: 429, or 503 where
hashing is busy, with Retry-After.
"""
