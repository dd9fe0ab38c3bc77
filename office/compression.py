"""Pages, styles and scripts are sent compressed, with or without a proxy: a page shrinks to a
fifth. Downloads, pictures and fonts are not: they are long, or compressed already. Django adds a
random number of bytes, so that the length reveals no secrets (BREACH)."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

TEXT = {
    *("text/html", "text/css", "text/javascript", "application/javascript"),
    *("application/json", "image/svg+xml"),
}
WEAK = "W/"


class TextCompressionMiddleware(GZipMiddleware):
    # The middleware below is synchronous too: each switch costs a change of threads.
    async_capable = False

    def process_request(self, request: HttpRequest) -> None:
        """Compressed answers have weak tags, which WhiteNoise would not recognize as its own."""
        if tag := request.META.get("HTTP_IF_NONE_MATCH"):
            request.META["HTTP_IF_NONE_MATCH"] = tag.removeprefix(WEAK)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        kind = response.get("Content-Type", "").partition(";")[0]
        if response.status_code != 200 or kind not in TEXT:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
