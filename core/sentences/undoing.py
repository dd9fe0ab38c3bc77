"""Why an import is not undone: a part of the catalogue of core/reasons.py, with its codes."""

from core.sentences.office import SentenceCode, _


class UndoCode(SentenceCode):
    """Called as they are named here, in small letters, after `undo_`."""

    @staticmethod
    def _generate_next_value_(name: str, *_others: object) -> str:
        return f"undo_{name.lower()}"

    ROWS_UNKNOWN = _(
        "It is not known which rows this import created, because it is older than that "
        "record: correct them by hand."
    )
    ABOVE_LIMIT = _(
        "Not undone: amounts above %(who)s's limit of %(limit)s: %(number)s, %(examples)s."
    )
    CUSTOMERS_ORDERED = _(
        "Not undone: customers of this import who have orders: %(number)s, %(examples)s."
    )
    CUSTOMERS_BOOKED = _(
        "Not undone: customers of this import with later entries in the ledger: %(number)s, "
        "%(examples)s."
    )
    CUSTOMERS_LET_IN = _(
        "Not undone: customers of this import who have a portal login, or a link to make one: "
        "%(number)s, %(examples)s."
    )
    CUSTOMERS_TO_CREDIT = _(
        "Not undone: customers of this import with top-ups that await approval: %(number)s, "
        "%(examples)s."
    )
    FIELDS_CHANGED = _(
        "Not undone: customers who were changed again since this import: %(number)s, %(examples)s."
    )
    TOP_UPS_CORRECTED = _(
        "Not undone: top-ups that were corrected since, or are about to be: %(number)s, "
        "%(examples)s."
    )
    TOP_UPS_APPROVED = _(
        "Not undone: top-ups that a second person approved: %(number)s, %(examples)s."
    )
    TOP_UPS_SPENT = _("Not undone: customers who have spent its top-ups: %(number)s, %(examples)s.")
    ORDERS_BEGUN = _("Not undone: orders that have started: %(number)s, %(examples)s.")
    ORDERS_REPEATED = _(
        "Not undone: orders that are repeated; end the repeats first: %(number)s, %(examples)s."
    )
