"""The office's tables. Import them from here."""

from core.models.accounts import Administrator, Customer, User
from core.models.approvals import ApprovalLimit
from core.models.billing import ChargeRecord, PricePolicy
from core.models.breakers import Breaker, breaker_of, open_breaker_of, probe_now
from core.models.bulk import BulkBlock, BulkJob, BulkRefusal
from core.models.events import CounterReading, OrderEvent
from core.models.filters import SavedFilter
from core.models.flow import (
    FINAL,
    FLOW,
    OPEN,
    WORKABLE,
    OrderError,
    Status,
    TransitionError,
    VideoBusyError,
)
from core.models.heartbeats import Heartbeat
from core.models.history import FieldChange
from core.models.imports import ImportJob
from core.models.leases import Lease, LeaseLostError
from core.models.ledger import (
    BalanceTooLargeError,
    InsufficientBalanceError,
    LedgerEntry,
    Posting,
)
from core.models.messages import (
    Conversation,
    Message,
    MessageRefusedError,
    ReadMarker,
    Side,
    mark_read,
    may_speak,
    side_of,
)
from core.models.orders import Order
from core.models.rollups import PlaySample, QuarterHourTotal, RollupCursor
from core.models.sites import Site, SiteCheck

__all__ = [
    "FINAL",
    "FLOW",
    "OPEN",
    "WORKABLE",
    "Administrator",
    "ApprovalLimit",
    "BalanceTooLargeError",
    "Breaker",
    "BulkBlock",
    "BulkJob",
    "BulkRefusal",
    "ChargeRecord",
    "Conversation",
    "CounterReading",
    "Customer",
    "FieldChange",
    "Heartbeat",
    "ImportJob",
    "InsufficientBalanceError",
    "Lease",
    "LeaseLostError",
    "LedgerEntry",
    "Message",
    "MessageRefusedError",
    "Order",
    "OrderError",
    "OrderEvent",
    "PlaySample",
    "Posting",
    "PricePolicy",
    "QuarterHourTotal",
    "ReadMarker",
    "RollupCursor",
    "SavedFilter",
    "Side",
    "Site",
    "SiteCheck",
    "Status",
    "TransitionError",
    "User",
    "VideoBusyError",
    "breaker_of",
    "mark_read",
    "may_speak",
    "open_breaker_of",
    "probe_now",
    "side_of",
]
