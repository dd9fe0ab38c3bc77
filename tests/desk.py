"""A browser at the desk of a real web server, without a screen."""

from typing import Any

import requests

from core.models import User
from tests.base import client_of

TOKEN = "t" * 32


class Desk:
    """`user` is logged in at the server of `url`, which works on the same database as we do."""

    def __init__(self, url: str, user: User) -> None:
        self.url = url
        self.browser = requests.Session()
        session = client_of(user).cookies["sessionid"].value
        self.browser.cookies.update({"sessionid": session, "csrftoken": TOKEN})

    def get(self, path: str) -> requests.Response:
        return self.browser.get(f"{self.url}{path}", allow_redirects=False, timeout=60)

    def post(self, path: str, form: dict[str, Any]) -> requests.Response:
        form = {**form, "csrfmiddlewaretoken": TOKEN}
        return self.browser.post(f"{self.url}{path}", form, allow_redirects=False, timeout=60)
