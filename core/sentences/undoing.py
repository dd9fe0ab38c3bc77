"""Why an import is not undone: a part of the catalogue of core/reasons.py, with its codes."""

from enum import StrEnum

from core.sentences import _


class UndoCode(StrEnum):
    """Kept in rows: they never change."""

    IMPORT_UNDONE = "import_undone"
    TOP_UP_UNDONE = "top_up_undone"
    ROWS_UNKNOWN = "undo_rows_unknown"
    ABOVE_LIMIT = "undo_above_limit"
    CUSTOMERS_ORDERED = "undo_customers_ordered"
    CUSTOMERS_BOOKED = "undo_customers_booked"
    CUSTOMERS_LET_IN = "undo_customers_let_in"
    CUSTOMERS_TO_CREDIT = "undo_customers_to_credit"
    FIELDS_CHANGED = "undo_fields_changed"
    TOP_UPS_CORRECTED = "undo_top_ups_corrected"
    TOP_UPS_APPROVED = "undo_top_ups_approved"
    TOP_UPS_SPENT = "undo_top_ups_spent"
    ORDERS_BEGUN = "undo_orders_begun"
    ORDERS_REPEATED = "undo_orders_repeated"


UNDO_SENTENCES: dict[str, str] = {
    UndoCode.IMPORT_UNDONE: _("Import %(number)s was undone."),
    UndoCode.TOP_UP_UNDONE: _(
        "This top-up was taken back with its import; if it was paid after all, top the customer up."
    ),
    UndoCode.ROWS_UNKNOWN: _(
        "It is not known which rows this import made, as with all from before that was kept: "
        "correct them by hand."
    ),
    UndoCode.ABOVE_LIMIT: _(
        "Not undone: amounts above %(who)s's limit of %(limit)s: %(number)s, %(examples)s."
    ),
    UndoCode.CUSTOMERS_ORDERED: _(
        "Not undone: customers of this import who have orders: %(number)s, %(examples)s."
    ),
    UndoCode.CUSTOMERS_BOOKED: _(
        "Not undone: customers of this import with later entries in the ledger: %(number)s, "
        "%(examples)s."
    ),
    UndoCode.CUSTOMERS_LET_IN: _(
        "Not undone: customers of this import who have a portal login, or a link to make one: "
        "%(number)s, %(examples)s."
    ),
    UndoCode.CUSTOMERS_TO_CREDIT: _(
        "Not undone: customers of this import with top-ups that await approval: %(number)s, "
        "%(examples)s."
    ),
    UndoCode.FIELDS_CHANGED: _(
        "Not undone: customers who were changed again since this import: %(number)s, %(examples)s."
    ),
    UndoCode.TOP_UPS_CORRECTED: _(
        "Not undone: top-ups that were corrected since, or are about to be: %(number)s, "
        "%(examples)s."
    ),
    UndoCode.TOP_UPS_APPROVED: _(
        "Not undone: top-ups that a second person approved: %(number)s, %(examples)s."
    ),
    UndoCode.TOP_UPS_SPENT: _(
        "Not undone: customers who have spent what it credited: %(number)s, %(examples)s."
    ),
    UndoCode.ORDERS_BEGUN: _("Not undone: orders that have begun: %(number)s, %(examples)s."),
    UndoCode.ORDERS_REPEATED: _(
        "Not undone: orders that are repeated; end the repeats first: %(number)s, %(examples)s."
    ),
}
