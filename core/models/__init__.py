"""The office's tables. Import them from here."""

from core.models.accounts import Administrator, Customer, User
from core.models.alerts import Alert
from core.models.approvals import ApprovalLimit
from core.models.billing import ChargeRecord, PricePolicy, TopUpCorrection, WaitingTopUp
from core.models.breakers import Breaker, breaker_of, open_breaker_of, probe_now
from core.models.bulk import BulkBlock, BulkJob, BulkRefusal
from core.models.calibrations import Calibration
from core.models.events import CounterReading, OrderEvent
from core.models.filters import ListColumns, SavedFilter
from core.models.flow import (
    FINAL,
    FLOW,
    OPEN,
    WORKABLE,
    OrderError,
    RefundRefusedError,
    Status,
    TransitionError,
    label_of,
    onward_from,
)
from core.models.heartbeats import Heartbeat, WebProcess
from core.models.history import FieldChange
from core.models.imported_rows import ImportedRows
from core.models.imports import FilePart, ImportJob
from core.models.leases import Lease, LeaseLostError
from core.models.ledger import (
    BalanceTooLargeError,
    CustomerInactiveError,
    InsufficientBalanceError,
    LedgerEntry,
    Posting,
)
from core.models.login_counts import LoginCount
from core.models.looks import LookAllowance, SiteLook
from core.models.messages import Conversation, Message, ReadMarker, Side
from core.models.orders import Order
from core.models.pauses import Pause
from core.models.repeats import Occurrence, Repeat
from core.models.retention import RetentionCursor
from core.models.rollups import PlaySample, QuarterHourTotal, RollupCursor
from core.models.sites import Site, SiteCheck
from core.models.transitions import Transition
