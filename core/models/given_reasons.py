"""Why somebody does something, as they typed it. It is never cut: half a reason may say the
opposite."""

from core.models.flow import OrderError
from core.reasons import TEXT_LENGTH, Code, Reason, printable


def given_reason(text: str, *, most: int = TEXT_LENGTH, missing: Code | None = None) -> str:
    """The text without blanks around it. `missing`: what is said where there is none, if there has
    to be one. Raises OrderError, also for more than `most` characters."""
    text = text.strip()
    if not text and missing:
        raise OrderError(Reason.of(missing))
    if len(printable(text)) > most:  # as rows keep it
        raise OrderError(Reason.of(Code.REASON_TOO_LONG, most=most))
    return text
