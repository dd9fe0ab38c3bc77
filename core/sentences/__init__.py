"""What core/reasons.py says, where many codes are of a kind. Plain words: imports nothing."""
