"""How the feed reaches a browser: a WebSocket, or a POST that waits (long polling) or does not.

Both are ASGI applications beside Django's: a waiting socket or poll holds no thread. The feed
decides who it is, for all together and again while they are connected. This package checks where it
comes from and what it may ask.
"""
