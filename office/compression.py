"""Pages, styles and scripts are sent compressed, proxy or not: a page is a fifth of its size then.

Downloads, pictures and fonts are sent as they are: they are long, or compressed already. Django
lengthens each answer by a random number of bytes, so that its length tells nothing of its secrets
(BREACH).
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

TEXT = {
    *("text/html", "text/css", "text/javascript", "application/javascript"),
    *("application/json", "image/svg+xml"),
}
WEAK = "W/"


class TextCompressionMiddleware(GZipMiddleware):
    # All below it are not: each change between the two kinds is a change of threads.
    async_capable = False

    def process_request(self, request: HttpRequest) -> None:
        """Compressed answers have weak tags; WhiteNoise would not know its own ones again."""
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
