"""An order's conversation on a page, the same for desk and customers: how it looks, and what a page
sends.

`section_of()` is the whole section, for a page to include; `answer_to()` and `note_reading()` serve
its two addresses. None of them shows what the user may not see; only the session says who the user
is.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core.db.keys import key_of
from core.models import Conversation, Message, Order, ReadMarker, Side, User
from core.models.messages import MessageRefusedError, mark_read, may_speak, side_of
from core.pages.people import user_of

# The number of messages on a page; the older ones are a click away.
SHOWN = 100


GAPS = re.compile(r"""([\s<>"']+)""")
ADDRESS = re.compile(r"https?://\[?\w|www\.", re.IGNORECASE)
# The signs that a sentence puts around an address.
OPENING, CLOSING, ENDING = "([", {")": "(", "]": "["}, ".,:;!?"


def linked(text: str) -> SafeString:
    """Plain text as HTML: all of it escaped; words with http://, https:// or www. become links."""
    return mark_safe("".join(map(linked_word, GAPS.split(text))))  # noqa: S308 - each is escaped


def linked_word(word: str) -> SafeString:
    start = word.lstrip(OPENING)
    if not ADDRESS.match(start):
        return escape(word)
    url = without_ending(start)
    return format_html(
        '{}<a href="{}" target="_blank" rel="noopener nofollow">{}</a>{}',
        word[: len(word) - len(start)],
        url if url.lower().startswith("http") else f"http://{url}",
        url,
        start[len(url) :],
    )


def without_ending(url: str) -> str:
    """Without the sentence's own signs; a closing bracket stays if the address opened it."""
    while url[-1] in ENDING or url.count(url[-1]) > url.count(CLOSING.get(url[-1], url[-1])):
        url = url[:-1]
    return url


@dataclass(frozen=True, slots=True)
class Line:
    """A message as one side sees it. `readers`: those who have read up to here and no further."""

    message: Message
    who: str
    is_own: bool
    readers: list[ReadMarker]

    @property
    def html(self) -> SafeString:
        return linked(self.message.text)


@dataclass(slots=True)
class Thread:
    """A conversation with all that either side may see. Its methods make no queries."""

    customer: str
    newest: list[Message] = field(default_factory=list)  # the latest first
    markers: list[ReadMarker] = field(default_factory=list)
    talk: Conversation | None = None
    most: int | None = SHOWN

    def seen_from(self, side: Side) -> dict[str, Any]:
        """The context of conversation/messages.html, and what its page needs besides."""
        seen = [message for message in self.newest if message.is_seen_from(side)]
        lines = [
            Line(message, self._name(message, side), message.side == side, [])
            for message in reversed(seen[: self.most])
        ]
        if side == Side.DESK:
            self._add_readers(lines)
        return {
            "thread": lines,
            "has_more": self.most is not None and len(seen) > self.most,
            "last_id": lines[-1].message.pk if lines else 0,
            "waiting_since": self.talk.waiting_since if self.talk and side == Side.DESK else None,
        }

    def _name(self, message: Message, side: Side) -> str:
        """Customers talk to "the desk": they do not learn which login answers."""
        if message.side == Side.CUSTOMER:
            return self.customer if side == Side.DESK else _("You")
        return message.author.get_username() if side == Side.DESK else _("Booster Office")

    def _add_readers(self, lines: list[Line]) -> None:
        """Put each marker at the last message that it covers and that its reader did not write."""
        for marker in self.markers:
            for line in reversed(lines):
                message = line.message
                if message.pk <= marker.last_id and message.author_id != marker.user_id:
                    line.readers.append(marker)
                    break


def threads_of(ids: Sequence[int], *, whole: bool = False) -> dict[int, Thread]:
    """The conversations of these orders; the number of queries does not grow with them."""
    orders = Order.objects.filter(pk__in=ids).order_by().values_list("pk", "customer__username")
    most = None if whole else SHOWN
    threads = {pk: Thread(username, most=most) for pk, username in orders}
    for message in Message.objects.newest(ids, most and most + 1).select_related("author"):
        threads[message.order_id].newest.append(message)
    markers = ReadMarker.objects.filter(conversation__in=ids).select_related("user")
    for marker in markers.order_by("read_date"):
        threads[marker.conversation_id].markers.append(marker)
    for talk in Conversation.objects.filter(pk__in=ids):
        threads[talk.pk].talk = talk
    return threads


def thread_of(request: HttpRequest, order: Order) -> Thread:
    whole = request.GET.get("messages") == "all"
    return threads_of([order.pk], whole=whole)[order.pk]


def section_of(
    request: HttpRequest, order: Order, thread: Thread, post_url: str, read_url: str
) -> SafeString:
    """The conversation for an order's page. Showing it marks it as read."""
    user = user_of(request)
    side = side_of(order, user)
    seen = thread.seen_from(side)
    if request.method == "GET":
        mark_read(order, user, seen["last_id"])
    context = {
        "order": order,
        # The feed brings the newest messages, and would replace the whole conversation by them.
        "is_live": thread.most is not None,
        "user_id": user.pk,
        "post_url": post_url,
        "read_url": read_url,
        "may_speak": may_speak(user, side),
        "may_note": side == Side.DESK,
        "last_public_id": thread.talk.last_id if thread.talk else None,
        "most": settings.MESSAGE_MAX_LENGTH,
        "request_key": uuid.uuid4(),
    }
    return render_to_string("conversation/thread.html", context | seen, request)


def answer_to(request: HttpRequest, order: Order, back: str) -> HttpResponse:
    """The form's POST: a message, or that the customer's last one needs no answer. A script that
    asks for JSON gets the messages; others are redirected `back`."""
    user, sent = user_of(request), request.POST
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        if "no_answer" in sent:
            leave_unanswered(order, user, key_of(sent["no_answer"]) or 0)
        else:
            Message.objects.say(
                order,
                user,
                sent.get("text", ""),
                internal=bool(sent.get("internal")),
                request_key=key(sent.get("request_key", "")),
            )
    except MessageRefusedError as error:
        if wants_json:
            return JsonResponse({"error": str(error)})
        messages.error(request, str(error))
        return HttpResponseRedirect(back)
    if not wants_json:
        return HttpResponseRedirect(back)
    state = described(threads_of([order.pk])[order.pk], side_of(order, user))
    mark_read(order, user, state["last"])
    return JsonResponse(state)


def note_reading(request: HttpRequest, order: Order) -> HttpResponse:
    """A script's POST: the user has seen the messages up to `last`."""
    mark_read(order, user_of(request), key_of(request.POST.get("last", "")) or 0)
    return HttpResponse(status=204)


def leave_unanswered(order: Order, user: User, last_id: int) -> None:
    side = side_of(order, user)
    if side != Side.DESK or not may_speak(user, side):
        raise PermissionDenied
    if talk := Conversation.objects.filter(pk=order.pk).first():
        talk.needs_no_answer(last_id)


def described(thread: Thread, side: Side) -> dict[str, Any]:
    """A conversation for a script that keeps a page fresh."""
    seen = thread.seen_from(side)
    return {
        "messages": render_to_string("conversation/messages.html", seen),
        "last": seen["last_id"],
        "waiting": seen["waiting_since"] is not None,
    }


def key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
