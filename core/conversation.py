"""An order's conversation on a page, the desk's and the customers' alike: how it looks, and what a
page sends.

`section_of()` is the whole section, for a page to include; `answer_to()` and `note_reading()` are
behind the two addresses that it is given. What a user may not see is in none of them; who the user
is says the session alone.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.utils.html import Urlizer
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core.models import (
    Conversation,
    Message,
    MessageRefusedError,
    Order,
    ReadMarker,
    Side,
    User,
    mark_read,
    may_speak,
    side_of,
)

# What a page shows; older messages of a very long conversation are a click away.
SHOWN = 200


class SafeUrlizer(Urlizer):
    """Django's own, for what begins with http://, https:// or www. and for nothing else."""

    simple_url_2_re = re.compile(r"^www\.", re.IGNORECASE)
    url_template = '<a href="{href}" target="_blank" rel="noopener nofollow">{url}</a>'

    @staticmethod
    def is_email_simple(value: str) -> bool:
        return False


def linked(text: str) -> SafeString:
    """Plain text as HTML: all of it escaped, addresses as links."""
    return mark_safe(SafeUrlizer()(text, nofollow=True, autoescape=True))  # noqa: S308


@dataclass(slots=True)
class Shown:
    """A message as one reader sees it. `readers`: who has read up to here and no further."""

    message: Message
    who: str
    is_own: bool
    readers: list[ReadMarker] = field(default_factory=list)

    @property
    def html(self) -> SafeString:
        return linked(self.message.text)


def section_of(request: HttpRequest, order: Order, post_url: str, read_url: str) -> SafeString:
    """The conversation for the page of an order. Looking at it is reading it."""
    user = user_of(request)
    thread = thread_of(order, user, whole=request.GET.get("messages") == "all")
    if request.method == "GET":
        mark_read(order, user, thread["last_id"])
    urls = {"post_url": post_url, "read_url": read_url}
    return render_to_string("conversation/thread.html", thread | urls, request)


def answer_to(request: HttpRequest, order: Order, back: str) -> HttpResponse:
    """The form's POST: a message, or that the customer's last one needs no answer. Scripts that ask
    for JSON get the messages as they are then, others are led `back`."""
    user, sent = user_of(request), request.POST
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        if "no_answer" in sent:
            leave_unanswered(order, user, number(sent["no_answer"]))
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
    thread = thread_of(order, user)
    mark_read(order, user, thread["last_id"])
    return JsonResponse(described(thread) | {"request_key": str(uuid.uuid4())})


def note_reading(request: HttpRequest, order: Order) -> HttpResponse:
    """A script's POST: the user has seen the messages up to `last`."""
    mark_read(order, user_of(request), number(request.POST.get("last", "")))
    return HttpResponse(status=204)


def leave_unanswered(order: Order, user: User, last_id: int) -> None:
    side = side_of(order, user)
    if side != Side.DESK or not may_speak(user, side):
        raise PermissionDenied
    Conversation.objects.get(pk=order.pk).needs_no_answer(last_id)


def thread_of(order: Order, user: User, *, whole: bool = False) -> dict[str, Any]:
    """What conversation/thread.html shows to this user. Raises PermissionDenied."""
    side = side_of(order, user)
    found = Message.objects.filter(order=order).seen_from(side).select_related("author")
    newest = list(found.order_by("-pk")[: None if whole else SHOWN + 1])
    has_more = not whole and len(newest) > SHOWN
    shown = [
        Shown(message, name_of(message, order, side, user), message.author_id == user.pk)
        for message in reversed(newest if whole else newest[:SHOWN])
    ]
    talk = Conversation.objects.filter(pk=order.pk).first()
    is_desk = side == Side.DESK
    if is_desk:
        add_readers(shown, ReadMarker.objects.filter(conversation=order.pk).exclude(user=user))
    return {
        "order": order,
        "thread": shown,
        "has_more": has_more,
        "last_id": shown[-1].message.pk if shown else 0,
        "may_speak": may_speak(user, side),
        "may_note": is_desk,
        "waiting_since": talk.waiting_since if talk and is_desk else None,
        "last_public_id": talk.last_id if talk else None,
        "most": settings.MESSAGE_MAX_LENGTH,
        "request_key": uuid.uuid4(),
    }


def described(thread: dict[str, Any]) -> dict[str, Any]:
    """A thread for a script that keeps a page fresh."""
    return {
        "messages": render_to_string("conversation/messages.html", thread),
        "last": thread["last_id"],
        "waiting": thread["waiting_since"] is not None,
    }


def name_of(message: Message, order: Order, side: Side, reader: User) -> str:
    """Customers talk to the desk; whose login sits there is not theirs to know."""
    if message.author_id == reader.pk:
        return _("You")
    if message.side == Side.CUSTOMER:
        return str(order.customer) if side == Side.DESK else _("You")
    return message.author.get_username() if side == Side.DESK else _("Booster Office")


def add_readers(shown: list[Shown], markers: Iterable[ReadMarker]) -> None:
    """Each marker at the last message that it covers and that is not its reader's own."""
    for marker in markers.select_related("user").order_by("read_date"):  # type: ignore[attr-defined]
        read = [
            line
            for line in shown
            if line.message.pk <= marker.last_id and line.message.author_id != marker.user_id
        ]
        if read:
            read[-1].readers.append(marker)


def user_of(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def number(text: str) -> int:
    """An id of a form; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
