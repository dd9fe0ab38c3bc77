"""What core/reasons.py says, where many codes are of a kind. Plain words: knows no Django."""


def _(sentence: str) -> str:
    """For the catalogue of translations; needs no settings, so that the catalogue is pure."""
    return sentence
