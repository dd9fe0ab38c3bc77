"""`python -m booster.demosite --port 8001`: starts the site, or says in one line why not."""

import argparse
import asyncio
import logging
import ssl
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from .catalogue import BUILT_IN, Catalogue, CatalogueError, Video, read_catalogue
from .plays import PlayBook
from .public import PublicFiles
from .server import Server
from .site import Site
from .state import StateError, StateFile


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"demosite: {message}\n")


def main(server_class: type[Server] = Server, site_class: type[Site] = Site) -> None:
    logging.basicConfig(format="demosite: %(message)s")
    parser = _parser()
    options = parser.parse_args()
    try:
        videos = [Video(*row) for row in BUILT_IN]
        if options.videos:
            videos = read_catalogue(options.videos)
        book = PlayBook(Catalogue(videos))
        state = StateFile(options.state, book) if options.state else None
        if state is not None:
            state.load()
        tls = _tls(options.tls)
    except (CatalogueError, StateError) as error:
        parser.error(str(error))
    except (OSError, ssl.SSLError) as error:
        parser.error(f"argument --tls: {error}")
    site = site_class(book, PublicFiles(options.public))
    try:
        _run(server_class(site, state).run(options.host, options.port, tls))
    except OSError as error:
        sys.exit(f"demosite: cannot listen on {options.host}:{options.port}: {error.strerror}")
    except StateError as error:
        sys.exit(f"demosite: {error}")


def _parser() -> Parser:
    parser = Parser(prog="python -m booster.demosite", description="A real little video site.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8001, help="0 takes a free one")
    parser.add_argument("--public", type=_folder, metavar="DIR", help="files served at the root")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keeps counters over restarts")
    parser.add_argument("--videos", type=Path, metavar="FILE", help="a catalogue, as JSON")
    parser.add_argument(
        "--tls", type=Path, nargs=2, metavar=("CERT", "KEY"), help="serve https, PEM files"
    )
    return parser


def _run(serving: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # it is a matter of speed only
        asyncio.run(serving)
    else:
        uvloop.run(serving)


def _tls(files: list[Path] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = files
    context.load_cert_chain(certificate, key)
    return context


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r}: a port is a number from 0 to 65535")
    return int(text)


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return folder


if __name__ == "__main__":
    main()
