"""When the database does not answer, staff read what to do instead of "Server Error".

SQLite locked for longer than its time-out or out of space, PostgreSQL stopped: whatever was being
saved is saved whole or not at all, and a form posted again is not saved twice, so the advice is
always the same. Both languages stand on the page: it must not need anything that may be broken.
"""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5
PAGE = """<!doctype html><meta charset="utf-8"><title>Try again</title>
<style>body{font:16px/1.6 sans-serif;max-width:36em;margin:4em auto;padding:0 1em}</style>
<h1>The database is busy</h1>
<p>Your request was not carried out. Go back and try again in a few seconds; a form that is sent
twice is saved once.</p>
<h1 lang="zh">数据库繁忙</h1>
<p lang="zh">您的请求未被执行。请返回，几秒钟后重试；同一表单重复提交只会保存一次。</p>
"""


class UnavailableMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        logger.error("%s %s: the database failed: %s", request.method, request.path, error)
        return HttpResponse(PAGE, status=503, headers={"Retry-After": str(RETRY_SECONDS)})
