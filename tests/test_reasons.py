"""Reasons are codes with parameters, put into the words of whoever reads them."""

import json
import re

import pytest
from django.utils import translation
from django.utils.translation import gettext

from booster.exceptions import PermanentError, SiteCode, SiteError, TemporaryError
from booster.proof.calibration import FindingCode
from core.models import BulkJob, BulkRefusal, Order, OrderEvent, SiteCheck, Status
from core.money import AmountCode
from core.reasons import (
    CODE_LENGTH,
    QUOTING,
    SENTENCES,
    Code,
    Reason,
    closed,
    in_english,
    parameters_of,
    reason_columns,
    reason_of,
    translate,
    translate_error,
)
from core.sentences.undoing import UndoCode
from tests.base import an_order, client_of
from tests.steps import begin, pause_for_token

ANSWERED = Reason.of("play_answered", status=503)
IN_A_ROW = Reason.of("plays_failed_in_a_row", reason=ANSWERED, number=12)
GIVEN_UP = Reason.of(Code.ATTEMPTS_USED_UP, number=10, reason=IN_A_ROW)
NO_ADDRESS = Reason.of_error(TemporaryError(SiteCode.NAME_WITHOUT_ADDRESS, host="harbour"))


@pytest.mark.parametrize("code", SiteCode)
def test_a_code_of_a_site_has_a_sentence_with_just_its_parameters(code):
    assert parameters_of(SENTENCES[code]) == code.parameters


def test_the_catalogue_holds_the_codes_that_there_are_and_no_other():
    own = {code for code in SENTENCES if not code.startswith("status_")}
    assert own == {*SiteCode, *Code, *AmountCode, *FindingCode, *UndoCode}
    assert not {*SiteCode} & {*Code}
    assert {f"status_{status.name.lower()}" for status in Status} == SENTENCES.keys() - own
    assert max(map(len, SENTENCES)) <= CODE_LENGTH


@pytest.mark.parametrize("params", [{}, {"host": "a", "more": 1}, {"name": "a"}])
def test_other_parameters_than_the_codes_own_are_refused_where_a_reason_is_made(params):
    with pytest.raises(TypeError, match="name_without_address takes"):
        SiteError(SiteCode.NAME_WITHOUT_ADDRESS, **params)
    with pytest.raises(TypeError, match="name_without_address takes"):
        Reason.of("name_without_address", **params)


def test_a_code_that_is_none_is_refused_where_a_reason_is_made():
    with pytest.raises(TypeError, match="no such reason: dead_line"):
        Reason.of("dead_line")


def test_a_reason_within_another_is_said_as_well():
    assert (
        in_english(GIVEN_UP)
        == str(GIVEN_UP)
        == (
            "Given up after 10 attempts: The site answered 503 to a play. 12 plays in a row failed."
        )
    )
    with translation.override("zh-hans"):
        assert translate(ANSWERED) == "站点对一次播放回应了 503。"
        assert translate(ANSWERED) in translate(GIVEN_UP)
        assert str(GIVEN_UP).startswith("Given up")  # logs have one language


def test_a_text_stays_as_it_is_alone_and_within_a_reason():
    text = "The customer 100% called %(twice)s"
    with translation.override("zh-hans"):
        assert translate(text) == text
    quoting = Reason.of(Code.DEADLINE_REACHED_IN_TROUBLE, reason=text)
    assert in_english(quoting) == f"The deadline has passed. {text}."


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    "quoted", [ANSWERED, GIVEN_UP, "too loud", "Too loud.", "a (b.)", "太吵。"]
)
def test_whatever_a_sentence_quotes_ends_before_the_next_and_has_one_stop(quoted, language):
    for code, sentence in SENTENCES.items():
        if code.startswith("status_"):
            continue  # a word within a sentence
        names = parameters_of(sentence)
        values = dict.fromkeys(names, "7") | dict.fromkeys(QUOTING & names, quoted)
        with translation.override(language):
            said, words = translate(Reason.of(code, **values)), translate(quoted)
        assert re.search(r"[.?!。？！]\)?$", said), said
        assert not re.search(r"[.。] ?[.。;；,，]", said.replace("[\\d.,]", "")), said
        if not (QUOTING & names and words in said) or said.endswith(words):
            continue
        behind = said.partition(words)[2]
        assert words.endswith((".", "。", ".)")) or behind.startswith((".", "。", ")", "）")), said


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_old_rows_text_ends_before_the_sentence_that_follows_it(language):
    with translation.override(language):
        assert closed("too loud") == "too loud" + gettext(".")
        assert [closed(text) for text in ("", "Why?", "a (b.)")] == ["", "Why?", "a (b.)"]


def test_no_sentence_is_said_in_the_middle_of_another():
    """In no language does a sentence lead on from what it quotes, which may end with a stop."""
    for code, english in SENTENCES.items():
        with translation.override("zh-hans"):
            for sentence in (english, gettext(english)):
                for found in re.finditer(r"%\((reason|why)\)s(.?.?)", sentence):
                    assert re.match(r"$| [A-Z%]|[一-鿿]|%", found[2]), (code, sentence)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (Reason("of_tomorrow"), "of_tomorrow"),
        (Reason("of_tomorrow", {"number": 3}), "of_tomorrow number=3"),
        (Reason("play_answered", {"answer": 503}), "play_answered answer=503"),
        (Reason("play_answered", {"status": {"code": "of_tomorrow"}}), None),
    ],
)
def test_a_code_of_another_release_is_shown_as_it_stands(reason, shown):
    assert translate(reason) == (shown or "The site answered of_tomorrow to a play.")


def test_an_error_becomes_the_same_reason_with_what_it_quotes():
    refused = PermanentError(SiteCode.CALL_ANSWERED, site="s", status=404, phrase="Not Found")
    error = SiteError(SiteCode.TOKEN_FILE_UNREADABLE, file="/f", reason=refused)
    assert refused.status == 404
    assert (
        translate_error(error) == "The file /f does not show the token: s answered 404 Not Found."
    )
    again = TemporaryError.of(error)
    assert (again.code, again.params) == (error.code, error.params)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\nb", "视频"])
def test_what_a_site_says_fits_into_a_row_of_every_database(office, text):
    order = an_order()
    error = PermanentError(SiteCode.NOT_A_VIEW_COUNT, value=text)
    begin(order)
    pause_for_token(order, Reason.of_error(error), fence=order.fence)
    kept = reason_of(OrderEvent.objects.get(to_status=Status.PAUSED))
    assert kept == Reason.of_error(error)
    assert in_english(kept).isprintable()


def test_a_reason_is_json():
    assert json.loads(json.dumps(GIVEN_UP.as_json())) == GIVEN_UP.as_json()


@pytest.mark.parametrize("reason", ["", "a text", Reason.of(Code.OWN_ERROR), GIVEN_UP])
def test_a_row_gives_back_what_it_was_given(office, reason):
    order = an_order()
    OrderEvent.objects.create(order=order, to_status=Status.PENDING, **reason_columns(reason))
    assert reason_of(OrderEvent.objects.latest("pk")) == reason


def test_programs_ask_for_rows_by_their_code(office):
    order = an_order()
    begin(order)
    pause_for_token(order, NO_ADDRESS, fence=order.fence)
    asked = OrderEvent.objects.filter(reason_code="name_without_address")
    assert asked.filter(reason_params__host="harbour").get().order == order


@pytest.mark.parametrize(
    "remark",
    [
        "a text from before there were codes",
        Reason.of(Code.OWN_ERROR),
        Reason.of(Code.COUNTER_FELL, number=3, sent=9),
        Reason.of(Code.COUNTER_UNREADABLE, reason=Reason.of("no_view_count", path="a.b")),
    ],
)
def test_whatever_kind_of_remark_it_has_an_order_needs_a_person_until_it_is_seen(office, remark):
    order = an_order()
    Order.objects.update(**reason_columns(remark, "attention"))
    order.refresh_from_db()
    assert order.remark == remark
    assert list(Order.objects.needing_a_person()) == list(Order.objects.remarked()) == [order]
    order.mark_seen()
    assert order.remark == Order.objects.get().remark == ""
    assert not Order.objects.needing_a_person() and not Order.objects.remarked()


def test_the_desk_reads_codes_in_its_language_and_texts_of_before_as_they_are(bob):
    order = an_order()
    begin(order)
    order.site.record_check(SiteCheck.Outcome.LOST, reason=NO_ADDRESS)
    order.site.record_check(SiteCheck.Outcome.LOST, reason="A sentence of before.")
    pause_for_token(order, NO_ADDRESS, fence=order.fence)
    fell = Reason.of(Code.COUNTER_FELL, number=3, sent=100)
    Order.objects.update(**reason_columns(fell, "attention"))
    desk = client_of(bob)
    desk.cookies["django_language"] = "zh-hans"
    pages = {
        page: desk.get(f"/admin/core/{page}").content.decode()
        for page in (
            f"order/{order.pk}/change/",
            f"site/{order.site_id}/change/",
            "orderevent/",
            "sitecheck/",
        )
    }
    for page, html in pages.items():
        assert "名称 harbour 没有地址。" in html and "has no address" not in html, page
    assert "A sentence of before." in pages["sitecheck/"]
    home = desk.get("/admin/home/").content.decode()
    assert "站点接收了 100 次播放，计数器却减少了 3。" in home


def test_the_file_of_what_a_bulk_action_refused_has_code_and_words(bob):
    job = BulkJob.objects.create(action=BulkJob.Action.TOP_UP, creator=bob)
    for name, reason in (("erin", Reason.of(Code.CUSTOMER_INACTIVE)), ("=eve", "of before")):
        BulkRefusal.objects.create(job=job, object_id=1, name=name, **reason_columns(reason))
    desk = client_of(bob)
    file = b"".join(desk.get(f"/admin/core/bulkjob/{job.pk}/refused.csv").streaming_content)
    assert file.decode("utf-8-sig").splitlines() == [
        "name,code,reason",
        "erin,customer_inactive,This customer is switched off.",
        "'=eve,,of before",
    ]


def test_large_numbers_are_shown_in_groups():
    reason = Reason.of(Code.COUNTER_SHOWS_A_PART, number=9_999, sent=1_250_000)
    assert str(reason) == "The counter shows 9999 of 1,250,000 plays."
