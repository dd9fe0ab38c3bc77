"""The streaming export: lists (resources.py) as CSV and as workbooks, in the memory of a few rows.
The database itself formats values as text (core/db/text.py)."""
