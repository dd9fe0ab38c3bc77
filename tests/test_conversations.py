"""Conversations: who says and reads what, that notes stay inside, counts, limits, hostile texts."""

import threading
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import live
from core.live.sources.queues import state_of
from core.models import (
    ChargeRecord,
    Conversation,
    Customer,
    Message,
    Order,
    ReadMarker,
    Side,
    Site,
    Status,
    User,
)
from core.models.messages import MessageRefusedError, mark_read
from core.ordering import decline
from core.pages.conversation import linked, section_of, thread_of, threads_of
from tests.base import client_of, messages_of, new_staff
from tests.test_approvals import limit, placed

OLDER = "Older messages are not shown here."
QUESTION, ANSWER, NOTE = "Is it stuck?", "It goes on tonight.", "Be kind, she asks each week."


def customer_with_login(name: str) -> Customer:
    customer = Customer.objects.create(username=name, user=User.objects.create(username=name))
    ChargeRecord.objects.create(customer=customer, amount=Decimal("20.00"))
    return customer


@pytest.fixture
def erin(db) -> Customer:
    return customer_with_login("erin")


@pytest.fixture
def order(erin, harbour) -> Order:
    return placed(erin, harbour)


@pytest.fixture
def talk(order, erin, bob) -> Conversation:
    """erin asks, bob answers and leaves a note, erin asks again."""
    say = Message.objects.say
    say(order, erin.user, QUESTION)
    say(order, bob, ANSWER)
    say(order, bob, NOTE, internal=True)
    say(order, erin.user, "And when?")
    return Conversation.objects.get(pk=order.pk)


def page_of(order: Order) -> str:
    return f"/admin/core/order/{order.pk}/change/"


def post(client: Client, order: Order, text: str, **more: object):
    return client.post(f"/admin/core/order/{order.pk}/message/", {"text": text, **more})


# Who says and reads what


def test_the_sender_is_the_sessions_user_whatever_the_form_says(order, alice, bob):
    forged = {"author": alice.pk, "side": 1, "user": alice.pk, "create_date": "2020-01-01"}
    assert post(client_of(bob), order, ANSWER, **forged).status_code == 302
    message = Message.objects.get()
    assert (message.author, message.side, message.order) == (bob, Side.DESK, order)


def test_an_internal_note_is_in_nothing_that_a_customer_gets(talk, order, erin, bob, rf):
    request = rf.get("/")
    request.user = erin.user
    section = section_of(request, order, thread_of(request, order), "/post/", "/read/")
    assert QUESTION in section
    assert ANSWER in section
    assert NOTE not in section
    assert "bob" not in section
    assert "internal" not in section
    assert NOTE in client_of(bob).get(page_of(order)).content.decode()
    Message.objects.say(order, bob, "another note", internal=True)
    talk.refresh_from_db()
    assert talk.last.text == "And when?"
    assert talk.unread_from(Side.CUSTOMER) == 0


def test_a_customer_can_neither_write_notes_nor_talk_about_the_orders_of_others(order, erin, rf):
    frank = customer_with_login("frank")
    for author, internal in ((erin.user, True), (frank.user, False)):
        with pytest.raises(PermissionDenied):
            Message.objects.say(order, author, QUESTION, internal=internal)
    request = rf.get("/")
    request.user = frank.user
    with pytest.raises(PermissionDenied):
        section_of(request, order, thread_of(request, order), "/post/", "/read/")
    with pytest.raises(PermissionDenied):
        mark_read(order, frank.user, 1)
    assert not Message.objects.exists()


def test_staff_who_may_not_answer_read_along_without_a_trace(talk, order, carol, dave):
    reader = client_of(carol)
    page = reader.get(page_of(order)).content.decode()
    assert NOTE in page
    assert "data-talk-form" not in page
    assert post(reader, order, ANSWER).status_code == 403
    assert post(client_of(dave), order, ANSWER).status_code == 403
    talk.refresh_from_db()
    assert talk.unread_from(Side.DESK) == 2
    assert Message.objects.count() == 4


def test_a_login_of_staff_that_is_the_customers_own_is_on_the_customers_side(order, erin):
    User.objects.filter(pk=erin.user_id).update(is_staff=True, is_superuser=True)
    erin.user.refresh_from_db()
    assert Message.objects.say(order, erin.user, QUESTION).side == Side.CUSTOMER
    with pytest.raises(PermissionDenied):
        Message.objects.say(order, erin.user, NOTE, internal=True)


def test_a_declined_orders_reason_is_said_to_the_customer(erin, harbour, bob, alice):
    limit("Administrators", "1")
    order = placed(erin, harbour, creator=bob)
    decline(order, alice, "Not this video.")
    (line,) = threads_of([order.pk])[order.pk].seen_from(Side.CUSTOMER)["thread"]
    assert (line.message.text, line.who) == ("Not this video.", "Booster Office")
    assert Conversation.objects.get().unread_from(Side.CUSTOMER) == 1


def test_a_customer_talks_with_the_desk_on_the_page_of_the_order(talk, order, erin, bob):
    client = client_of(erin.user)
    address = f"/portal/orders/{order.oid}/"
    assert "1 new" in client.get("/portal/").content.decode()
    page = client.get(address).content.decode()
    assert ANSWER in page
    assert NOTE not in page
    assert "1 new" not in client.get("/portal/").content.decode()
    forged = {"text": "Thank you.", "internal": "1", "author": bob.pk}
    assert client.post(f"{address}message/", forged).status_code == 403
    del forged["internal"]
    assert client.post(f"{address}message/", forged).url == f"{address}#conversation"
    said = Message.objects.last()
    assert (said.author, said.side, said.text) == (erin.user, Side.CUSTOMER, "Thank you.")
    assert NOTE not in client.get("/portal/orders.csv").getvalue().decode()


def test_a_page_that_shows_all_of_a_long_conversation_keeps_them(
    talk, order, erin, bob, monkeypatch
):
    monkeypatch.setattr("core.pages.conversation.SHOWN", 2)
    for client, address in (
        (client_of(erin.user), f"/portal/orders/{order.oid}/"),
        (client_of(bob), page_of(order)),
    ):
        newest = client.get(address).content.decode()
        assert QUESTION not in newest and OLDER in newest
        assert "data-talk=" in newest  # the feed brings the newest, and no others
        everything = client.get(f"{address}?messages=all").content.decode()
        assert QUESTION in everything and OLDER not in everything
        assert "data-talk=" not in everything


def test_the_feed_gives_each_side_its_own_and_tells_a_customer_nothing_of_notes(
    talk, order, erin, bob, carol, dave
):
    frank = customer_with_login("frank")
    source, key = live.registered_sources()["messages"], str(order.pk)
    asked = [(user, key) for user in (erin.user, bob, carol, dave, frank.user)]
    staff, customer = live.Audience.STAFF, live.Audience.CUSTOMER
    admitted = source.authorize([*asked, (bob, "999999"), (bob, "x")])
    assert admitted == {
        (erin.user.pk, key): customer,
        (bob.pk, key): staff,
        (carol.pk, key): staff,
    }
    User.objects.filter(pk=erin.user_id).update(is_staff=True, is_superuser=True)
    erin.user.refresh_from_db()
    assert source.authorize([(erin.user, key)]) == {(erin.user.pk, key): customer}

    before, version = source.load([key])[key], source.versions([key])
    theirs = source.render(before, customer)
    assert ANSWER in theirs["messages"]
    assert NOTE not in theirs["messages"]
    Message.objects.say(order, bob, "another note", internal=True)
    mark_read(order, bob, Message.objects.last().pk)
    assert source.versions([key]) != version
    after = source.load([key])[key]
    assert source.render(after, customer) == theirs
    assert "another note" in source.render(after, staff)["messages"]


# Counts


def test_each_side_has_unread_what_the_other_said_since_it_read(talk, order, erin, bob):
    assert (talk.unread_from(Side.DESK), talk.unread_from(Side.CUSTOMER)) == (2, 1)
    first, last = Message.objects.first(), Message.objects.last()
    mark_read(order, bob, first.pk)
    mark_read(order, erin.user, last.pk)
    mark_read(order, erin.user, first.pk)  # markers only move forward
    talk.refresh_from_db()
    assert (talk.unread_from(Side.DESK), talk.unread_from(Side.CUSTOMER)) == (1, 0)
    assert ReadMarker.objects.get(user=erin.user).last_id == last.pk


def test_looking_at_the_page_is_reading_and_the_desk_sees_who_read(talk, order, erin, bob, rf):
    request = rf.get("/")
    request.user = erin.user
    assert "Read by" not in section_of(
        request, order, thread_of(request, order), "/post/", "/read/"
    )
    desk = client_of(bob)
    assert "Read by erin" in " ".join(desk.get(page_of(order)).content.decode().split())
    talk.refresh_from_db()
    assert talk.unread_from(Side.DESK) == 0
    revision = talk.revision
    desk.get(page_of(order))
    talk.refresh_from_db()
    assert talk.revision == revision


def test_the_list_of_orders_shows_what_is_new_at_no_further_query(talk, order, erin, harbour, bob):
    desk = client_of(bob)
    desk.get("/admin/core/order/")
    with CaptureQueriesContext(connection) as one:
        page = desk.get("/admin/core/order/").content.decode()
    assert f'href="{page_of(order)}#conversation"' in page
    assert "2 new" in page
    Message.objects.say(placed(erin, harbour, "dusk"), erin.user, QUESTION)
    with CaptureQueriesContext(connection) as two:
        assert "1 new" in desk.get("/admin/core/order/").content.decode()
    assert len(one) == len(two)


def test_a_conversation_waits_until_the_desk_answers_or_says_that_it_needs_no_answer(
    talk, order, erin, bob
):
    desk = client_of(bob)

    def waiting() -> list[int]:
        page = desk.get("/admin/core/conversation/")
        return [talk.pk for talk in page.context["cl"].result_list]

    silent = placed(erin, order.site, "dusk")
    reply = desk.post(f"/admin/core/order/{silent.pk}/message/", {"no_answer": "1"})
    assert reply.status_code == 302
    assert waiting() == [order.pk]
    Message.objects.say(order, bob, NOTE, internal=True)
    assert waiting() == [order.pk]
    address = f"/admin/core/order/{order.pk}/message/"
    last = Conversation.objects.get().last_id
    desk.post(address, {"no_answer": last - 1})  # of a page that is out of date
    assert waiting() == [order.pk]
    desk.post(address, {"no_answer": last})
    assert waiting() == []
    Message.objects.say(order, erin.user, QUESTION)
    assert waiting() == [order.pk]
    Message.objects.say(order, bob, ANSWER)
    assert waiting() == []
    assert "answered=any" in desk.get("/admin/core/conversation/").content.decode()


def test_neither_the_waiting_list_nor_the_list_of_orders_reads_all_conversations(talk):
    def plan(rows) -> str:
        sql, params = rows.query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            return " / ".join(str(row[-1]) for row in cursor.fetchall())

    waiting = plan(Conversation.objects.unanswered()[:100])
    assert "conversation_unanswered" in waiting
    assert "TEMP B-TREE" not in waiting
    listed = plan(Order.objects.select_related("conversation")[:100])
    assert "SEARCH core_conversation USING INDEX" in listed


# Limits


def test_the_same_form_sent_twice_is_one_message_and_with_another_text_two(order, bob):
    desk, form_key = client_of(bob), uuid.uuid4()
    for text in (ANSWER, ANSWER, "Tomorrow."):
        assert post(desk, order, text, request_key=form_key).status_code == 302
    assert [message.text for message in Message.objects.all()] == [ANSWER, "Tomorrow."]
    assert Conversation.objects.get().said_by_desk == 2


def test_too_many_too_long_and_empty_messages_are_refused(order, bob, settings):
    settings.MESSAGES_PER_MINUTE = 2
    settings.MESSAGE_MAX_LENGTH = 20
    desk = client_of(bob)
    for text, told in (
        (" \u200b\n", "Write something first."),
        ("x" * 21, "At most 20 characters; this has 21."),
    ):
        reply = desk.post(f"/admin/core/order/{order.pk}/message/", {"text": text}, follow=True)
        assert messages_of(reply) == [told]
    assert not Message.objects.exists()
    for text in ("one", "two", "three"):
        reply = post(desk, order, text)
    assert messages_of(desk.get(reply.url)) == ["Too many messages at once; wait a minute."]
    assert [message.text for message in Message.objects.all()] == ["one", "two"]


def test_scripts_get_the_messages_or_what_is_wrong(order, bob, settings):
    desk = client_of(bob)
    wanted = {"headers": {"accept": "application/json"}}
    address = f"/admin/core/order/{order.pk}/message/"
    answer = desk.post(address, {"text": ANSWER}, **wanted).json()
    assert ANSWER in answer["messages"]
    assert answer["last"] == Message.objects.get().pk
    assert desk.post(address, {"text": ""}, **wanted).json() == {"error": "Write something first."}


def test_posting_at_once_counts_each_message_and_keeps_to_the_limit(office, settings):
    settings.MESSAGES_PER_MINUTE = 4
    bob, erin = new_staff("bob", "Administrators"), customer_with_login("erin")
    harbour = Site.objects.create(name="Harbour", origin="https://videos.example.com")
    order = placed(erin, harbour)
    refused: list[str] = []
    gate = threading.Barrier(12)

    def speak(author: User, number: int) -> None:
        gate.wait(30)
        try:
            Message.objects.say(order, author, f"message {number}")
        except MessageRefusedError as error:
            refused.append(str(error))
        finally:
            connections.close_all()

    speakers = [
        threading.Thread(target=speak, args=((bob, erin.user)[number % 2], number))
        for number in range(12)
    ]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join(60)
    talk = Conversation.objects.get()
    assert (talk.said_by_customer, talk.said_by_desk, len(refused)) == (4, 4, 4)
    assert talk.last == Message.objects.order_by("pk").last()

    # What pages and feed ask, on both databases.
    mark_read(order, bob, talk.last.pk)
    talk.refresh_from_db()
    assert talk.unread_from(Side.DESK) == 0
    seen = threads_of([order.pk])[order.pk].seen_from(Side.DESK)
    assert len(seen["thread"]) == 8
    waits = int(talk.last.side == Side.CUSTOMER)
    assert state_of("conversations")["number"] == waits
    assert state_of("approvals")["number"] == 0


def test_a_database_client_cannot_rewrite_what_was_said(office):
    erin = customer_with_login("erin")
    harbour = Site.objects.create(name="Harbour", origin="https://videos.example.com")
    Message.objects.say(placed(erin, harbour), erin.user, QUESTION)
    with connection.cursor() as cursor:
        for command in ("UPDATE core_message SET text = 'x'", "DELETE FROM core_message"):
            with pytest.raises(DatabaseError, match="never changed or deleted"):
                cursor.execute(command)
    assert Message.objects.get().text == QUESTION


# Hostile texts


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("data:text/html,x", "data:text/html,x"),
        ("ask me@example.com", "ask me@example.com"),
        ("ftp://example.com/a", "ftp://example.com/a"),
        (
            'https://a.example/?a=1&b="onclick="x',
            '<a href="https://a.example/?a=1&amp;b=" target="_blank" rel="noopener nofollow">'
            "https://a.example/?a=1&amp;b=</a>&quot;onclick=&quot;x",
        ),
        (
            "(www.example.com/<b>)",
            '(<a href="http://www.example.com/" target="_blank" rel="noopener nofollow">'
            "www.example.com/</a>&lt;b&gt;)",
        ),
        (
            "see [https://a.example/b_(c)], or http://a.example/?x=1!",
            'see [<a href="https://a.example/b_(c)" target="_blank" rel="noopener nofollow">'
            "https://a.example/b_(c)</a>], or "
            '<a href="http://a.example/?x=1" target="_blank" rel="noopener nofollow">'
            "http://a.example/?x=1</a>!",
        ),
        ("www.", '<a href="http://www" target="_blank" rel="noopener nofollow">www</a>.'),
    ],
)
def test_a_text_is_text_and_only_addresses_of_the_web_are_links(text, html):
    assert linked(text) == html


def test_what_turns_or_hides_text_is_taken_out_and_lines_stay(order, bob):
    said = Message.objects.say(order, bob, "one\r\ntwo\x00\u202e\u2066three\x07 \n")
    assert said.text == "one\ntwothree"


def test_an_approver_without_the_right_to_answer_still_gives_the_reason(erin, harbour, bob, dave):
    limit("Administrators", "1")
    order = placed(erin, harbour, creator=bob)
    names = ("view_order", "approve_order")
    dave.user_permissions.set(Permission.objects.filter(codename__in=names))
    client_of(dave).post(f"/admin/core/order/{order.pk}/decline/", {"reason": "Not now."})
    assert Message.objects.get().text == "Not now."
    assert post(client_of(dave), order, "Or later.").status_code == 403


def test_the_marks_of_what_waits_change_with_it_and_only_for_who_sees_orders(
    talk, order, bob, dave
):
    source = live.registered_sources()["queue"]
    keys = ("approvals", "conversations")
    admitted = source.authorize([(user, key) for user in (bob, dave) for key in (*keys, "other")])
    assert set(admitted) == {(bob.pk, key) for key in keys}
    before = source.load(keys)
    assert [before[key]["number"] for key in keys] == [0, 1]
    page = client_of(bob).get("/admin/core/conversation/").content.decode()
    assert f'data-mark="{before["conversations"]["mark"]}"' in page
    Message.objects.say(order, bob, ANSWER)
    Order.objects.update(status=Status.AWAITING)
    after = source.load(keys)
    assert [after[key]["number"] for key in keys] == [1, 0]
    assert all(after[key]["mark"] != before[key]["mark"] for key in keys)
