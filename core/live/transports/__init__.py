"""How the feed reaches a browser: a WebSocket, or a POST that waits (long polling) or does not.

Both are ASGI applications beside Django's: a socket or a poll that waits holds no thread. Who it is
is decided by the feed, for all together and again while they are connected; where it comes from,
and what it may ask, is decided here.
"""
