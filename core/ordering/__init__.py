"""From an address and a quantity to a quote, from a quote to an order, and what people do with it:
the one way in for the desk, the portal, uploads and commands.

quote.py    what an order would cost, where it would go, and what speaks against it
placing.py  the order: charged and written, then the consumers are told
actions.py  cancel, retry, approve, decline; correct a balance
sites.py    verify a site, try it with one play
"""

from core.ordering.actions import adjust, approve, cancel, decline, retry
from core.ordering.placing import (
    AlreadyPlacedError,
    OrderRefusedError,
    Placement,
    place,
    place_many,
)
from core.ordering.quote import Quote, Quoter, balance_error
from core.ordering.sites import try_site, verify

__all__ = [
    "AlreadyPlacedError",
    "OrderRefusedError",
    "Placement",
    "Quote",
    "Quoter",
    "adjust",
    "approve",
    "balance_error",
    "cancel",
    "decline",
    "place",
    "place_many",
    "retry",
    "try_site",
    "verify",
]
