"""Text that a spreadsheet would run. It is data when read, and gets an apostrophe in front when
written, as spreadsheets do it. Our own readers take that away again."""

# Programs set up for Chinese or Japanese also run the wide signs.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(text: str) -> str:
    return f"'{text}" if is_formula(text) else text


def unescape_formula(text: str) -> str:
    return text[1:] if text[:1] == "'" and is_formula(text) else text


def is_formula(text: str) -> bool:
    """Also behind apostrophes of the text itself, so that ours can be told from them."""
    return text.lstrip("'").startswith(FORMULA_STARTS)
