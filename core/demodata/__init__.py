"""Data to try the office with: years of a large office, made up in minutes."""
