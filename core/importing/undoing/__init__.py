"""Undoing an import as a whole, while nothing depends on what it wrote: run.py."""
