"""What is sent compressed, and that a browser's copy of a style is known again."""

import gzip

import pytest

from core.models import ChargeRecord
from tests.base import sent_export

STYLE = "/static/theme/office.css"
ACCEPTS = {"HTTP_ACCEPT_ENCODING": "gzip, deflate, br"}

pytestmark = pytest.mark.django_db


def test_a_page_is_compressed_for_who_takes_it_so(desk):
    plain = desk.get("/admin/home/")
    packed = desk.get("/admin/home/", **ACCEPTS)
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    assert b"</html>" in gzip.decompress(packed.content)
    assert len(packed.content) < len(plain.content) / 2


def test_a_style_is_compressed_and_its_copy_is_known_again(client):
    plain = b"".join(client.get(STYLE).streaming_content)
    packed = client.get(STYLE, **ACCEPTS)
    body = b"".join(packed.streaming_content)
    assert gzip.decompress(body) == plain
    assert len(body) < len(plain) / 3
    again = client.get(STYLE, HTTP_IF_NONE_MATCH=packed["ETag"], **ACCEPTS)
    assert again.status_code == 304


def test_a_part_of_a_style_is_that_part(client):
    part = client.get(STYLE, HTTP_RANGE="bytes=10-19", **ACCEPTS)
    assert part.status_code == 206
    assert len(b"".join(part.streaming_content)) == 10


def test_fonts_and_downloads_are_sent_as_they_are(client, desk, erin):
    folder = "/static/admin/simpleui-x/fontawesome-free-6.2.0-web/webfonts"
    font = client.get(f"{folder}/fa-solid-900.woff2", **ACCEPTS)
    assert "Content-Encoding" not in font
    desk.defaults.update(ACCEPTS)
    export = sent_export(desk, ChargeRecord._meta.model_name)
    assert "Content-Encoding" not in export
    assert b"erin" in b"".join(export.streaming_content)
