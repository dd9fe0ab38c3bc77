"""Django writes no separators in Chinese; amounts of plays are hard to read without."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
