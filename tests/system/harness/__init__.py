"""Real servers around a Reprise under test: see the modules' own words."""

from .backends import DemoUpstream, Memcached
from .client import Client, Exchange, sse_events
from .double import Double
from .formats import FORMATS, MODES, mode_name
from .memc import Memc
from .process import wait_until
from .servers import (ApacheCgi, ApacheFcgid, ApacheHtaccess,
                      ApacheProxyFcgi, LighttpdPool, LighttpdSpawned, Nginx)
from .site import Site
from .workers import Pool
from .workspace import Workspace, sample

__all__ = [
    "ApacheCgi", "ApacheFcgid", "ApacheHtaccess", "ApacheProxyFcgi",
    "Client", "DemoUpstream", "Double", "Exchange", "FORMATS",
    "LighttpdPool", "LighttpdSpawned", "MODES", "Memc", "Memcached",
    "Nginx", "Pool", "Site", "Workspace", "mode_name", "sample",
    "sse_events", "wait_until",
]
