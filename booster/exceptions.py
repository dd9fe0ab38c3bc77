"""What may be wrong with a site or its answer; booster/retry.py decides what follows.

An error is a code with plain parameters and no sentence: rows keep it as it is, and core/reasons.py
puts it into words.
"""

import errno
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

# What a host says that has no room for another connection.
_OWN_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class SiteCode(StrEnum):
    """Each with the names of its parameters. Codes are kept in rows: they never change."""

    parameters: frozenset[str]

    def __new__(cls, code: str, *parameters: str) -> "SiteCode":
        member = str.__new__(cls, code)
        member._value_ = code
        member.parameters = frozenset(parameters)
        return member

    # Addresses
    ON_ANOTHER_SITE = "on_another_site", "host", "site"
    PUBLIC_PLATFORM = "public_platform", "host"
    PRIVATE_ADDRESS = "private_address", "host", "address"
    OWN_ADDRESS = "own_address", "host", "address"
    ADDRESS_TOO_LONG = "address_too_long", "number"
    ADDRESS_WITH_SPACES = "address_with_spaces"
    ADDRESS_WITH_BACKSLASH = "address_with_backslash"
    ADDRESS_WITH_USER = "address_with_user"
    ADDRESS_WITHOUT_HOST = "address_without_host"
    NOT_HTTP = "not_http"
    HOST_WITH_PERCENT = "host_with_percent"
    HOST_WITH_FINAL_DOT = "host_with_final_dot"
    HOST_WITH_ODD_DOTS = "host_with_odd_dots"
    HOST_WITH_FORBIDDEN_CHARACTERS = "host_with_forbidden_characters"
    HOST_NOT_A_NAME = "host_not_a_name"
    HOST_NOT_PUNYCODE = "host_not_punycode"
    ODD_IP_NOTATION = "odd_ip_notation"
    BRACKETS_DO_NOT_MATCH = "brackets_do_not_match"
    IPV6_NOT_VALID = "ipv6_not_valid"
    IPV4_AS_IPV6 = "ipv4_as_ipv6"
    PORT_NOT_VALID = "port_not_valid"
    PORT_OF_ANOTHER_SERVICE = "port_of_another_service", "number"
    NAME_NOT_LOOKED_UP = "name_not_looked_up", "host", "error"
    NAME_WITHOUT_ADDRESS = "name_without_address", "host"

    # Connections
    CONNECTION_REFUSED = "connection_refused", "site"
    CONNECTION_TIMED_OUT = "connection_timed_out", "site", "seconds"
    CONNECTION_IMPOSSIBLE = "connection_impossible", "site", "error"
    CONNECTION_FAILED = "connection_failed", "site", "error"
    OWN_LIMIT = "own_limit", "error"
    CERTIFICATE_NOT_VALID = "certificate_not_valid", "site", "error"
    TLS_FAILED = "tls_failed", "site", "error"
    AUTHORITY_UNREADABLE = "authority_unreadable", "error"
    AUTHORITY_WITH_KEY = "authority_with_key"
    AUTHORITY_IS_NONE = "authority_is_none"
    AUTHORITY_EXPIRED = "authority_expired", "date"
    AUTHORITIES_TOO_MANY = "authorities_too_many", "most"
    AUTHORITY_NEEDS_HTTPS = "authority_needs_https"

    # Single calls
    CALL_TIMED_OUT = "call_timed_out", "site", "seconds"
    CALL_ANSWERED = "call_answered", "site", "status", "phrase"
    CALL_REDIRECTED = "call_redirected", "site", "location"
    ANSWER_COMPRESSED = "answer_compressed"
    ANSWER_TOO_LONG = "answer_too_long", "bytes"
    ANSWER_NOT_JSON = "answer_not_json"

    # Plays
    PLAY_ANSWERED = "play_answered", "status"
    PLAY_REDIRECTED = "play_redirected", "status", "location"
    PLAY_TIMED_OUT = "play_timed_out", "seconds"
    PLAY_ANSWER_TIMED_OUT = "play_answer_timed_out", "seconds"
    PLAY_ANSWER_TOO_LONG = "play_answer_too_long", "bytes"
    PLAY_ANSWERED_EARLY = "play_answered_early"
    PLAY_ANSWER_EXCESSIVE = "play_answer_excessive"
    PLAY_ANSWER_NOT_HTTP = "play_answer_not_http", "error"
    PLAY_HEADERS_TOO_LONG = "play_headers_too_long", "bytes"
    PLAY_CONNECTION_BROKEN = "play_connection_broken"
    PLAY_CONNECTION_CLOSED = "play_connection_closed"
    PLAYS_FAILED_IN_A_ROW = "plays_failed_in_a_row", "reason", "number"
    SITE_ASKS_TO_WAIT = "site_asks_to_wait", "reason", "seconds"
    RUN_STOPPED = "run_stopped"
    ORDER_STOPPED = "order_stopped"
    RESERVATION_EXPIRED = "reservation_expired"

    # Tokens
    TOKEN_FILE_UNREADABLE = "token_file_unreadable", "file", "reason"
    TOKEN_FILE_DIFFERS = "token_file_differs", "file"
    TOKEN_RECORD_MISSING = "token_record_missing", "reason", "record"
    TOKEN_RECORD_UNREADABLE = "token_record_unreadable", "reason", "error"
    SHOWN_BY_RECORD = "shown_by_record"
    TOKEN_RECORD_NEEDS_HTTPS = "token_record_needs_https", "reason"
    TOKEN_RECORD_NEEDS_CERTIFICATE = "token_record_needs_certificate", "reason"
    RECORD_NOT_LOOKED_UP = "record_not_looked_up", "record", "error"

    # Videos and counters
    NOT_A_VIDEO = "not_a_video", "path", "expected"
    NOT_A_VIDEO_ID = "not_a_video_id", "video"
    NO_SUCH_VIDEO = "no_such_video", "video"
    VIDEO_OF_ANOTHER_INSTANCE = "video_of_another_instance"
    NO_VIEW_COUNT = "no_view_count", "path"
    NO_ORDER_COUNT = "no_order_count", "order"
    NOT_A_VIEW_COUNT = "not_a_view_count", "value"
    VIEW_COUNT_ROUNDED = "view_count_rounded", "value"
    VIEW_COUNT_CUT = "view_count_cut", "value"
    COUNT_PATTERN_NOT_FOUND = "count_pattern_not_found"
    COUNT_MARKER_NOT_FOUND = "count_marker_not_found"
    VALUE_NOT_FOUND = "value_not_found", "name"
    VALUE_NOT_SENDABLE = "value_not_sendable", "name"
    SECRET_MISSING = "secret_missing", "name"
    KIND_UNKNOWN = "kind_unknown", "kind"
    RECIPE_TOO_SLOW = "recipe_too_slow", "field"
    RECIPE_NOT_VALID = "recipe_not_valid", "error"
    RECIPE_FILE_TOO_LARGE = "recipe_file_too_large", "bytes"
    RECIPE_FILE_NOT_JSON = "recipe_file_not_json", "error"
    RECIPE_FILE_WITHOUT_RECIPE = "recipe_file_without_recipe"

    # A site's week
    WEEK_LINE_TOO_LONG = "week_line_too_long", "most"
    QUIET_LINE_UNREADABLE = "quiet_line_unreadable", "line"
    QUIET_DAY_UNKNOWN = "quiet_day_unknown", "line", "day"
    QUIET_TIME_UNREADABLE = "quiet_time_unreadable", "line", "time"
    QUIET_ALWAYS = "quiet_always"
    PROFILE_OF_ODD_SHAPE = "profile_of_odd_shape", "number"
    PROFILE_DAY_UNKNOWN = "profile_day_unknown", "line", "value"
    PROFILE_HOUR_UNKNOWN = "profile_hour_unknown", "line", "value"
    PROFILE_NUMBER_UNREADABLE = "profile_number_unreadable", "line", "value"
    PROFILE_EMPTY = "profile_empty"

    # What came of a trial
    TRIAL_READ = "trial_read", "number"
    TRIAL_REFUSED = "trial_refused", "status"
    TRIAL_COUNTED = "trial_counted"
    TRIAL_NOT_COUNTED_YET = "trial_not_counted_yet", "seconds"
    TRIAL_COUNTED_WITH_OTHERS = "trial_counted_with_others", "moved"


class SiteError(Exception):
    """`status`: the HTTP status, if one came; a parameter as well where the code has one of that
    name.

    A parameter is text, a number, or another SiteError, which `params` holds as {"code": …,
    "params": …}. Raises TypeError where they are not the code's own.
    """

    def __init__(self, code: SiteCode, /, *, status: int | None = None, **params: Any) -> None:
        super().__init__(code)
        if status is not None and "status" in code.parameters:
            params["status"] = status
        if params.keys() != code.parameters:
            raise TypeError(f"{code} takes {sorted(code.parameters)}, not {sorted(params)}")
        self.code = code
        self.params = {name: plain(value) for name, value in params.items()}
        self.status = status

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.params.items())])

    @property
    def is_own_limit(self) -> bool:
        """Whether it says nothing of the site, but this host had no room for a connection."""
        return self.code == SiteCode.OWN_LIMIT

    @classmethod
    def of(cls, other: "SiteError") -> Self:
        """The same, of this class: it means something else for what comes next."""
        return cls(other.code, **other.params)


class TemporaryError(SiteError):
    """Trying again later may help. `retry_after`: the seconds the site asked for, or None."""

    def __init__(
        self, code: SiteCode, /, *, retry_after: float | None = None, **params: Any
    ) -> None:
        super().__init__(code, **params)
        self.retry_after = retry_after


class PermanentError(SiteError):
    """Trying again cannot help until somebody changes something."""


class AddressRefusedError(PermanentError):
    """An address we never send to (law 4): off the host, private, redirect, public platform."""


class OwnershipError(PermanentError):
    """The site does not, or no longer, show the token that says it is its operator's."""


def is_own_limit(error: BaseException) -> bool:
    """Whether this host had no room for a connection."""
    return isinstance(error, OSError) and error.errno in _OWN_LIMITS


def plain(value: Any) -> Any:
    """As JSON and databases take it: PostgreSQL refuses a site's NUL or half a character."""
    if isinstance(value, SiteError):
        return {"code": str(value.code), "params": value.params}
    if isinstance(value, str):
        return value if value.isprintable() else repr(value)[1:-1]
    if isinstance(value, Mapping | int | float):
        return value
    raise TypeError(f"not a parameter: {value!r}")
