"""When the database does not answer, staff read what to do instead of "Server Error".

SQLite locked too long or out of space, PostgreSQL stopped or read-only: a save is whole or not at
all, and a form posted again is not saved twice, so the advice is always the same. The page has both
languages, because it must not need anything that may be broken.
"""

import logging
import sys

from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.deprecation import MiddlewareMixin

from core.db.outages import drop_connections, is_down, is_out_of_room, is_read_only
from core.logins import hashing
from core.logins.hashing import HashingBusyError
from core.models.login_counts import TooManyLoginsError
from core.portal import errors
from core.theme.changelist import LookupRefusedError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5
# Bad requests: numbers and signs that a database cannot hold, filters that a list does not have.
BAD_INPUT = (DataError, OverflowError, LookupRefusedError)
STYLE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Try again</title>
<style>:root{color-scheme:light dark}
body{font:16px/1.6 sans-serif;max-width:36em;margin:4em auto;padding:0 1em}</style>
"""
PAGE = """<h1>{what}</h1>
<p>Your request was not carried out. Go back and try again in a few seconds; a form that is sent
twice is saved once.</p>
<h1 lang="zh">{what_zh}</h1>
<p lang="zh">您的请求未被执行。请返回，几秒钟后重试；同一表单重复提交只会保存一次。</p>
"""
TOO_LARGE = """<h1>This is too large</h1>
<p>Nothing was carried out. Log in again if your session has ended; else split the file and send its
parts.</p>
<h1 lang="zh">内容过大</h1>
<p lang="zh">您的请求未被执行。如果登录已失效，请重新登录；否则请将文件拆分后分别发送。</p>
"""
HASHING = """<h1>Many people are logging in</h1>
<p>Your password was not looked at. Go back and try again in a few seconds.</p>
<h1 lang="zh">正在登录的人较多</h1>
<p lang="zh">您的密码未被验证。请返回，几秒钟后重试。</p>
"""


def busy_page() -> str:
    """For a process that already has too many requests waiting."""
    return STYLE + PAGE.format(what="The office is busy", what_zh="办公系统繁忙")


def too_large_page() -> str:
    """For a request larger than any upload may be."""
    return STYLE.replace("Try again", "Too large") + TOO_LARGE


class UnavailableMiddleware(MiddlewareMixin):
    """For errors of views, and for the empty page of a view that does not take the method."""

    async_capable = False  # as the others: office/compression.py

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if isinstance(response, HttpResponseNotAllowed) and request.method == "GET":
            return errors.not_a_page(request, response.headers["Allow"])
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, TooManyLoginsError):
            return errors.locked_out(request, error.seconds)
        if isinstance(error, HashingBusyError):
            return try_again(HASHING, hashing.RETRY_SECONDS)
        if isinstance(error, BAD_INPUT):
            told = "%s %s: this cannot be asked for"
            logger.warning(told, request.method, request.path, exc_info=error)
            return errors.bad_request(request, error)
        return answer(request, error)


def server_error(request: HttpRequest) -> HttpResponse:
    """Also for errors outside the views: sessions are saved after them."""
    return answer(request, sys.exception()) or errors.server_error(request)


def answer(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """None for a fault of our own."""
    if is_out_of_room(error):
        told, cause = "this host has no room left", "room"
        page = PAGE.format(what="The office's disk is full", what_zh="办公系统磁盘已满")
    elif is_down(error):
        told, cause = "the database failed", f"database: {error}"  # many pages, one outage
        page = PAGE.format(what="The database is busy", what_zh="数据库繁忙")
        if is_read_only(error):
            drop_connections()
    else:
        return None
    told = f"%s %s: {told}: %s"
    logger.error(told, request.method, request.path, error, extra={"cause": cause})
    return try_again(page, RETRY_SECONDS)


def try_again(page: str, seconds: int) -> HttpResponse:
    return HttpResponse(STYLE + page, status=503, headers={"Retry-After": str(seconds)})
