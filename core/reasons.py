"""Why something happened or was refused: a code with parameters, put into words where it is read.

Rows keep the code and its parameters, so that programs can ask for them and every reader has the
sentence in their own language. SENTENCES is the one catalogue: of the office's own codes (`Code`)
and of those of sites and addresses; where many are of a kind they stand in core/sentences/. Law:
what a person wrote, and the sentences that rows kept before there were codes, are shown unchanged;
and so is a code that this release does not know.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from functools import cache
from typing import Any, Protocol, Self

from django.utils.translation import gettext

from core.sentences import _
from core.sentences.files import FILE_SENTENCES
from core.sentences.orders import ORDER_SENTENCES
from core.sentences.sites import SITE_SENTENCES
from core.sentences.undoing import UNDO_SENTENCES

# Control characters, half characters, and the marks that turn the direction of a line; not the
# joiners that scripts and emoji are written with.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
# Of what a person typed; longer texts are cut.
TEXT_LENGTH = 300
# From here on a number is shown as 10,000.
GROUPED_FROM = 10_000
CODE_LENGTH = 64


class Code(StrEnum):
    """The office's own. They are kept in rows: they never change."""

    # An order on its way
    CANCEL_REQUESTED = auto()
    TOKEN_SHOWN_AGAIN = auto()
    PAUSE_REQUESTED = auto()
    PAUSE_REQUESTED_BECAUSE = auto()
    PAUSE_WITHDRAWN = auto()
    PLAN_SHIFTED = auto()
    PLAN_CATCHES_UP = auto()
    DEADLINE_REACHED = auto()
    DEADLINE_REACHED_IN_TROUBLE = auto()
    ATTEMPTS_USED_UP = auto()
    OWN_ERROR = auto()
    SEVERAL_ORDERS_FAILED = auto()
    # What its counter says
    COUNTER_UNREADABLE = auto()
    COUNTER_FELL = auto()
    COUNTER_STOOD_STILL = auto()
    COUNTER_ROSE_TOO_FAR = auto()
    COUNTER_SHOWS_A_PART = auto()
    COUNTER_PROVES_A_PART = auto()
    PLAYS_SENT_AGAIN = auto()
    # By what an end was proved
    PROVED_BY_ORDER_NUMBER = auto()
    PROVED_WITHOUT_OTHERS = auto()
    PROVED_BESIDE_OTHERS = auto()
    SETTLED_BY_HAND = auto()
    SETTLED_BY_LAST_READING = auto()
    # What to change where an order ended short
    SHORT_NOT_COUNTED = auto()
    SHORT_BESIDE_OTHERS = auto()
    SHORT_NOT_SENT = auto()
    # Why an order is not settled by hand
    NOT_BEING_VERIFIED = auto()
    NEVER_READ = auto()
    NOT_READ_NOW = auto()
    # Why an order does not take a step
    NO_SUCH_STEP = auto()
    ALREADY_ENDED = auto()
    STOP_ALREADY_REQUESTED = auto()
    PAUSE_ALREADY_REQUESTED = auto()
    ALREADY_PAUSED = auto()
    NOT_PAUSED = auto()
    PAUSED_BY_PEOPLE = auto()
    PAUSE_REASON_MISSING = auto()
    PAUSE_ENDED = auto()
    AWAITS_APPROVAL = auto()
    AWAITS_NO_APPROVAL = auto()
    APPROVAL_OF_OWN_ORDER = auto()
    APPROVAL_OF_OWN_CUSTOMER = auto()
    APPROVAL_OF_OWN_TOP_UP = auto()
    APPROVAL_OF_OWN_CORRECTION = auto()
    APPROVAL_OF_OWN_CUSTOMERS_MONEY = auto()
    TOP_UP_DECIDED = auto()
    TOP_UP_BOOKED = auto()
    CORRECTION_WAITS = auto()
    CORRECTION_REASON_MISSING = auto()
    CORRECTS_NOTHING = auto()
    REASON_MISSING = auto()
    REASON_TOO_LONG = auto()
    # Why an order is not placed
    TOO_FEW_PLAYS = auto()
    TOO_MANY_PLAYS = auto()
    QUANTITY_TOO_SMALL = auto()
    NOTHING_ON_SALE = auto()
    BALANCE_SHORT = auto()
    VIDEO_BUSY = auto()
    NOT_OUR_SITE = auto()
    SITE_NOT_VERIFIED = auto()
    SITE_NOT_PROVED = auto()
    SITE_NOT_REACHED = auto()
    SITE_UNREACHABLE = auto()
    SITE_TAKES_NO_MORE = auto()
    SITE_NOT_CALIBRATED = auto()
    START_TOO_FAR = auto()
    QUOTES_TOO_MANY = auto()
    SITE_ASKED_NOW = auto()
    ORDER_INCOMPLETE = auto()
    # What may not be changed on a site
    SITE_LOCKED = auto()
    CEILING_LOCKED = auto()
    # Calibrations
    NEVER_CALIBRATED = auto()
    CALIBRATION_RUNS = auto()
    CALIBRATION_NOT_LATEST = auto()
    CALIBRATION_PLAYS_UNKNOWN = auto()
    # Repeats
    ALREADY_REPEATED = auto()
    REPEAT_HAS_ENDED = auto()
    REPEAT_WITHOUT_TIMES = auto()
    # Bulk actions and their rows
    RIGHT_LOST = auto()
    FAILED_TOO_OFTEN = auto()
    CUSTOMER_INACTIVE = auto()
    CUSTOMER_ALREADY_ACTIVE = auto()
    CUSTOMER_ALREADY_INACTIVE = auto()
    BALANCE_TOO_LARGE = auto()
    # Uploaded files
    FILE_GONE = auto()
    FILE_CHANGED = auto()
    PRICES_CHANGED = auto()
    FILE_EMPTY = auto()
    FILE_TOO_LARGE = auto()
    FILE_DAMAGED = auto()
    FILE_OF_OLD_EXCEL = auto()
    FILE_IN_UTF16 = auto()
    FILE_OF_OTHER_KIND = auto()
    FILE_OF_EMPTY_LINES = auto()
    FILE_WITHOUT_ROWS = auto()
    TOO_MANY_ROWS = auto()
    TOO_MANY_COLUMNS = auto()
    LINE_WITH_NUL = auto()
    LINE_TOO_LONG = auto()
    LINE_IN_NO_ENCODING = auto()
    LINE_NOT_IN_ENCODING = auto()
    LINE_BECAME_WRONG = auto()
    QUOTATION_MARK_NOT_CLOSED = auto()
    QUOTATION_MARK_MISPLACED = auto()
    WORKBOOK_TOO_LARGE = auto()
    WORKBOOK_DAMAGED = auto()
    WORKBOOK_WITH_DOCTYPE = auto()
    WORKBOOK_IS_BOMB = auto()
    WORKBOOK_TAKES_TOO_MUCH_MEMORY = auto()
    FILE_TAKES_TOO_LONG = auto()
    WORKBOOK_WITHOUT_SHEET = auto()
    WORKBOOK_WITH_PASSWORD = auto()
    # What was made of an uploaded file
    SHEET_READ = auto()
    ROWS_ABOVE_HEADER = auto()
    ENCODING_GUESSED = auto()
    CELLS_UNDERSTOOD = auto()
    LAST_ROW_IS_SUM = auto()
    NAMES_DAMAGED = auto()
    ROWS_HIDDEN = auto()
    NAMES_ALIKE = auto()
    NAMES_LIKE_CUSTOMERS = auto()
    TOP_UPS_REPEATED = auto()
    TOP_UPS_LEFT_OUT = auto()
    ORDERS_REPEATED = auto()
    PASSWORDS_IN_FILE = auto()
    COLUMNS_UNKNOWN = auto()
    COLUMNS_REPEATED = auto()
    HEADER_CHANGES = auto()
    COLUMNS_MISSING = auto()


SENTENCES: dict[str, str] = {
    Code.NO_SUCH_STEP: _("An order that is %(before)s cannot become %(to)s."),
    Code.ALREADY_ENDED: _("It has already ended: %(status)s."),
    Code.STOP_ALREADY_REQUESTED: _("It was already asked to stop."),
    Code.PAUSE_ALREADY_REQUESTED: _("It was already asked to pause."),
    Code.ALREADY_PAUSED: _("It is already paused."),
    Code.NOT_PAUSED: _("Nobody paused it."),
    Code.PAUSED_BY_PEOPLE: _("Somebody paused it; resume it instead."),
    Code.PAUSE_REASON_MISSING: _("Enter a reason; your colleagues read it."),
    Code.PAUSE_ENDED: _("This pause has already ended."),
    Code.AWAITS_APPROVAL: _("It is awaiting approval."),
    Code.AWAITS_NO_APPROVAL: _("It is not awaiting approval: %(status)s."),
    Code.APPROVAL_OF_OWN_ORDER: _(
        "An order must be approved or declined by somebody who neither placed it nor is its "
        "customer."
    ),
    Code.APPROVAL_OF_OWN_CUSTOMER: _(
        "Within %(days)s days you created this customer, topped them up or opened their login: "
        "somebody else approves or declines what they order on the portal."
    ),
    Code.APPROVAL_OF_OWN_TOP_UP: _(
        "A top-up must be approved or declined by somebody who neither entered it nor is its "
        "customer."
    ),
    Code.APPROVAL_OF_OWN_CORRECTION: _(
        "A correction must be approved or declined by somebody who neither entered it nor is its "
        "customer."
    ),
    Code.APPROVAL_OF_OWN_CUSTOMERS_MONEY: _(
        "Within %(days)s days you created this customer, topped them up or opened their login: "
        "somebody else approves or declines what is credited to them above a limit."
    ),
    Code.TOP_UP_BOOKED: _("A payment with this number was booked before; decline this one."),
    Code.CORRECTION_WAITS: _("A correction of this top-up already awaits approval."),
    Code.CORRECTION_REASON_MISSING: _("Enter a reason; it stays in the ledger."),
    Code.CORRECTS_NOTHING: _("It already amounts to %(amount)s; there is nothing to correct."),
    Code.TOP_UP_DECIDED: _("It was already approved or declined."),
    Code.REASON_MISSING: _("Enter a reason; the customer reads it."),
    Code.REASON_TOO_LONG: _("The reason is too long: at most %(most)s characters."),
    Code.TOO_FEW_PLAYS: _("At least one play."),
    Code.TOO_MANY_PLAYS: _("At most %(most)s plays."),
    Code.QUANTITY_TOO_SMALL: _("The smallest order is %(minimum)s plays."),
    Code.NOTHING_ON_SALE: _("No price policy is active; nothing can be sold."),
    Code.BALANCE_SHORT: _("The balance is short by %(missing)s."),
    Code.VIDEO_BUSY: _("Another order already runs on this video."),
    Code.NOT_OUR_SITE: _("%(origin)s is not one of our sites."),
    Code.SITE_NOT_VERIFIED: _("The site is not verified."),
    Code.SITE_NOT_PROVED: _("The site is not verified: %(reason)s"),
    Code.SITE_NOT_REACHED: _("The site cannot be reached now: %(reason)s"),
    Code.SITE_UNREACHABLE: _("The site cannot be reached now."),
    Code.SITE_TAKES_NO_MORE: _(
        "The site takes no more requests at the moment (it answered %(status)s several times). "
        "Please try again in half a minute."
    ),
    Code.SITE_NOT_CALIBRATED: _(
        "It is not known yet how this site counts; calibrate it before the first order."
    ),
    Code.NEVER_CALIBRATED: _(
        "This site was never calibrated: it is not known what of an order it will count."
    ),
    Code.CALIBRATION_RUNS: _("A calibration already runs on this video."),
    Code.CALIBRATION_NOT_LATEST: _("Only what the latest calibration proposes can be taken."),
    Code.START_TOO_FAR: _("At most %(days)s days from now."),
    Code.ORDER_INCOMPLETE: _("The order is not complete."),
    Code.ALREADY_REPEATED: _("This order is already repeated."),
    Code.REPEAT_HAS_ENDED: _("This repeat has already ended."),
    Code.REPEAT_WITHOUT_TIMES: _("The last day is before the first order."),
    Code.RIGHT_LOST: _("%(who)s no longer has permission to do this."),
    Code.FAILED_TOO_OFTEN: _("It failed too many times; see the log."),
    Code.CUSTOMER_INACTIVE: _("This customer is switched off."),
    Code.CUSTOMER_ALREADY_ACTIVE: _("Already switched on."),
    Code.CUSTOMER_ALREADY_INACTIVE: _("Already switched off."),
    Code.BALANCE_TOO_LARGE: _("The balance would be larger than %(most)s."),
    **FILE_SENTENCES,
    **ORDER_SENTENCES,
    **SITE_SENTENCES,
    **UNDO_SENTENCES,
    # The statuses of an order, quoted by other reasons
    "status_pending": _("pending"),
    "status_running": _("running"),
    "status_completed": _("completed"),
    "status_failed": _("failed"),
    "status_partial": _("partial"),
    "status_canceled": _("canceled"),
    "status_awaiting": _("awaiting approval"),
    "status_verifying": _("verifying"),
    "status_paused": _("paused"),
}


class Coded(Protocol):
    """What `booster` raises and reports, seen from below it."""

    code: Any
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """`params` are texts, numbers, and other reasons as {"code": …, "params": …}, so that they fit
    into JSON. Make one by `of` or `of_error`: what a row keeps may be of another release."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, code: str, /, **params: Any) -> Self:
        """Raises TypeError where the catalogue has no such code, or the code other parameters."""
        if code not in SENTENCES:
            raise TypeError(f"no such reason: {code}")
        if params.keys() != parameters_of(SENTENCES[code]):
            raise TypeError(f"{code} takes {sorted(parameters_of(SENTENCES[code]))}, not {params}")
        return cls(
            str(code),
            {name: _plain(value) for name, value in params.items()},
        )

    @classmethod
    def of_error(cls, error: Coded) -> Self:
        return cls.of(error.code, **error.params)

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "params": dict(self.params)}

    def __str__(self) -> str:
        """For logs; pages ask for `translate()`."""
        return in_english(self)


# The text is a person's, or of a row from before there were codes; "" where there is no reason.
ReasonOrText = Reason | str


def translate(reason: ReasonOrText) -> str:
    """In the language in force, with what it quotes."""
    return _worded(reason, gettext)


def translate_error(error: Coded) -> str:
    return translate(Reason.of_error(error))


def in_english(reason: ReasonOrText) -> str:
    return _worded(reason, str)


def reason_of(row: Any, name: str = "reason") -> ReasonOrText:
    """What a row keeps as `name`: see `reason_columns()`."""
    code: str = getattr(row, f"{name}_code")
    text: str = getattr(row, name)
    return Reason(code, getattr(row, f"{name}_params") or {}) if code else text


def reason_columns(reason: ReasonOrText, name: str = "reason") -> dict[str, Any]:
    """A reason as a row keeps it: a text as it is, or a code with the parameters that it has."""
    if isinstance(reason, Reason):
        params = dict(reason.params) or None
        return {name: "", f"{name}_code": reason.code, f"{name}_params": params}
    return {name: printable(reason)[:TEXT_LENGTH], f"{name}_code": "", f"{name}_params": None}


@cache
def parameters_of(sentence: str) -> frozenset[str]:
    """The names of a sentence's placeholders."""
    names = _Names()
    return frozenset(names) if sentence % names else frozenset()


def _plain(value: Any) -> Any:
    """As JSON and every database take it: a file's text may hold what PostgreSQL refuses."""
    if isinstance(value, Reason):
        return value.as_json()
    if isinstance(value, str):
        return printable(value).replace("\n", "\\n").replace("\t", "\\t")
    return value


def printable(text: str) -> str:
    """The text with what nobody sees, and what moves a cursor, written out: `\\x1b`. Lines and tabs
    stay."""
    return UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], text)


class _Names(dict[str, str]):
    """Whatever is asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = ""
        return ""


def _worded(reason: ReasonOrText, translated: Callable[[str], str]) -> str:
    if isinstance(reason, str):
        return printable(reason)  # a row's, from before they were kept so
    values = {name: _shown(value, translated) for name, value in reason.params.items()}
    sentence = SENTENCES.get(reason.code)
    if sentence is None or not parameters_of(sentence) <= values.keys():
        return " ".join([reason.code, *(f"{name}={value}" for name, value in values.items())])
    return translated(sentence) % values


def _shown(value: Any, translated: Callable[[str], str]) -> str:
    if isinstance(value, Mapping):
        quoted = Reason(str(value.get("code", "")), value.get("params") or {})
        return _worded(quoted, translated)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= GROUPED_FROM else str(value)
    return f"{value:g}" if isinstance(value, float) else printable(str(value))
