"""What the address of a list may ask: nothing that no page shows, and nothing without an end."""

import time

import pytest

from core.models import Customer, Site
from tests.base import client_of

SECRET = "s3cr3t-of-a-site"


@pytest.mark.parametrize("who", ["alice", "bob", "carol"])
@pytest.mark.parametrize(
    "asked",
    [
        "secrets__api_key__startswith=s3",
        "secrets__contains=s3",
        "secrets__isnull=1",
        "recipe__icontains=s3",
    ],
)
def test_nobody_guesses_a_secret_letter_by_letter(who, asked, harbour, request):
    """A list that has a row or none is a yes or no to each letter."""
    Site.objects.update(secrets={"api_key": SECRET})
    client = client_of(request.getfixturevalue(who))
    assert client.get(f"/admin/core/site/?{asked}").status_code == 400
    for page in ("sitecheck", "order"):
        assert client.get(f"/admin/core/{page}/?site__{asked}").status_code == 400


@pytest.mark.parametrize("page", ["user", "administrator"])
def test_nobody_guesses_the_hash_of_a_password(page, alice):
    answer = client_of(alice).get(f"/admin/core/{page}/?password__startswith=pbkdf2")
    assert answer.status_code == 400


@pytest.mark.parametrize("lookup", ["regex", "iregex"])
def test_an_expression_that_takes_a_day_is_not_looked_for(lookup, bob):
    Customer.objects.create(username="a" * 24 + "!", creator_id=bob.pk)
    began = time.process_time()
    answer = client_of(bob).get(f"/admin/core/customer/?username__{lookup}=^(a|a)*$")
    assert answer.status_code == 400
    assert time.process_time() - began < 30
