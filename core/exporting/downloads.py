"""Files made while they are sent, under WSGI and ASGI alike."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase


def csv_answer(request: HttpRequest, name: str, chunks: Iterator[bytes]) -> HttpResponseBase:
    return file_answer(request, name, chunks, "text/csv")


def file_answer(
    request: HttpRequest, name: str, chunks: Iterator[bytes], content_type: str
) -> HttpResponseBase:
    return StreamingHttpResponse(
        streamed(request, chunks),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def streamed(
    request: HttpRequest, chunks: Iterator[bytes]
) -> Iterator[bytes] | AsyncIterator[bytes]:
    """Under ASGI Django would gather a plain iterator whole before it sends the first byte."""
    return one_by_one(chunks) if isinstance(request, ASGIRequest) else chunks


async def one_by_one(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    take = sync_to_async(lambda: next(chunks, None))
    while (chunk := await take()) is not None:
        yield chunk
