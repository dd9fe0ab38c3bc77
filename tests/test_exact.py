"""What a site says of one order: nothing but the contract is taken for an answer."""

import json

import pytest

from booster.exceptions import PermanentError
from booster.net.call import Response
from booster.sites.exact import counted_of, exact_call


def answer(body: object) -> Response:
    return Response(200, {}, json.dumps(body).encode())


def test_the_order_is_asked_for_below_the_sites_token():
    call = exact_call("0a" * 16, "7-20261129")
    assert call.path == f"/.well-known/booster-office-{'0a' * 16}/orders/7-20261129"
    with pytest.raises(ValueError, match="not an order number"):
        exact_call("0a" * 16, "7/../8")


def test_the_count_of_the_order_is_read():
    assert counted_of(answer({"order": "7-1", "counted": 12}), "7-1") == 12


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"order": "7-2", "counted": 12},
        {"order": "7-1"},
        {"order": "7-1", "counted": "12"},
        {"order": "7-1", "counted": True},
        {"order": "7-1", "counted": -1},
        {"order": "7-1", "counted": 2**63},
    ],
)
def test_anything_else_is_no_answer(body):
    with pytest.raises(PermanentError, match="no_order_count"):
        counted_of(answer(body), "7-1")


def test_html_is_no_answer():
    with pytest.raises(PermanentError, match="answer_not_json"):
        counted_of(Response(200, {}, b"<html>"), "7-1")
