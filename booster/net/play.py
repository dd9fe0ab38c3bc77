"""What one play looks like on the wire. Plain values, shared by the adapters and the engine."""

from dataclasses import dataclass, replace

from booster.net.address import Origin

SEQUENCE = "{sequence}"

MAX_ANSWER = 1 << 20  # bytes of what a site answers to a play, often a whole page


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """One play; `SEQUENCE` in path, header values or body is replaced by the play's number."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    counted: frozenset[int]  # statuses that mean "received"
    idempotent: bool  # the site knows a play sent again: resending one is harmless
    cookies: str = ""  # those that the site itself set, as a Cookie header holds them
    origin: Origin | None = None  # where it goes; None: the site's own
    in_session: bool = False  # that it is refused may mean that its session has ended

    def numbered(self, sequence: int) -> "PlayRequest":
        """Play number `sequence` as it is sent; for single plays, the engine has its own way."""
        number = str(sequence)
        return replace(
            self,
            path=self.path.replace(SEQUENCE, number),
            headers=tuple((name, value.replace(SEQUENCE, number)) for name, value in self.headers),
            body=self.body.replace(SEQUENCE.encode(), number.encode()),
        )
