"""Who may do what: THE table of rights, for desk, portal, feed, bulk actions and groups.

A right takes all Django permissions that its rule names, and may have a condition on its object.
`may(user, right)`: whether this user of the staff has it at all (what a list offers, what a page
refuses). `may(user, right, obj)` also asks the condition (whether a button is shown). The models
decide again when something is done, and say why not.

Customers have no permissions. On the portal they see, order and write about what is their own, and
may cancel an order when staff could.

Pure: asks only has_perm() and attributes of its arguments.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class Person(Protocol):
    """Any user."""

    @property
    def pk(self) -> Any: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def is_staff(self) -> bool: ...
    @property
    def is_superuser(self) -> bool: ...
    def has_perm(self, perm: str, /) -> bool: ...


# --- conditions


def always(user: Person, obj: Any) -> bool:
    return True


def where(name: str) -> "Condition":
    """A condition: the object's attribute of this name."""
    return lambda user, obj: bool(getattr(obj, name))


for_an_active_customer = where("active")


def awaiting_somebody_elses_decision(user: Person, row: Any) -> bool:
    """Nobody decides on their own (core/models/approvals.py)."""
    return bool(row.awaits_decision_of(user))


def made_by_user(user: Person, job: Any) -> bool:
    """A job acts in the name of its creator."""
    return bool(job.creator_id == user.pk)


def creator_or_super_administrator(user: Person, job: Any) -> bool:
    return user.is_superuser or made_by_user(user, job)


# --- the table


Condition = Callable[[Person, Any], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`condition` is on the right's object. `super_administrators`: only they may, whatever their
    groups say. Rules are compared by identity: each belongs to one right."""

    permissions: tuple[str, ...] = ()
    condition: Condition = always
    super_administrators: bool = False


# ruff: noqa: PIE796 - where rules read alike, they are the rules of different rights
class Right(Enum):
    """What somebody may do, with its rule."""

    # Seeing
    SEE_ORDERS = Rule(("core.view_order",))
    SEE_CUSTOMERS = Rule(("core.view_customer",))
    SEE_TOP_UPS = Rule(("core.view_chargerecord",))
    SEE_LEDGER = Rule(("core.view_ledgerentry",))
    SEE_SITES = Rule(("core.view_site",))
    SEE_SITE_CHECKS = Rule(("core.view_sitecheck",))
    # A job's creator sees it without this right.
    SEE_IMPORTS = Rule(("core.view_importjob",))
    SEE_BULK_ACTIONS = Rule(("core.view_bulkjob",))
    SEE_LOGINS = Rule(("core.view_user",))
    # Orders
    PLACE_ORDER = Rule(("core.add_order",), for_an_active_customer)
    ORDER_AGAIN = Rule(("core.add_order",), where("is_final"))
    # Also to end a repeat, and to mark its remarks as seen.
    REPEAT_ORDER = Rule(("core.add_order",))
    CANCEL_ORDER = Rule(("core.change_order",), where("is_cancelable"))
    PAUSE_ORDER = Rule(("core.change_order",), where("is_pausable"))
    RESUME_ORDER = Rule(("core.change_order",), where("is_resumable"))
    RETRY_ORDER = Rule(("core.change_order",), where("is_retryable"))
    # A person who may cancel may end the wait for the counter.
    SETTLE_ORDER = Rule(("core.change_order",), where("is_being_verified"))
    APPROVE_ORDER = Rule(("core.approve_order",), awaiting_somebody_elses_decision)
    DECLINE_ORDER = Rule(("core.approve_order",), awaiting_somebody_elses_decision)
    MARK_REMARK_SEEN = Rule(("core.change_order",), where("remark"))
    # Also to let go on.
    PAUSE_SITE = Rule(("core.change_site",))
    PROBE_SITE = Rule(("core.change_site",))
    CALIBRATE_SITE = Rule(("core.change_site",))
    # Only those who answer for the office may sell plays that perhaps nobody counts.
    WAIVE_CALIBRATION = Rule(
        ("core.change_site",), where("awaits_calibration"), super_administrators=True
    )
    SELL_AUDIT = Rule(("core.add_order", "core.change_site"))
    PAUSE_OFFICE = Rule(("core.pause_office",))
    # Conversations
    READ_MESSAGES = Rule(("core.view_order",))
    # Internal notes of the desk too; customers never write these.
    WRITE_MESSAGES = Rule(("core.view_order", "core.add_message"))
    # Customers and their balances
    TOP_UP_CUSTOMER = Rule(("core.add_chargerecord",), for_an_active_customer)
    # The limits apply too; a person who may take money may correct its sum.
    CORRECT_TOP_UP = Rule(("core.add_chargerecord",))
    APPROVE_TOP_UP = Rule(
        ("core.approve_order", "core.view_chargerecord"), awaiting_somebody_elses_decision
    )
    ADJUST_BALANCES = Rule(("core.add_ledgerentry",), super_administrators=True)
    INVITE_CUSTOMER = Rule(("core.change_customer",), for_an_active_customer)
    SWITCH_CUSTOMERS = Rule(("core.change_customer",))
    KEEP_SITES = Rule(("core.add_site", "core.change_site"))
    # Many at once
    IMPORT_CUSTOMERS = Rule(("core.add_customer",))
    UPDATE_CUSTOMERS_BY_IMPORT = Rule(("core.add_customer", "core.change_customer"))
    IMPORT_TOP_UPS = Rule(("core.add_chargerecord",))
    IMPORT_ORDERS = Rule(("core.add_order",))
    # Beside the right to what the job does. An import is open to those who may see its rows.
    OPEN_IMPORT = Rule(condition=creator_or_super_administrator)
    # Beside the right to book such rows; no group has it unless the office gives it.
    UNDO_IMPORT = Rule(("core.undo_import",))
    START_BULK_ACTION = Rule(condition=made_by_user)
    STOP_BULK_ACTION = Rule(condition=creator_or_super_administrator)
    # Beside the permissions that Django asks for.
    ADD_STAFF = Rule(super_administrators=True)
    # A password set for somebody is a login as them; customers set theirs by a link.
    CHANGE_LOGIN = Rule(super_administrators=True)
    UNLOCK_LOGIN = Rule(super_administrators=True)
    GRANT_RIGHTS = Rule(super_administrators=True)


# The right to book a ledger entry, by the name of its kind: for form, upload and bulk action.
RIGHT_TO_BOOK: Mapping[str, Right] = {
    "CHARGE": Right.TOP_UP_CUSTOMER,
    "ORDER": Right.PLACE_ORDER,
    "REFUND": Right.CANCEL_ORDER,
    "ADJUSTMENT": Right.ADJUST_BALANCES,
    "CORRECTION": Right.CORRECT_TOP_UP,
}


def rights_given_by(permissions: Collection[str]) -> list[Right]:
    """The rights that these permissions give to staff, in the table's order."""
    return [
        right
        for right in Right
        if right.value.permissions and not right.value.super_administrators
        if set(right.value.permissions) <= set(permissions)
    ]


def may(user: Person, right: Right, obj: Any = None) -> bool:
    """Whether this user of the staff may do it at all, or with `obj` as it is now."""
    rule = right.value
    return (
        user.is_active
        and user.is_staff
        and (user.is_superuser or not rule.super_administrators)
        and all(user.has_perm(permission) for permission in rule.permissions)
        and (obj is None or rule.condition(user, obj))
    )


def needs_two_steps(user: Person) -> bool:
    """Who must use two-step login if the office asks for it (REQUIRE_TWO_STEP)."""
    return user.is_superuser


def may_cancel_own(user: Person, order: Any) -> bool:
    """Whether the order is the user's own and can be canceled now."""
    return is_customer_of(user, order) and bool(order.is_cancelable)


def is_customer_of(user: Person, order: Any) -> bool:
    return bool(order.customer.user_id == user.pk)


def may_use_portal(user: Person) -> bool:
    """Staff logins are not for the portal, and the customer must be active too."""
    return user.is_active and not user.is_staff


# --- groups

SEEN = frozenset(
    f"core.view_{model}"
    for model in (
        *("customer", "chargerecord", "pricepolicy", "ledgerentry", "approvallimit"),
        *("order", "orderevent", "counterreading", "site", "sitecheck", "importjob", "bulkjob"),
    )
)
# A migration gives these to the groups: a new permission here needs a new migration. Super
# administrators (`is_superuser`) may do everything; only they set prices and limits, adjust
# balances, and manage staff and groups.
GROUPS: Mapping[str, frozenset[str]] = {
    # They serve customers: take orders and money, answer messages, keep data and sites, and decide
    # on each other's orders; one by one, by upload, or many at once.
    "Administrators": SEEN
    | {
        *("core.add_customer", "core.change_customer", "core.add_chargerecord"),
        *("core.add_order", "core.change_order", "core.approve_order", "core.add_message"),
        *("core.add_site", "core.change_site", "core.pause_office"),
    },
    # The same work divided: nobody takes money, places its orders and approves them.
    "Clerks": SEEN
    | {
        *("core.add_customer", "core.change_customer"),
        *("core.add_order", "core.change_order", "core.add_message"),
    },
    "Bookkeepers": SEEN | {"core.add_chargerecord"},
    "Approvers": SEEN | {"core.approve_order", "core.add_message"},
    # They see everything, logins and staff too, and change nothing.
    "Auditors": SEEN | {"core.view_user", "core.view_administrator"},
}

# All permissions that anything asks for; Django has one for every action on every table.
GRANTABLE = SEEN.union(
    *(right.value.permissions for right in Right if not right.value.super_administrators),
    *GROUPS.values(),
    ("core.add_pricepolicy", "core.change_pricepolicy"),
    ("core.add_approvallimit", "core.change_approvallimit"),
    ("core.view_logincount", "auth.view_group"),
)
