"""What one play looks like on the wire. Plain values, shared by the adapters and the engine."""

from dataclasses import dataclass

SEQUENCE = "{sequence}"
"""Stands for the play's number in the path, the header values and the body."""


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """One play; `SEQUENCE` in path, header values or body is replaced by the play's number."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    counted: frozenset[int]  # statuses that mean "received"
    idempotent: bool  # the site knows a play sent again: resending one is harmless
