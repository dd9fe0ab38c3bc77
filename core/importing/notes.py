"""What was noted about a file as a whole, for somebody to look at."""

from collections.abc import Mapping

from core.importing.batch import Understood
from core.importing.columns import Layout
from core.importing.encodings import NAMES, Guess
from core.models import ImportJob
from core.reasons import Code, Reason

REPEATS_SHOWN = 5


def note_on_repeats(job: ImportJob, number: int, examples: list[str]) -> list[Reason]:
    is_left_out = job.repeated_rows == ImportJob.Repeated.SKIP
    code = Code.TOP_UPS_LEFT_OUT if is_left_out else Code.TOP_UPS_REPEATED
    if job.kind == ImportJob.Kind.ORDERS:
        code = Code.ORDERS_REPEATED
    return note_on_some(code, number, examples)


def note_on_some(code: Code, number: int, examples: list[str]) -> list[Reason]:
    """A note on `number` rows with examples, if there are any."""
    shown = examples[:REPEATS_SHOWN]
    more = ["…"] if number > len(shown) else []
    some = ", ".join([*shown, *more])
    return [Reason.of(code, number=f"{number:,}", examples=some)] if number else []


def note_on_encoding(guess: Guess) -> Reason:
    name = NAMES.get(guess.encoding, guess.encoding.upper())
    return Reason.of(Code.ENCODING_GUESSED, encoding=name, words=", ".join(guess.words))


def notes_on_cells(understood: Mapping[str, Understood], layout: Layout) -> list[Reason]:
    return [
        Reason.of(
            Code.CELLS_UNDERSTOOD,
            column=layout.title(column),
            number=f"{cells.number:,}",
            examples="; ".join(cells.examples),
        )
        for column, cells in understood.items()
    ]
