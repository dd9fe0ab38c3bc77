"""What core/reasons.py says, where many codes are of a kind. Plain words: imports nothing."""


def _(sentence: str) -> str:
    """For the catalogue of translations; needs no settings, so that the catalogue is pure."""
    return sentence
