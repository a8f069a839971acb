"""
Tests of whole installations: real web servers, real memcached, the real
handler and a simulated model. Run from the top of the tree:

    pytest tests/system            # programs from $REPRISE_BUILD, or build/
"""

import itertools
import os

import pytest

from harness import (MARK, Crowd, DemoUpstream, Memcached, Pair, Site,
                     Stage)
from harness.workspace import BUILD


def pytest_sessionstart(session):
    for name in ("reprise.fcgi", "demo-upstream"):
        if not os.access(os.path.join(BUILD, name), os.X_OK):
            pytest.exit("%s/%s is not there: run make first"
                        % (BUILD, name), returncode=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the servers and workers had to say about a failure."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for name, value in getattr(item, "funcargs", {}).items():
        if isinstance(value, (Site, Pair)):
            report.sections.append(("logs of " + name, value.logs()))


@pytest.fixture(scope="session")
def memcached():
    with Memcached() as m:
        yield m


@pytest.fixture(scope="module")
def own_memcached():
    """For tests that look into it, or take it down."""
    with Memcached() as m:
        yield m


@pytest.fixture(scope="session")
def demo():
    with DemoUpstream() as d:
        yield d


@pytest.fixture(autouse=True)
def alive(memcached, demo):
    """What one test brought down must not fail all that follow."""
    if not demo.process.running():
        demo.start()
    if not memcached.process.running():
        memcached.start()


NAMES = itertools.count()


@pytest.fixture
def prompt():
    """A question nobody has asked before."""
    return "question %d of %d" % (next(NAMES), os.getpid())


@pytest.fixture
def question(prompt):
    """As prompt; a Stage has the model give each call its own answer."""
    return prompt + MARK


@pytest.fixture(scope="module")
def theatre(demo):
    with Stage(demo) as s:
        yield s


@pytest.fixture
def stage(theatre):
    """A Stage without calls in the air."""
    theatre.reset()
    yield theatre
    theatre.reset()


@pytest.fixture(scope="module")
def pair(own_memcached, theatre, demo):
    """Files that want another have one of their own."""
    with Pair(own_memcached, theatre, demo) as p:
        yield p


@pytest.fixture(scope="module")
def shared(own_memcached, theatre, demo):
    """A pool whose callers share their answers."""
    with Pair(own_memcached, theatre, demo, {"cache.scope": "shared",
              "cache.namespace": "shared"}) as p:
        yield p


@pytest.fixture
def crowd():
    with Crowd() as c:
        yield c
