"""Why something happened or was refused: a code with parameters, put into words where it is read.

Rows keep the code and its parameters, so that programs can ask for them and every reader has the
sentence in their own language. SENTENCES is the one catalogue: of the office's own codes (`Code`)
and of those of sites and addresses (`booster.exceptions.SiteCode`), which know no Django. Law: what
a person wrote, and the sentences that rows kept before there were codes, are shown unchanged; and
so is a code that this release does not know.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from functools import cache
from typing import Any, Protocol, Self

from django.utils.translation import gettext

# Of what a person typed; longer texts are cut.
TEXT_LENGTH = 300
CODE_LENGTH = 64


class Code(StrEnum):
    """The office's own. They are kept in rows: they never change."""

    # An order on its way
    CANCEL_REQUESTED = auto()
    TOKEN_SHOWN_AGAIN = auto()
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
    PLAYS_SENT_AGAIN = auto()
    # Why an order does not take a step
    NO_SUCH_STEP = auto()
    ALREADY_ENDED = auto()
    STOP_ALREADY_REQUESTED = auto()
    AWAITS_APPROVAL = auto()
    AWAITS_NO_APPROVAL = auto()
    APPROVAL_OF_OWN_ORDER = auto()
    REASON_MISSING = auto()
    REASON_TOO_LONG = auto()
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
    FILE_EMPTY = auto()
    FILE_TOO_LARGE = auto()
    FILE_DAMAGED = auto()
    FILE_OF_OLD_EXCEL = auto()
    FILE_IN_UTF16 = auto()
    FILE_OF_EMPTY_LINES = auto()
    FILE_WITHOUT_ROWS = auto()
    TOO_MANY_ROWS = auto()
    TOO_MANY_COLUMNS = auto()
    LINE_WITH_NUL = auto()
    LINE_TOO_LONG = auto()
    LINE_IN_NO_ENCODING = auto()
    LINE_BECAME_WRONG = auto()
    QUOTATION_MARK_NOT_CLOSED = auto()
    QUOTATION_MARK_MISPLACED = auto()
    WORKBOOK_TOO_LARGE = auto()
    WORKBOOK_DAMAGED = auto()
    WORKBOOK_WITH_DOCTYPE = auto()
    WORKBOOK_WITHOUT_SHEET = auto()
    PASSWORDS_IN_FILE = auto()
    COLUMNS_UNKNOWN = auto()
    COLUMNS_REPEATED = auto()
    COLUMNS_MISSING = auto()


def _(sentence: str) -> str:
    """For the catalogue of translations; needs no settings, so that this module is pure."""
    return sentence


SENTENCES: dict[str, str] = {
    Code.CANCEL_REQUESTED: _("cancellation requested"),
    Code.TOKEN_SHOWN_AGAIN: _("The site proved its token again."),
    Code.DEADLINE_REACHED: _("The order's deadline has come."),
    Code.DEADLINE_REACHED_IN_TROUBLE: _("The order's deadline has come. %(reason)s"),
    Code.ATTEMPTS_USED_UP: _("Given up after %(number)s attempts: %(reason)s"),
    Code.OWN_ERROR: _("An internal error; see the log."),
    Code.SEVERAL_ORDERS_FAILED: _("Several orders in a row failed, this one with: %(reason)s"),
    Code.COUNTER_UNREADABLE: _("The counter cannot be read: %(reason)s"),
    Code.COUNTER_FELL: _("The counter fell by %(number)s while %(sent)s plays were received."),
    Code.COUNTER_STOOD_STILL: _("The counter did not move though %(sent)s plays were received."),
    Code.COUNTER_ROSE_TOO_FAR: _("The counter rose by %(number)s, we sent %(sent)s."),
    Code.COUNTER_SHOWS_A_PART: _("The counter shows %(number)s of %(sent)s plays."),
    Code.PLAYS_SENT_AGAIN: _("The counter lacks %(number)s plays; they are resent."),
    Code.NO_SUCH_STEP: _("An order that is %(before)s cannot become %(to)s."),
    Code.ALREADY_ENDED: _("It has already ended: %(status)s."),
    Code.STOP_ALREADY_REQUESTED: _("It was already asked to stop."),
    Code.AWAITS_APPROVAL: _("It is awaiting approval."),
    Code.AWAITS_NO_APPROVAL: _("It is not awaiting approval: %(status)s."),
    Code.APPROVAL_OF_OWN_ORDER: _(
        "An order must be approved or declined by somebody who neither placed it nor is its "
        "customer."
    ),
    Code.REASON_MISSING: _("Enter a reason; the customer reads it."),
    Code.REASON_TOO_LONG: _("The reason is too long: at most %(most)s characters."),
    Code.RIGHT_LOST: _("%(who)s no longer has permission to do this."),
    Code.FAILED_TOO_OFTEN: _("It failed too many times; see the log."),
    Code.CUSTOMER_INACTIVE: _("This customer is switched off."),
    Code.CUSTOMER_ALREADY_ACTIVE: _("Already switched on."),
    Code.CUSTOMER_ALREADY_INACTIVE: _("Already switched off."),
    Code.BALANCE_TOO_LARGE: _("The balance would be larger than %(most)s."),
    Code.FILE_GONE: _("The file no longer exists; upload it again."),
    Code.FILE_CHANGED: _("The file is not the one that was checked."),
    Code.FILE_EMPTY: _("The file is empty."),
    Code.FILE_TOO_LARGE: _("The file is larger than %(most)s MB; split it."),
    Code.FILE_DAMAGED: _("The file is damaged: %(error)s"),
    Code.FILE_OF_OLD_EXCEL: _("An old Excel file (.xls): save it as .xlsx or CSV."),
    Code.FILE_IN_UTF16: _("The file is UTF-16 text: save it as CSV UTF-8."),
    Code.FILE_OF_EMPTY_LINES: _("The file contains only empty lines."),
    Code.FILE_WITHOUT_ROWS: _("The file has a header and no rows."),
    Code.TOO_MANY_ROWS: _("More than %(most)s rows; split the file."),
    Code.TOO_MANY_COLUMNS: _("The file has %(number)s columns; %(most)s at most."),
    Code.LINE_WITH_NUL: _("Line %(line)s contains a NUL byte; this is not a text file."),
    Code.LINE_TOO_LONG: _("Line %(line)s is longer than %(most)s KB; this is not a table."),
    Code.LINE_IN_NO_ENCODING: _(
        "Line %(line)s contains bytes that are neither UTF-8 nor GB18030, or the file "
        "mixes encodings: save it as CSV UTF-8."
    ),
    Code.LINE_BECAME_WRONG: _(
        "Nothing was imported: line %(line)s became invalid after the check: %(reason)s"
    ),
    Code.QUOTATION_MARK_NOT_CLOSED: _("A quotation mark in line %(line)s is not closed."),
    Code.QUOTATION_MARK_MISPLACED: _("Unexpected quotation mark in line %(line)s (%(error)s)."),
    Code.WORKBOOK_TOO_LARGE: _("The workbook unpacks to more than %(most)s MB: save it as CSV."),
    Code.WORKBOOK_DAMAGED: _("The workbook is damaged: %(error)s"),
    Code.WORKBOOK_WITH_DOCTYPE: _("The workbook contains a document type definition."),
    Code.WORKBOOK_WITHOUT_SHEET: _("The workbook has no sheet."),
    Code.PASSWORDS_IN_FILE: _(
        "A file may not hold passwords: remove the column. Customers choose their own by a "
        "portal link; the button is on the customer's page."
    ),
    Code.COLUMNS_UNKNOWN: _("Unknown columns: %(columns)s. Known columns: %(known)s."),
    Code.COLUMNS_REPEATED: _("Duplicate columns: %(columns)s."),
    Code.COLUMNS_MISSING: _("Missing columns: %(columns)s."),
    # Addresses
    "on_another_site": _("This address is on %(host)s and not on %(site)s."),
    "public_platform": _(
        "%(host)s is a public platform. Plays go only to sites their operator owns."
    ),
    "private_address": _(
        "%(host)s leads to the private address %(address)s, which this office does not allow."
    ),
    "address_too_long": _("The address is longer than %(number)s characters."),
    "address_with_spaces": _("The address contains spaces or control characters."),
    "address_with_backslash": _("The address contains a backslash."),
    "address_with_user": _("The address contains a user name or password."),
    "address_without_host": _("The address has no host."),
    "not_http": _("The address must begin with http:// or https:// and a host."),
    "host_with_percent": _("The host contains a percent sign."),
    "host_with_final_dot": _("The host ends with a dot."),
    "host_with_odd_dots": _("The host contains look-alike dots."),
    "host_with_forbidden_characters": _(
        "The host contains characters that are not allowed in a host name."
    ),
    "host_not_a_name": _("The host is not a valid name."),
    "host_not_punycode": _("The host's xn-- part is not a valid name."),
    "odd_ip_notation": _("The host is an IP address in an odd notation."),
    "brackets_do_not_match": _("The brackets of the IPv6 address do not match."),
    "ipv6_not_valid": _("The IPv6 address is not valid."),
    "ipv4_as_ipv6": _("The host is an IPv4 address written as IPv6."),
    "port_not_valid": _("The port must be a number from 1 to 65535."),
    "port_of_another_service": _("Port %(number)s belongs to another service than the web."),
    "name_not_looked_up": _("The name %(host)s could not be looked up: %(error)s."),
    "name_without_address": _("The name %(host)s has no address."),
    # Connections
    "connection_refused": _("%(site)s refused the connection."),
    "connection_timed_out": _("%(site)s accepted no connection within %(seconds)s seconds"),
    "connection_impossible": _("%(site)s cannot be connected to: %(error)s"),
    "connection_failed": _("The connection to %(site)s failed: %(error)s"),
    "certificate_not_valid": _("%(site)s has no valid certificate for this name: %(error)s"),
    "tls_failed": _("%(site)s does not speak TLS with us: %(error)s"),
    # Single calls
    "call_timed_out": _("%(site)s did not finish its answer within %(seconds)s seconds."),
    "call_answered": _("%(site)s answered %(status)s %(phrase)s."),
    "call_redirected": _("%(site)s redirects to '%(location)s'; redirects are not followed."),
    "answer_compressed": _("The site's answer is compressed although we did not ask for it."),
    "answer_too_long": _("The site's answer is longer than %(bytes)s bytes."),
    "answer_not_json": _("The site's answer is not JSON."),
    # Plays
    "play_answered": _("the site answered %(status)s to a play"),
    "play_redirected": _("the site redirects plays (%(status)s) to '%(location)s'"),
    "play_timed_out": _("the site did not answer within %(seconds)s seconds"),
    "play_answer_timed_out": _("the site did not finish its answer within %(seconds)s seconds"),
    "play_answer_too_long": _("the site's answer is longer than %(bytes)s bytes"),
    "play_answered_early": _("the site answered before it had read the play"),
    "play_answer_excessive": _("the site sent more than was asked for"),
    "play_answer_not_http": _("the site's answer is not HTTP/1.1: %(error)s"),
    "play_headers_too_long": _("the site's headers are longer than %(bytes)s bytes"),
    "play_connection_broken": _("the site broke the connection before it had answered"),
    "play_connection_closed": _("the site closed the connection before it had answered"),
    "plays_failed_in_a_row": _("%(reason)s; %(number)s plays in a row failed"),
    "site_asks_to_wait": _("%(reason)s and asks to wait %(seconds)s seconds"),
    "run_stopped": _("the run stopped before the answer came"),
    "order_stopped": _("the order was told to stop"),
    "reservation_expired": _("the time reserved for these plays ran out before they were sent"),
    # Tokens
    "token_file_unreadable": _("The file %(file)s does not show the token: %(reason)s"),
    "token_file_differs": _("The file %(file)s contains something other than the token."),
    "token_record_missing": _("%(reason)s No TXT record %(record)s holds the token."),
    "token_record_unreadable": _("%(reason)s %(error)s"),
    "record_not_looked_up": _("The record %(record)s could not be looked up: %(error)s"),
    # Videos and counters
    "not_a_video": _("%(path)s is not a video address; expected %(expected)s."),
    "not_a_video_id": _("'%(video)s' in this address cannot be a video's id."),
    "no_such_video": _("The site knows no video '%(video)s'."),
    "video_of_another_instance": _(
        "This video belongs to another instance, which the views would be sent on to."
    ),
    "no_view_count": _("The site's answer contains no view count at '%(path)s'."),
    "not_a_view_count": _("The site's view count is not a number: '%(value)s'."),
    "count_pattern_not_found": _("Nothing in the site's answer matches count_pattern."),
    "recipe_too_slow": _(
        "The recipe's %(field)s takes too long on this site's text; make it simpler."
    ),
    "recipe_not_valid": _("The site's recipe cannot be used: %(error)s"),
    # Trials
    "trial_refused": _(
        "The site answered %(status)s to the play, which does not count as received."
    ),
    "trial_counted": _("The counter moved by one."),
    "trial_not_counted_yet": _(
        "The site accepted the play, but its counter has not moved yet. It may take up to "
        "%(seconds)s seconds."
    ),
    "trial_counted_with_others": _(
        "The site accepted one play, but its counter moved by %(moved)s: others watch there, too."
    ),
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
    return {name: reason[:TEXT_LENGTH], f"{name}_code": "", f"{name}_params": None}


@cache
def parameters_of(sentence: str) -> frozenset[str]:
    """The names of a sentence's placeholders."""
    names = _Names()
    return frozenset(names) if sentence % names else frozenset()


def _plain(value: Any) -> Any:
    """As JSON and every database take it: a file's text may hold what PostgreSQL refuses."""
    if isinstance(value, Reason):
        return value.as_json()
    if isinstance(value, str) and not value.isprintable():
        return repr(value)[1:-1]
    return value


class _Names(dict[str, str]):
    """Whatever is asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = ""
        return ""


def _worded(reason: ReasonOrText, translated: Callable[[str], str]) -> str:
    if isinstance(reason, str):
        return reason
    values = {name: _shown(value, translated) for name, value in reason.params.items()}
    sentence = SENTENCES.get(reason.code)
    if sentence is None or not parameters_of(sentence) <= values.keys():
        return " ".join([reason.code, *(f"{name}={value}" for name, value in values.items())])
    return translated(sentence) % values


def _shown(value: Any, translated: Callable[[str], str]) -> str:
    if isinstance(value, Mapping):
        quoted = Reason(str(value.get("code", "")), value.get("params") or {})
        return _worded(quoted, translated)
    return f"{value:g}" if isinstance(value, float) else str(value)
