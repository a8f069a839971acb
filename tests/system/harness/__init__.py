"""Real servers around a Reprise under test: see the modules' own words."""

from .backends import DemoUpstream, Memcached
from .client import Client, Exchange, sse_events
from .crowd import Crowd
from .double import Double
from .flights import Pair
from .formats import FORMATS, MODES, mode_name
from .memc import Memc
from .process import wait_until
from .servers import (ApacheCgi, ApacheFcgid, ApacheHtaccess,
                      ApacheProxyFcgi, LighttpdPool, LighttpdSpawned, Nginx)
from .site import Site
from .stage import MARK, Stage
from .workers import Pool
from .workspace import Workspace, sample

__all__ = [
    "ApacheCgi", "ApacheFcgid", "ApacheHtaccess", "ApacheProxyFcgi",
    "Client", "Crowd", "DemoUpstream", "Double", "Exchange", "FORMATS",
    "LighttpdPool", "LighttpdSpawned", "MARK", "MODES", "Memc",
    "Memcached", "Nginx", "Pair", "Pool", "Site", "Stage", "Workspace",
    "mode_name", "sample", "sse_events", "wait_until",
]
