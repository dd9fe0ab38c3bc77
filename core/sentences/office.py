"""The office's own codes, each with its sentence: a part of the catalogue of core/reasons.py.
Beside it stand those of sites and addresses, and of undoing.
"""

from enum import StrEnum, auto
from typing import Any, Self


def _(sentence: str) -> tuple[Any, str]:
    """A code that is called as it is named here, in small letters, and what it says."""
    return auto(), sentence


class SentenceCode(StrEnum):
    """A code with what it says. Codes are kept in rows: they never change."""

    sentence: str

    def __new__(cls, code: str, sentence: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member


class Code(SentenceCode):
    """The office's own, but for why an import is not undone."""

    # An order on its way
    CANCEL_REQUESTED = _("Cancellation requested.")
    TOKEN_SHOWN_AGAIN = _("The site shows its token again.")
    PAUSE_REQUESTED = _("Pause requested.")
    PAUSE_REQUESTED_BECAUSE = _("Pause requested: %(why)s")
    PAUSE_WITHDRAWN = _("The pause was withdrawn.")
    PLAN_SHIFTED = _("Its plan continues where it stopped and ends later.")
    PLAN_CATCHES_UP = _("Its plan catches up.")
    DEADLINE_REACHED = _("The deadline has passed.")
    DEADLINE_REACHED_IN_TROUBLE = _("The deadline has passed. %(reason)s")
    ATTEMPTS_USED_UP = _("Given up after %(number)s attempts: %(reason)s")
    OWN_ERROR = _("An internal error; see the log.")
    SEVERAL_ORDERS_FAILED = _("Several orders in a row failed, this one with: %(reason)s")
    # What its counter says
    COUNTER_UNREADABLE = _("The counter cannot be read: %(reason)s")
    COUNTER_FELL = _("The counter fell by %(number)s while %(sent)s plays were received.")
    COUNTER_STOOD_STILL = _("The counter did not move though %(sent)s plays were received.")
    COUNTER_ROSE_TOO_FAR = _("The counter rose by %(number)s, but we sent %(sent)s.")
    COUNTER_SHOWS_A_PART = _("The counter shows %(number)s of %(sent)s plays.")
    COUNTER_PROVES_A_PART = _(
        "The counter confirms %(number)s of %(sent)s plays; the rest of the increase "
        "may be other viewers."
    )
    PLAYS_SENT_AGAIN = _("The counter lacks %(number)s plays; they are resent.")
    # By what an end was proved
    PROVED_BY_ORDER_NUMBER = _("The site itself reports exactly %(number)s plays for this order.")
    PROVED_WITHOUT_OTHERS = _(
        "The counter rose by %(rise)s and stood still while no play was on its way: no "
        "other viewers were seen."
    )
    PROVED_BESIDE_OTHERS = _(
        "The counter rose by %(rise)s while plays were sent. About %(others)s of these "
        "views, at most %(most)s, came from other viewers (confidence %(confidence)s "
        "%%): at least %(number)s are ours."
    )
    SETTLED_BY_HAND = _("Settled by hand, by the counter as it stood then: %(views)s.")
    SETTLED_BY_LAST_READING = _(
        "Settled by hand, by the last reading that succeeded: %(views)s. %(why)s"
    )
    # What to change where an order ended short
    SHORT_NOT_COUNTED = _(
        "The site received %(sent)s plays and counted %(number)s. It may count an "
        "address only once, or lose plays that arrive together: calibrate it, give it "
        "one connection, or install the site's package."
    )
    SHORT_BESIDE_OTHERS = _(
        "%(number)s of %(sent)s plays confirmed; about %(others)s views came from "
        "other viewers. The site's package confirms every play; sending in a quiet "
        "hour or faster confirms more of them."
    )
    SHORT_NOT_SENT = _(
        "The site received %(sent)s of %(count)s plays. Reason: %(reason)s Fix the "
        "cause, then order the rest again."
    )
    # Why an order is not settled by hand
    NOT_BEING_VERIFIED = _("It is not being verified: %(status)s.")
    NEVER_READ = _("Its counter was never read; there is nothing to settle it by.")
    NOT_READ_NOW = _(
        "The counter cannot be read now: %(reason)s Enter a reason to settle by the last reading."
    )
    # Why an order does not take a step
    NO_SUCH_STEP = _("An order that is %(before)s cannot become %(to)s.")
    ALREADY_ENDED = _("It has already ended: %(status)s.")
    STOP_ALREADY_REQUESTED = _("It was already asked to stop.")
    PAUSE_ALREADY_REQUESTED = _("It was already asked to pause.")
    ALREADY_PAUSED = _("It is already paused.")
    NOT_PAUSED = _("Nobody paused it.")
    PAUSED_BY_PEOPLE = _("Somebody paused it; resume it instead.")
    STARTS_LATER = _("It waits for its planned start.")
    PAUSE_REASON_MISSING = _("Enter a reason; your colleagues will see it.")
    PAUSE_ENDED = _("This pause has already ended.")
    AWAITS_APPROVAL = _("It is awaiting approval.")
    AWAITS_NO_APPROVAL = _("It is not awaiting approval: %(status)s.")
    APPROVAL_OF_OWN_ORDER = _(
        "An order must be approved or declined by somebody who neither placed it nor is its "
        "customer."
    )
    APPROVAL_OF_OWN_CUSTOMER = _(
        "Within %(days)s days you created this customer, topped them up or opened "
        "their login: somebody else must approve or decline their orders on the portal."
    )
    APPROVAL_OF_OWN_TOP_UP = _(
        "A top-up must be approved or declined by somebody who neither entered it nor is its "
        "customer."
    )
    APPROVAL_OF_OWN_CORRECTION = _(
        "A correction must be approved or declined by somebody who neither entered it nor is its "
        "customer."
    )
    APPROVAL_OF_OWN_CUSTOMERS_MONEY = _(
        "Within %(days)s days you created this customer, topped them up or opened "
        "their login: somebody else must approve or decline their credits above a "
        "limit."
    )
    TOP_UP_DECIDED = _("It was already approved or declined.")
    TOP_UP_BOOKED = _("A payment with this number was booked before; decline this one.")
    CORRECTION_WAITS = _("A correction of this top-up already awaits approval.")
    CORRECTION_REASON_MISSING = _("Enter a reason; it stays in the ledger.")
    CORRECTS_NOTHING = _("It already amounts to %(amount)s; there is nothing to correct.")
    REASON_MISSING = _("Enter a reason; the customer will see it.")
    REASON_TOO_LONG = _("The reason is too long: at most %(most)s characters.")
    # Why an order is not placed
    TOO_FEW_PLAYS = _("At least one play.")
    TOO_MANY_PLAYS = _("At most %(most)s plays.")
    QUANTITY_TOO_SMALL = _("The smallest order is %(minimum)s plays.")
    NOTHING_ON_SALE = _("No price policy is active; nothing can be sold.")
    PLAY_TOO_DEAR = _("A play has to cost less than %(most)s.")
    BALANCE_SHORT = _("The balance is short by %(missing)s.")
    VIDEO_BUSY = _("This video is in use by another open order or calibration.")
    NOT_OUR_SITE = _("%(origin)s is not one of our sites.")
    SITE_NOT_VERIFIED = _("The site is not verified.")
    SITE_NOT_PROVED = _("The site is not verified: %(reason)s")
    SITE_NOT_REACHED = _("The site cannot be reached now: %(reason)s")
    SITE_UNREACHABLE = _("The site cannot be reached now.")
    SITE_TAKES_NO_MORE = _(
        "The site accepts no more requests at the moment (it answered %(status)s "
        "several times). Please try again in half a minute."
    )
    SITE_NOT_CALIBRATED = _(
        "It is not known yet how this site counts; calibrate it before the first order."
    )
    START_TOO_FAR = _("At most %(days)s days from now.")
    START_PASSED = _("This moment has passed; leave it empty to start at once.")
    QUOTES_TOO_MANY = _(
        "Too many videos were looked up in a minute; try again in %(seconds)s seconds."
    )
    SITE_ASKED_NOW = _(
        "The site is being asked about other videos just now; try again in a moment."
    )
    ORDER_INCOMPLETE = _("The order is not complete.")
    # What may not be changed on a site
    SITE_LOCKED = _(
        "This site has open orders (%(orders)s), and counting their plays depends on "
        "this setting. Change it once they have ended."
    )
    CEILING_LOCKED = _(
        "While this site has open orders (%(orders)s), this may only be lowered: its "
        "counter may lose plays that arrive faster than it was calibrated for."
    )
    SITE_CALIBRATES = _(
        "A calibration is running on this site, and its findings depend on this "
        "setting: stop it, or wait until it has ended."
    )
    # Calibrations
    NEVER_CALIBRATED = _(
        "This site was never calibrated: it is not known how many plays of an order it will count."
    )
    CALIBRATION_RUNS = _("A calibration is already running on this video.")
    CALIBRATION_OUTDATED = _("The site has been changed since: calibrate it again.")
    CALIBRATION_NOT_LATEST = _("Only what the latest calibration proposes can be applied.")
    CALIBRATION_PLAYS_UNKNOWN = _(
        "A consumer stopped or the database failed while %(number)s of its plays were "
        "on their way. They may have been counted and are not resent: calibrate again."
    )
    # Repeats
    ALREADY_REPEATED = _("This order is already repeated.")
    REPEAT_HAS_ENDED = _("This repeat has already ended.")
    REPEAT_WITHOUT_TIMES = _("The last day is before the first order.")
    # Bulk actions and their rows
    RIGHT_LOST = _("%(who)s no longer has permission to do this.")
    FAILED_TOO_OFTEN = _("It failed too many times; see the log.")
    CUSTOMER_INACTIVE = _("This customer is switched off.")
    CUSTOMER_ALREADY_ACTIVE = _("Already switched on.")
    CUSTOMER_ALREADY_INACTIVE = _("Already switched off.")
    EQUAL_TOP_UP = _("A top-up of %(amount)s was entered on %(day)s.")
    BALANCE_TOO_LARGE = _("The balance would be larger than %(most)s.")
    REFUND_TOO_LARGE = _(
        "The refund would make the balance larger than %(most)s: lower it by an adjustment first."
    )
    # Uploaded files
    FILE_GONE = _("The file no longer exists; upload it again.")
    FILE_CHANGED = _("The file is not the one that was checked.")
    PRICES_CHANGED = _(
        "Prices changed since the file was checked; rows already imported are kept. "
        "Upload the file again to see what the others cost now."
    )
    FILE_EMPTY = _("The file is empty.")
    FILE_TOO_LARGE = _("The file is larger than %(most)s MB; split it.")
    FILE_DAMAGED = _("The file is damaged: open it and save it again.")
    FILE_OF_OLD_EXCEL = _("An old Excel file (.xls): save it as .xlsx or CSV.")
    FILE_IN_UTF16 = _("The file is UTF-16 text: save it as CSV UTF-8.")
    FILE_OF_OTHER_KIND = _(
        "A file of the kind %(kind)s: open it in a spreadsheet and save it as .xlsx or CSV UTF-8."
    )
    FILE_OF_EMPTY_LINES = _("The file contains only empty lines.")
    FILE_WITHOUT_ROWS = _("The file has a header and no rows.")
    TOO_MANY_ROWS = _("More than %(most)s rows; split the file.")
    TOO_MANY_COLUMNS = _("The file has %(number)s columns; %(most)s at most.")
    LINE_WITH_NUL = _("Line %(line)s contains a NUL byte; this is not a text file.")
    LINE_TOO_LONG = _("Line %(line)s is longer than %(most)s KB; this is not a table.")
    LINE_IN_NO_ENCODING = _(
        "The encoding of line %(line)s cannot be determined: save the file as CSV UTF-8."
    )
    LINE_NOT_IN_ENCODING = _("Line %(line)s cannot be read as %(encoding)s.")
    LINE_BECAME_WRONG = _(
        "Nothing was imported: line %(line)s became invalid after the check: %(reason)s"
    )
    QUOTATION_MARK_NOT_CLOSED = _("A quotation mark in line %(line)s is not closed.")
    QUOTATION_MARK_MISPLACED = _("Unexpected quotation mark in line %(line)s (%(error)s).")
    WORKBOOK_TOO_LARGE = _("The workbook unpacks to more than %(most)s MB: save it as CSV.")
    WORKBOOK_DAMAGED = _("The workbook is damaged: open it and save it again.")
    WORKBOOK_WITH_DOCTYPE = _("The workbook contains a document type definition.")
    WORKBOOK_IS_BOMB = _(
        "The workbook unpacks to far more than a table of its size: save it as CSV."
    )
    WORKBOOK_TAKES_TOO_MUCH_MEMORY = _(
        "The workbook takes more than %(most)s MB of memory to read: save it as CSV."
    )
    FILE_TAKES_TOO_LONG = _("The file was not read within %(minutes)s minutes: split it.")
    WORKBOOK_WITHOUT_SHEET = _("The workbook has no visible sheet.")
    WORKBOOK_WITH_PASSWORD = _("The workbook has a password: save it without one.")
    # What was made of an uploaded file
    SHEET_READ = _("Sheet '%(sheet)s' was read; not read: %(others)s.")
    ROWS_ABOVE_HEADER = _("Left out above the header: %(text)s.")
    ROWS_FILLED_UP = _(
        "Rows that end before the last column (Excel leaves out empty cells): %(number)s."
    )
    ENCODING_GUESSED = _("Read as %(encoding)s: %(words)s. Are these words right?")
    CELLS_UNDERSTOOD = _("%(column)s, cells rewritten: %(number)s, such as %(examples)s.")
    BALANCES_STAY = _(
        "Files do not change balances; those that differ stay as they are: %(number)s: "
        "%(examples)s."
    )
    CUT_NUMBERS_STAY = _(
        "Numbers that a spreadsheet cut stay as they are: %(number)s: %(examples)s."
    )
    LAST_ROW_IS_SUM = _(
        "Line %(line)s: %(name)s equals the sum of all rows above. Is it their total?"
    )
    NAMES_DAMAGED = _("Names that seem to have been damaged before the upload: %(names)s.")
    ROWS_HIDDEN = _("Rows that the sheet hides were read as well: %(number)s.")
    NAMES_ALIKE = _("Names in the file that look alike: %(names)s.")
    NAMES_LIKE_CUSTOMERS = _("Names that look like existing customers: %(names)s.")
    TOP_UPS_REPEATED = _("Rows that repeat recent top-ups: %(number)s: %(examples)s.")
    TOP_UPS_LEFT_OUT = _("Left out because they are already booked: %(number)s: %(examples)s.")
    TOP_UPS_DECLINED = _(
        "Left out because a second person declined them: %(number)s: %(examples)s. If "
        "one was paid after all, top the customer up by hand."
    )
    ORDERS_REPEATED = _(
        "Rows that repeat orders of the last days: %(number)s: %(examples)s. If "
        "imported, they are delivered and charged once more."
    )
    PASSWORDS_IN_FILE = _(
        "A file may not contain passwords: remove the column. Customers choose their "
        "own with a portal link; the button is on the customer's page."
    )
    COLUMNS_UNKNOWN = _("Unknown columns: %(columns)s. Known columns: %(known)s.")
    COLUMNS_REPEATED = _("Duplicate columns: %(columns)s.")
    HEADER_CHANGES = _("Line %(line)s has other titles than the header: split it into two files.")
    COLUMNS_MISSING = _("Missing columns: %(columns)s.")
    # What was undone
    IMPORT_UNDONE = _("Import %(number)s was undone.")
    TOP_UP_UNDONE = _(
        "This top-up was taken back with its import; if it was paid after all, top the customer up."
    )
