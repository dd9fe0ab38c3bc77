"""Asks a site that runs our package how many plays of an order it counted.

`GET /.well-known/booster-office-<site token>/orders/<order number>`, at the proved address that
takes the plays, answers 200 and JSON `{"order": "<order number>", "counted": N}`: N different plays
of the order were counted. It is not a view and moves no counter. The folder itself says what the
package can do: `{"version": 1, "counts_by_order": true, …}`.
"""

from booster.exceptions import PermanentError, SiteCode
from booster.net.address import Origin
from booster.net.call import Call, Response
from booster.sites.base import check_oid
from booster.sites.extraction import is_count


def folder(token: str) -> str:
    return f"/.well-known/booster-office-{token}/"


def about_call(token: str, origin: Origin | None = None) -> Call:
    """Does the site run our package? `origin`: where plays go."""
    return Call(folder(token), origin=origin)


def says_by_order(response: Response) -> bool:
    """PermanentError: it is no JSON."""
    said = response.json()
    return (
        isinstance(said, dict) and said.get("version") == 1 and said.get("counts_by_order") is True
    )


def exact_call(token: str, oid: str, origin: Origin | None = None) -> Call:
    """ValueError: an order number that cannot be sent. `origin`: where plays go."""
    return Call(f"{folder(token)}orders/{check_oid(oid)}", origin=origin)


def counted_of(response: Response, oid: str) -> int:
    """PermanentError: it is no such answer, or one of another order."""
    said = response.json()
    counted = said.get("counted") if isinstance(said, dict) and said.get("order") == oid else None
    if not is_count(counted):
        raise PermanentError(SiteCode.NO_ORDER_COUNT, order=oid)
    return counted
