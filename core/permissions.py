"""Who may do what: THE table of rights, for desk, portal, feed, bulk actions and groups.

A right takes Django permissions, all that its rule names, and may have a condition on what it is
used on. `may(user, right)` says whether this user of the staff has it at all: what a list offers,
what a page refuses. `may(user, right, obj)` asks the condition as well: whether a button is shown.
The models decide again when something is done, and say why not.

Customers have no permissions. On the portal they see, order and write about what is their own, and
may cancel an order where the staff could.

Pure: nothing is asked but has_perm() and attributes of what is handed in.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class Person(Protocol):
    """A user, whoever it may be."""

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
    """What the object says of itself, by the attribute of this name."""
    return lambda user, obj: bool(getattr(obj, name))


for_an_active_customer = where("active")


def awaiting_somebody_elses_decision(user: Person, row: Any) -> bool:
    """Four eyes: nobody decides on their own (core/models/approvals.py)."""
    return bool(row.awaits_decision_of(user))


def made_by_user(user: Person, job: Any) -> bool:
    """What a job does is done in the name of who made it."""
    return bool(job.creator_id == user.pk)


def creator_or_super_administrator(user: Person, job: Any) -> bool:
    return user.is_superuser or made_by_user(user, job)


# --- the table


Condition = Callable[[Person, Any], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """`condition`: of the object that the right is used on. `super_administrators`: nobody else
    may, whatever their groups say. No two are equal: each is the rule of one right."""

    permissions: tuple[str, ...] = ()
    condition: Condition = always
    super_administrators: bool = False


# ruff: noqa: PIE796 - where rules read alike, they are the rules of different rights
class Right(Enum):
    """What somebody may do, and its rule. Those of one object have a condition on it."""

    # What is seen.
    SEE_ORDERS = Rule(("core.view_order",))
    SEE_CUSTOMERS = Rule(("core.view_customer",))
    SEE_TOP_UPS = Rule(("core.view_chargerecord",))
    SEE_LEDGER = Rule(("core.view_ledgerentry",))
    SEE_SITES = Rule(("core.view_site",))
    SEE_SITE_CHECKS = Rule(("core.view_sitecheck",))
    # Who made a job sees that one without the right.
    SEE_IMPORTS = Rule(("core.view_importjob",))
    SEE_BULK_ACTIONS = Rule(("core.view_bulkjob",))
    SEE_LOGINS = Rule(("core.view_user",))
    # What is done with orders.
    PLACE_ORDER = Rule(("core.add_order",), for_an_active_customer)
    ORDER_AGAIN = Rule(("core.add_order",), where("is_final"))
    # Who may begin a repeat may end it, and mark as seen what came of it.
    REPEAT_ORDER = Rule(("core.add_order",))
    CANCEL_ORDER = Rule(("core.change_order",), where("is_cancelable"))
    PAUSE_ORDER = Rule(("core.change_order",), where("is_pausable"))
    RESUME_ORDER = Rule(("core.change_order",), where("is_resumable"))
    RETRY_ORDER = Rule(("core.change_order",), where("is_retryable"))
    # Whoever may cancel may say that it has waited for its counter for long enough.
    SETTLE_ORDER = Rule(("core.change_order",), where("is_being_verified"))
    APPROVE_ORDER = Rule(("core.approve_order",), awaiting_somebody_elses_decision)
    DECLINE_ORDER = Rule(("core.approve_order",), awaiting_somebody_elses_decision)
    MARK_REMARK_SEEN = Rule(("core.change_order",), where("remark"))
    # Who may hold back lets go on as well.
    PAUSE_SITE = Rule(("core.change_site",))
    PROBE_SITE = Rule(("core.change_site",))
    CALIBRATE_SITE = Rule(("core.change_site",))
    # To sell plays that nobody knows to be counted is for who answers for the office.
    WAIVE_CALIBRATION = Rule(
        ("core.change_site",), where("awaits_calibration"), super_administrators=True
    )
    SELL_AUDIT = Rule(("core.add_order", "core.change_site"))
    PAUSE_OFFICE = Rule(("core.pause_office",))
    # Conversations.
    READ_MESSAGES = Rule(("core.view_order",))
    # The desk writes internal notes by the same right, a customer never.
    WRITE_MESSAGES = Rule(("core.view_order", "core.add_message"))
    # Customers and their balances.
    TOP_UP_CUSTOMER = Rule(("core.add_chargerecord",), for_an_active_customer)
    # Beside the limits; who may take money in may say that it was another sum.
    CORRECT_TOP_UP = Rule(("core.add_chargerecord",))
    APPROVE_TOP_UP = Rule(
        ("core.approve_order", "core.view_chargerecord"), awaiting_somebody_elses_decision
    )
    ADJUST_BALANCES = Rule(("core.add_ledgerentry",), super_administrators=True)
    INVITE_CUSTOMER = Rule(("core.change_customer",), for_an_active_customer)
    SWITCH_CUSTOMERS = Rule(("core.change_customer",))
    KEEP_SITES = Rule(("core.add_site", "core.change_site"))
    # Many at once.
    IMPORT_CUSTOMERS = Rule(("core.add_customer",))
    UPDATE_CUSTOMERS_BY_IMPORT = Rule(("core.add_customer", "core.change_customer"))
    IMPORT_TOP_UPS = Rule(("core.add_chargerecord",))
    IMPORT_ORDERS = Rule(("core.add_order",))
    # These beside the right to what the job does. An import is open to who may see its rows.
    OPEN_IMPORT = Rule(condition=creator_or_super_administrator)
    # Beside the right to book what that writes; no group has it unless the office gives it.
    UNDO_IMPORT = Rule(("core.undo_import",))
    START_BULK_ACTION = Rule(condition=made_by_user)
    STOP_BULK_ACTION = Rule(condition=creator_or_super_administrator)
    # These beside the permissions that Django asks for.
    ADD_STAFF = Rule(super_administrators=True)
    # A password set for somebody is a login as that somebody; customers set theirs by a link.
    CHANGE_LOGIN = Rule(super_administrators=True)
    UNLOCK_LOGIN = Rule(super_administrators=True)
    GRANT_RIGHTS = Rule(super_administrators=True)


# What booking a ledger entry takes, by the name of its kind, whichever way it is booked: form,
# upload or bulk action.
RIGHT_TO_BOOK: Mapping[str, Right] = {
    "CHARGE": Right.TOP_UP_CUSTOMER,
    "ORDER": Right.PLACE_ORDER,
    "REFUND": Right.CANCEL_ORDER,
    "ADJUSTMENT": Right.ADJUST_BALANCES,
    "CORRECTION": Right.CORRECT_TOP_UP,
}


def rights_given_by(permissions: Collection[str]) -> list[Right]:
    """What these Django permissions let somebody of the staff do, in the order of the table."""
    return [
        right
        for right in Right
        if right.value.permissions and not right.value.super_administrators
        if set(right.value.permissions) <= set(permissions)
    ]


def may(user: Person, right: Right, obj: Any = None) -> bool:
    """Whether this user of the staff may do it: at all, or with `obj` as it is now."""
    rule = right.value
    return (
        user.is_active
        and user.is_staff
        and (user.is_superuser or not rule.super_administrators)
        and all(user.has_perm(permission) for permission in rule.permissions)
        and (obj is None or rule.condition(user, obj))
    )


def needs_two_steps(user: Person) -> bool:
    """Who has to log in by two steps before anything else, where the office asks for it
    (REQUIRE_TWO_STEP)."""
    return user.is_superuser


def may_cancel_own(user: Person, order: Any) -> bool:
    """Whether this user is the order's customer, and it can be canceled as it is now."""
    return is_customer_of(user, order) and bool(order.is_cancelable)


def is_customer_of(user: Person, order: Any) -> bool:
    return bool(order.customer.user_id == user.pk)


def may_use_portal(user: Person) -> bool:
    """Logins of the staff are not for the customers' pages; the customer has to be active, too."""
    return user.is_active and not user.is_staff


# --- groups

SEEN = frozenset(
    f"core.view_{model}"
    for model in (
        *("customer", "chargerecord", "pricepolicy", "ledgerentry", "approvallimit"),
        *("order", "orderevent", "counterreading", "site", "sitecheck", "importjob", "bulkjob"),
    )
)
# What each group gets. A migration gives it: a new permission here needs a new one. Beside them are
# the super administrators, users with `is_superuser`, who may do everything, and who alone set
# prices and limits, adjust balances and manage the staff and its groups.
GROUPS: Mapping[str, frozenset[str]] = {
    # They serve customers: take their orders and money, answer them, keep their data and the sites,
    # and decide on each other's orders. One by one, by upload, or many at once.
    "Administrators": SEEN
    | {
        *("core.add_customer", "core.change_customer", "core.add_chargerecord"),
        *("core.add_order", "core.change_order", "core.approve_order", "core.add_message"),
        *("core.add_site", "core.change_site", "core.pause_office"),
    },
    # The same work divided, for an office where nobody takes money, orders for it and approves.
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

# What a group may be given: all that is asked for, here or by a list of its own accord. Django has
# permissions for all that could be done with any table.
GRANTABLE = SEEN.union(
    *(right.value.permissions for right in Right if not right.value.super_administrators),
    *GROUPS.values(),
    ("core.add_pricepolicy", "core.change_pricepolicy"),
    ("core.add_approvallimit", "core.change_approvallimit"),
    ("core.view_logincount", "auth.view_group"),
)
