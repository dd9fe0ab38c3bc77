"""What a customer and the desk say to each other about one order, kept for ever: messages are only
ever added, also by a database client.

Who speaks is the user of the session. Internal notes are for the desk alone: whatever a customer
sees begins at `Message.objects.seen_from(Side.CUSTOMER)`.

A conversation has one small row beside its order, which counts what each side said and what the
other read of it: a list of orders joins it and counts nothing. It is locked while a message is
written, so that within an order ids rise as messages become visible; "read up to" relies on that.
"""

import datetime
import re
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import F, Q, Window
from django.db.models.functions import Now, RowNumber
from django.utils.translation import gettext_lazy as _

from core import permissions
from core.db.notifier import notify
from core.models.accounts import User
from core.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from core.models.fields import created_field, protected_key
from core.models.orders import Order
from core.permissions import Right

MINUTE = datetime.timedelta(minutes=1)
# Control characters, and those that turn the direction of what follows.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")


class MessageRefusedError(Exception):
    """The message was not written. The text is fit for its author."""


class Side(models.IntegerChoices):
    CUSTOMER = 1, _("customer")
    DESK = 2, _("desk")


def side_of(order: Order, user: User) -> Side:
    """Which side of an order's conversation this user reads; PermissionDenied for neither."""
    if permissions.is_customer_of(user, order):
        return Side.CUSTOMER
    if permissions.may(user, Right.READ_MESSAGES):
        return Side.DESK
    raise PermissionDenied


def may_speak(user: User, side: Side) -> bool:
    return side == Side.CUSTOMER or permissions.may(user, Right.WRITE_MESSAGES)


class MessageQuerySet(AppendOnlyQuerySet):
    def seen_from(self, side: Side) -> "MessageQuerySet":
        return self if side == Side.DESK else self.filter(internal=False)

    def newest(self, orders: Sequence[int], most: int | None) -> "MessageQuerySet":
        """The latest messages of each of these orders, the latest first; `most` of those that a
        customer sees, and of notes as many again."""
        kinds = [F("order"), F("internal")]
        place = Window(RowNumber(), partition_by=kinds, order_by=F("pk").desc())
        found = self.filter(order__in=orders).order_by("-pk")
        return found if most is None else found.annotate(place=place).filter(place__lte=most)

    def say(
        self,
        order: Order,
        author: User,
        text: str,
        *,
        internal: bool = False,
        request_key: uuid.UUID | None = None,
    ) -> "Message":
        """Add a message of the session's user; the same `request_key` with the same text again is
        the one it made. Raises PermissionDenied, and MessageRefusedError for what is empty, too
        long or too much."""
        side = side_of(order, author)
        if not may_speak(author, side) or (internal and side != Side.DESK):
            raise PermissionDenied
        text = UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if not any(sign.isprintable() and not sign.isspace() for sign in text):
            raise MessageRefusedError(_("Write something first."))
        if len(text) > settings.MESSAGE_MAX_LENGTH:
            raise MessageRefusedError(
                _("At most %(most)s characters; this has %(number)s.")
                % {"most": settings.MESSAGE_MAX_LENGTH, "number": len(text)}
            )
        with transaction.atomic():
            # One message of an author at a time: a second click waits and finds the first.
            User.objects.select_for_update(no_key=True).get(pk=author.pk)
            said = self.filter(request_key=request_key, order=order, author=author, text=text)
            if request_key and (before := said.filter(internal=internal).first()):
                return before
            if request_key and self.filter(request_key=request_key).exists():
                request_key = None  # the same form with another text
            lately = self.filter(author=author, create_date__gt=Now() - MINUTE)
            if lately.count() >= settings.MESSAGES_PER_MINUTE:
                raise MessageRefusedError(_("Too many messages at once; wait a minute."))
            return self.append(order, author, side, text, internal, request_key or uuid.uuid4())

    def append(
        self,
        order: Order,
        author: User,
        side: Side,
        text: str,
        internal: bool = False,
        request_key: uuid.UUID | None = None,
    ) -> "Message":
        """Write the row and count it, without asking whether its author may."""
        with transaction.atomic():
            talk, _created = Conversation.objects.select_for_update().get_or_create(order=order)
            message = Message._base_manager.create(
                order=order,
                author=author,
                side=side,
                text=text,
                internal=internal,
                request_key=request_key or uuid.uuid4(),
            )
            talk.count(message)
        return message


class Message(AppendOnlyModel):
    """One thing said. `side` is the author's when it was said."""

    order = protected_key(Order, _("order"), related_name="messages", db_index=False)
    author = protected_key(User, _("author"), related_name="+", db_index=False)
    side = models.PositiveSmallIntegerField(_("side"), choices=Side)
    text = models.TextField(_("text"))
    internal = models.BooleanField(_("internal note"), default=False)
    create_date = created_field(_("when"))
    request_key = models.UUIDField(unique=True, default=uuid.uuid4)

    objects = MessageQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("id",)
        default_permissions = ("add",)
        indexes = [
            models.Index(fields=["order", "id"], name="message_order"),
            models.Index(fields=["author", "create_date"], name="message_author"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="message_not_empty"),
            models.CheckConstraint(
                condition=Q(internal=False) | Q(side=Side.DESK), name="message_notes_are_the_desks"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.get_side_display()}"

    def is_seen_from(self, side: int) -> bool:
        return side == Side.DESK or not self.internal


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def unanswered(self) -> "ConversationQuerySet":
        """Those whose customer waits for the desk, the longest wait first."""
        return self.filter(waiting_since__isnull=False).order_by("waiting_since")


class Conversation(models.Model):
    """How an order's conversation stands. `revision` rises with every change of what there is to
    see of it, for either side."""

    order = models.OneToOneField(
        Order,
        verbose_name=_("order"),
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="conversation",
    )
    last = protected_key(Message, _("last message"), null=True, related_name="+", db_index=False)
    said_by_customer = models.PositiveIntegerField(default=0)
    said_by_desk = models.PositiveIntegerField(default=0)
    read_by_customer = models.PositiveIntegerField(default=0)
    read_by_desk = models.PositiveIntegerField(default=0)
    waiting_since = models.DateTimeField(_("unanswered since"), null=True)
    revision = models.PositiveIntegerField(default=0)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-order_id",)
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["waiting_since"],
                name="conversation_unanswered",
                condition=Q(waiting_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.order_id)

    def unread_from(self, side: Side) -> int:
        """How many of the other side's messages nobody of this side has read."""
        if side == Side.DESK:
            return self.said_by_customer - self.read_by_desk
        return self.said_by_desk - self.read_by_customer

    def count(self, message: Message) -> None:
        """Take a new message in. The caller holds the row's lock."""
        self.revision += 1
        if not message.internal:
            self.last = message
            if message.side == Side.CUSTOMER:
                self.said_by_customer += 1
                self.waiting_since = self.waiting_since or message.create_date
            else:
                self.said_by_desk += 1
                self.waiting_since = None
        self.save()
        notify()

    def needs_no_answer(self, last_id: int) -> None:
        """The customer's last word, which is this message, needs none. A later one asks again."""
        mine = Conversation.objects.filter(pk=self.pk, last=last_id)
        mine.exclude(waiting_since=None).update(waiting_since=None, revision=F("revision") + 1)
        notify()


class ReadMarker(models.Model):
    """How far somebody has read. Markers only move forward."""

    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="markers", db_index=False
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    last_id = models.PositiveBigIntegerField()
    read_date = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["conversation", "user"], name="read_marker_one_a_user")
        ]


def mark_read(order: Order, user: User, up_to: int) -> None:
    """This user has seen what they may see of the conversation up to this message's id. Who of the
    desk cannot answer leaves no trace in what the desk has still to read."""
    side = side_of(order, user)
    seen = Message.objects.filter(order=order, pk__lte=up_to).seen_from(side)
    last = seen.order_by("-pk").values_list("pk", flat=True).first()
    marker = ReadMarker.objects.filter(conversation=order.pk, user=user)
    if last is None or marker.filter(last_id__gte=last).exists():
        return
    with transaction.atomic():
        talk = Conversation.objects.select_for_update().get(pk=order.pk)
        if marker.filter(last_id__gte=last).exists():
            return  # another page of the same user came first
        moved = {"last_id": last, "read_date": Now()}
        ReadMarker.objects.update_or_create(moved, conversation=talk, user=user)
        read = seen.exclude(side=side).count()
        changes: dict[str, Any] = {"revision": talk.revision + 1}
        if side == Side.CUSTOMER:
            changes["read_by_customer"] = max(read, talk.read_by_customer)
        elif may_speak(user, side):
            changes["read_by_desk"] = max(read, talk.read_by_desk)
        Conversation.objects.filter(pk=talk.pk).update(**changes)
        notify()
