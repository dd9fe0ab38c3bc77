"""What is said of uploaded files and of what stands in them: a part of the catalogue of
core/reasons.py, whose codes these are.
"""

from core.sentences import _

FILE_SENTENCES: dict[str, str] = {
    "file_gone": _("The file no longer exists; upload it again."),
    "file_changed": _("The file is not the one that was checked."),
    "prices_changed": _(
        "Prices changed since the file was checked; rows that are in stay. Upload it again to see "
        "what the others cost now."
    ),
    "file_empty": _("The file is empty."),
    "file_too_large": _("The file is larger than %(most)s MB; split it."),
    "file_damaged": _("The file is damaged: open it and save it again."),
    "file_of_other_kind": _(
        "A file of the kind %(kind)s: open it in a spreadsheet and save it as .xlsx or CSV UTF-8."
    ),
    "file_of_old_excel": _("An old Excel file (.xls): save it as .xlsx or CSV."),
    "file_in_utf16": _("The file is UTF-16 text: save it as CSV UTF-8."),
    "file_of_empty_lines": _("The file contains only empty lines."),
    "file_without_rows": _("The file has a header and no rows."),
    "too_many_rows": _("More than %(most)s rows; split the file."),
    "too_many_columns": _("The file has %(number)s columns; %(most)s at most."),
    "line_with_nul": _("Line %(line)s contains a NUL byte; this is not a text file."),
    "line_too_long": _("Line %(line)s is longer than %(most)s KB; this is not a table."),
    "line_in_no_encoding": _(
        "Line %(line)s is in no encoding that can be told: save the file as CSV UTF-8."
    ),
    "line_not_in_encoding": _("Line %(line)s cannot be read as %(encoding)s."),
    "line_became_wrong": _(
        "Nothing was imported: line %(line)s became invalid after the check: %(reason)s"
    ),
    "quotation_mark_not_closed": _("A quotation mark in line %(line)s is not closed."),
    "quotation_mark_misplaced": _("Unexpected quotation mark in line %(line)s (%(error)s)."),
    "workbook_too_large": _("The workbook unpacks to more than %(most)s MB: save it as CSV."),
    "workbook_damaged": _("The workbook is damaged: open it and save it again."),
    "workbook_with_doctype": _("The workbook contains a document type definition."),
    "workbook_is_bomb": _(
        "The workbook unpacks to far more than a table of its size: save it as CSV."
    ),
    "workbook_takes_too_much_memory": _(
        "The workbook takes more than %(most)s MB of memory to read: save it as CSV."
    ),
    "file_takes_too_long": _("The file was not read within %(minutes)s minutes: split it."),
    "workbook_without_sheet": _("The workbook has no visible sheet."),
    "workbook_with_password": _("The workbook has a password: save it without one."),
    "sheet_read": _("Sheet '%(sheet)s' was read; not read: %(others)s."),
    "rows_above_header": _("Left out above the header: %(text)s."),
    "encoding_guessed": _("Read as %(encoding)s; are these words right? %(words)s"),
    "cells_understood": _("%(column)s, cells rewritten: %(number)s, such as %(examples)s."),
    "last_row_is_sum": _(
        "Line %(line)s: %(name)s has as much as all rows above together. Is it their total?"
    ),
    "names_damaged": _("Names that look damaged before they came here: %(names)s."),
    "rows_hidden": _("Rows that the sheet hides were read as well: %(number)s."),
    "names_alike": _("Names in the file that look alike: %(names)s."),
    "names_like_customers": _("Names that look like customers who are there: %(names)s."),
    "top_ups_repeated": _("Rows that repeat recent top-ups: %(number)s: %(examples)s."),
    "orders_repeated": _(
        "Rows that repeat orders of the last days: %(number)s: %(examples)s. Imported, they are "
        "delivered and charged once more."
    ),
    "top_ups_left_out": _("Left out as booked before: %(number)s: %(examples)s."),
    "passwords_in_file": _(
        "A file may not hold passwords: remove the column. Customers choose their own by a "
        "portal link; the button is on the customer's page."
    ),
    "columns_unknown": _("Unknown columns: %(columns)s. Known columns: %(known)s."),
    "header_changes": _("Line %(line)s has other titles than the header: make two files of it."),
    "columns_repeated": _("Duplicate columns: %(columns)s."),
    "columns_missing": _("Missing columns: %(columns)s."),
    # Amounts
    "amount_missing": _("An amount is missing."),
    "amount_unclear": _("Not an amount: write it in plain digits, such as 1200.50."),
    "amount_ambiguous": _("May be %(many)s or %(few)s: write one of them."),
    "amount_too_fine": _("At most two decimals."),
    "amount_too_long": _("Too many digits."),
    "count_not_whole": _("Not a whole number in the digits 0 to 9."),
    "number_damaged": _(
        "The spreadsheet damaged this number: format the column as text and enter it again."
    ),
}
