"""Django writes no separators in Chinese; amounts of plays are hard to read without. Moments are
said as everywhere else on the desk."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
DATETIME_FORMAT = "Y-m-d H:i"
