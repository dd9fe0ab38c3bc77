"""Who watches what, for which audience: each source is asked once for all viewers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from core.db.sessions import SessionUser
from core.live.source import Audience, Authorized, Source, logged
from core.live.subjects import RenderedSubject


class Subscription:
    """What the feed knows of a viewer. `user` is None until its session was looked up."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.user: SessionUser | None = None
        self.wanted: set[str] = set()
        self.shown: dict[str, RenderedSubject] = {}
        # The audiences of the last authorization.
        self.seen_as: dict[str, Audience] = {}

    def audiences(self, authorized: Authorized) -> dict[str, Audience]:
        """By subject; those missing may not be seen."""
        assert self.user is not None
        found = ((name, authorized.get((self.user.pk, name))) for name in self.wanted)
        return {name: audience for name, audience in found if audience is not None}


def authorize(subscriptions: Iterable[Subscription], sources: Mapping[str, Source]) -> Authorized:
    """By user and subject's name. Each source is asked once."""
    asked: dict[str, dict[tuple[int, str], SessionUser]] = defaultdict(dict)
    for subscription in subscriptions:
        assert subscription.user is not None
        for name in subscription.wanted:
            prefix, _, key = name.partition(":")
            asked[prefix][subscription.user.pk, key] = subscription.user
    found: Authorized = {}
    for prefix, users in asked.items():
        if source := sources.get(prefix):
            pairs = [(user, key) for (_, key), user in users.items()]
            # If a source fails, nobody may see its subjects.
            with logged(source):
                for (pk, key), audience in source.authorize(pairs).items():
                    found[pk, f"{prefix}:{key}" if key else prefix] = audience
    return found
