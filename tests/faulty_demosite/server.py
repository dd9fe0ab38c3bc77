import asyncio

from booster.demosite.server import Server

from .connection import FaultyConnection
from .site import FaultyDemoSite


class FaultyDemoServer(Server):
    connection_class = FaultyConnection
    site: FaultyDemoSite

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.site.faults.tick()
        super()._tick(loop)
