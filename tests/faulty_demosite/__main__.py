from booster.demosite.__main__ import main

from .server import FaultyDemoServer
from .site import FaultyDemoSite

main(FaultyDemoServer, FaultyDemoSite)
