"""Text that a spreadsheet would run: data on its way in, escaped on its way out by an apostrophe in
front, as spreadsheets themselves write it. Who reads our own files back gets the text without."""

# The wide ones are signs as well to programs that are set up for Chinese or Japanese.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(text: str) -> str:
    return f"'{text}" if is_formula(text) else text


def unescape_formula(text: str) -> str:
    return text[1:] if text[:1] == "'" and is_formula(text) else text


def is_formula(text: str) -> bool:
    """Also behind apostrophes that are the text's own: ours has to be told from them."""
    return text.lstrip("'").startswith(FORMULA_STARTS)
