"""The engine: plays of one request each, fast, each ending in exactly one named outcome.

A `Channel` is a site with all its orders: channel.py is where to begin reading. What runs where:
the caller's thread owns windows and database; the wire's (wire.py) sends, and decides which play is
next (turns.py, dispatch.py) and what an answer means (answers.py).

No Django, no model: plain values in, honest counts out. Law 3: a 2xx says "received" and no more.
"""

from booster.engine.channel import Channel
from booster.engine.interface import (
    Event,
    Events,
    Fetched,
    Learned,
    Limits,
    OrderStopped,
    Tally,
    Window,
    WindowEnded,
)
