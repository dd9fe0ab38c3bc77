"""Files made while they are sent, under WSGI and ASGI alike."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase


def file_answer(
    request: HttpRequest, name: str, chunks: Iterator[bytes], content_type: str = "text/csv"
) -> HttpResponseBase:
    # Under ASGI Django would collect a plain iterator completely before it sends the first byte.
    sent = one_by_one(chunks) if isinstance(request, ASGIRequest) else chunks
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(sent, content_type=content_type, headers=headers)


async def one_by_one(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    take = sync_to_async(lambda: next(chunks, None))
    while (chunk := await take()) is not None:
        yield chunk
