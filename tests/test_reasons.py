"""What the delivery wrote down is said in the reader's language."""

import ast
from pathlib import Path

import pytest
from django.utils import translation

import booster
from core.models import OrderEvent, SiteCheck, Status
from core.reasons import SENTENCES, is_known, said
from tests.base import an_order, client_of

DELIVERY = Path(booster.__file__).parent
# Whatever is handed to these, returned by these, or kept under these names, staff read.
CALLED = {
    *("SiteError", "TemporaryError", "PermanentError", "AddressRefusedError", "OwnershipError"),
    *("halt", "give_up", "_break_off", "_failed", "_give_up", "_open"),
}
RETURNING = {"overdue", "_plainly", "_look_at_file", "_doubt", "_drift"}
# Something stands before what these return.
ENDING = {"no_connection", "_look_at_record"}
NAMES = {"reason", "several", "shown", "message", "attention", "DEADLINE", "OWN_ERROR"}


def written(tree: ast.AST) -> list[ast.expr]:
    """The expressions in a module whose texts are kept."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                found += node.args if name in CALLED else []
                found += [keyword.value for keyword in node.keywords if keyword.arg in NAMES]
            case ast.Assign(targets=[ast.Name(id=name)]) if name in NAMES:
                found.append(node.value)
            case ast.FunctionDef(name=name) if name in RETURNING | ENDING:
                inside = [one for one in ast.walk(node) if isinstance(one, ast.Return)]
                texts = [one.value for one in inside if one.value is not None]
                before = [ast.Constant("x ")] if name in ENDING else []
                found += [ast.JoinedStr([*before, text]) for text in texts]
    return found


def example(text: ast.expr) -> str:
    """A text as it may be kept, with an x for whatever is put into it."""
    match text:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(example(value) for value in values)
        case ast.BinOp(left=left, right=right):
            return example(left) + example(right)
        case ast.Call(func=ast.Attribute(value=value, attr="rstrip")):
            return example(value).rstrip()
    return "x"


def sentences_of_the_delivery() -> list[str]:
    files = [path for path in DELIVERY.rglob("*.py") if "demosite" not in path.parts]
    texts = {
        example(text)
        for path in files
        for either in written(ast.parse(path.read_text()))
        for text in ([either.body, either.orelse] if isinstance(either, ast.IfExp) else [either])
    }
    return sorted(text for text in texts if len(text.split()) > 2 and text.strip("x ;.,"))


@pytest.mark.parametrize("sentence", sentences_of_the_delivery())
def test_every_sentence_that_the_delivery_writes_is_known(sentence):
    assert is_known(sentence)


def test_that_search_finds_them():
    found = sentences_of_the_delivery()
    assert "the site answered x to a play" in found and "The host ends with a dot." in found
    assert len(found) > len(SENTENCES) / 2


def test_a_sentence_within_another_is_said_as_well():
    text = "Given up after 10 attempts: the site answered 503 to a play; 12 plays in a row failed"
    with translation.override("en"):
        assert said(text) == text
    with translation.override("zh-hans"):
        assert said(text) == "尝试 10 次后放弃：站点对一次播放回应了 503；连续 12 次播放失败"


def test_what_a_person_wrote_stays_as_it_is():
    with translation.override("zh-hans"):
        assert said("The customer 100% called %(twice)s") == "The customer 100% called %(twice)s"


def test_the_desk_reads_them_in_its_language_and_the_rows_keep_them_in_english(bob):
    order = an_order()
    order.begin()
    order.site.record_check(SiteCheck.Outcome.LOST, reason="The name harbour has no address.")
    order.hold_for_site("The name harbour has no address.", under=order.fence)
    order.attention = "The counter fell by 3 while 100 plays were received."
    order.save(update_fields=["attention"])
    desk = client_of(bob)
    desk.cookies["django_language"] = "zh-hans"
    for page in (
        f"order/{order.pk}/change/",
        f"site/{order.site_id}/change/",
        "orderevent/",
        "sitecheck/",
    ):
        html = desk.get(f"/admin/core/{page}").content.decode()
        assert "名称 harbour 没有地址。" in html and "has no address" not in html, page
    home = desk.get("/admin/home/").content.decode()
    assert "站点接收了 100 次播放，计数器却减少了 3。" in home
    event = OrderEvent.objects.get(to_status=Status.PAUSED)
    assert event.reason == "The name harbour has no address."
