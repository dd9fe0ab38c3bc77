"""The streaming export: lists as CSV and as workbooks, in the memory of a few rows.

resources.py  what is exported, column by column
lists.py      the columns of a list, its rows as a file in pieces
workbooks.py  Excel's format, written while it is sent
downloads.py  the answer to a browser, sent as it is made

The database itself says values as text (core/db/text.py).
"""
