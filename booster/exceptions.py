"""What a site may answer with. An adapter raises one of these; what follows is decided by delivery,
and how long it takes by booster/retry.py.

Every message is a whole plain sentence that staff may read as it is.
"""


class SiteError(Exception):
    """Something is wrong with a site or its answer. `status` is its HTTP status, if one came."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TemporaryError(SiteError):
    """Trying again later may help. `retry_after`: the seconds the site asked for, or None."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class PermanentError(SiteError):
    """Trying again cannot help until somebody changes something."""


class AddressRefusedError(PermanentError):
    """Law 4: an address we never send to (off the host, private, redirect, public platform)."""


class OwnershipError(PermanentError):
    """The site does not, or no longer, show the token that says it is its operator's."""
