"""What is said of orders on their way, of their proof and of their ends: a part of the catalogue of
core/reasons.py, whose codes these are.
"""

from core.sentences import _

ORDER_SENTENCES: dict[str, str] = {
    "cancel_requested": _("cancellation requested"),
    "pause_requested": _("pause requested"),
    "pause_requested_because": _("pause requested: %(why)s"),
    "pause_withdrawn": _("The pause was withdrawn."),
    "plan_shifted": _("Its plan goes on where it stopped and ends later."),
    "plan_catches_up": _("Its plan catches up."),
    "token_shown_again": _("The site proved its token again."),
    "deadline_reached": _("The order's deadline has come."),
    "deadline_reached_in_trouble": _("The order's deadline has come. %(reason)s"),
    "attempts_used_up": _("Given up after %(number)s attempts: %(reason)s"),
    "own_error": _("An internal error; see the log."),
    "several_orders_failed": _("Several orders in a row failed, this one with: %(reason)s"),
    "counter_unreadable": _("The counter cannot be read: %(reason)s"),
    "counter_fell": _("The counter fell by %(number)s while %(sent)s plays were received."),
    "counter_stood_still": _("The counter did not move though %(sent)s plays were received."),
    "counter_rose_too_far": _("The counter rose by %(number)s, we sent %(sent)s."),
    "counter_shows_a_part": _("The counter shows %(number)s of %(sent)s plays."),
    "plays_sent_again": _("The counter lacks %(number)s plays; they are resent."),
    "counter_proves_a_part": _(
        "The counter proves %(number)s of %(sent)s plays; what else it rose by may be other "
        "people's views."
    ),
    "proved_by_order_number": _("The site itself counted %(number)s plays of this order: exact."),
    "proved_without_others": _(
        "The counter rose by %(rise)s; it stood still while no play was on its way: nobody else's "
        "views were seen."
    ),
    "proved_beside_others": _(
        "The counter rose by %(rise)s while plays were sent. Of these about %(others)s are other "
        "people's views, at most %(most)s (confidence %(confidence)s %%): at least %(number)s are "
        "ours."
    ),
    "settled_by_hand": _("Settled by hand, by the counter as it stood then: %(views)s."),
    "settled_by_last_reading": _(
        "Settled by hand, by the last reading that succeeded: %(views)s. %(why)s"
    ),
    "short_not_counted": _(
        "The site received %(sent)s plays and counted %(number)s. It may count an address once, or "
        "lose plays that come together: calibrate it, give it one connection, or install the "
        "site's package."
    ),
    "short_beside_others": _(
        "Of %(sent)s plays %(number)s are proved beside about %(others)s views of other people. "
        "With the site's package each play is proved; so are more of them in a quiet hour, or "
        "sent faster."
    ),
    "short_not_sent": _(
        "%(sent)s of %(count)s plays were received by the site. Why no more: %(reason)s Mend that "
        "and order the rest again."
    ),
    "not_being_verified": _("It is not being verified: %(status)s."),
    "never_read": _("Its counter was never read; there is nothing to settle it by."),
    "not_read_now": _(
        "The counter cannot be read now: %(reason)s Enter a reason to settle by the last reading."
    ),
}
