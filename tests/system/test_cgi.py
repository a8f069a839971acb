"""The handler as a plain CGI program, run by hand."""

import os
import subprocess

import pytest

from harness import Site
from harness.process import clean_env
from harness.site import KEY, chat_body
from harness.workspace import BUILD


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def run_cgi(site, body, **variables):
    """One CGI request; (head, body, what the loader said, exit status)."""
    env = {**clean_env(), "REPRISE_CONF": site.workspace.conf,
           "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST",
           "REQUEST_URI": "/llm/v1/chat/completions",
           "CONTENT_TYPE": "application/json",
           "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": KEY,
           "LD_DEBUG": "files", **variables}
    done = subprocess.run([os.path.join(BUILD, "reprise.fcgi")], input=body,
                          env=env, capture_output=True, timeout=60)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    return head.decode(), rest, done.stderr, done.returncode


def test_a_hit_does_not_load_libcurl(site, prompt):
    body = chat_body(prompt)
    head, miss, loader, status = run_cgi(site, body)
    assert status == 0 and "X-Cache: MISS" in head
    assert b"libcurl" in loader
    head, hit, loader, status = run_cgi(site, body)
    assert status == 0 and "X-Cache: HIT (exact)" in head
    assert hit == miss
    assert b"libcurl" not in loader


def test_cgi_and_fastcgi_share_the_cache(site, prompt):
    first = site.chat(prompt)
    head, body, _, _ = run_cgi(site, chat_body(prompt))
    assert "X-Cache: HIT (exact)" in head
    assert body == first.body


def test_the_answer_to_a_misconfigured_handler(site):
    head, body, said, status = run_cgi(
        site, b"{}", REPRISE_CACHE_CHUNK="9G", LD_DEBUG="")
    assert status == 1
    assert head.startswith("Status: 500")
    assert b"error log" in body
    assert b"REPRISE_CACHE_CHUNK" in said and b"1000K" in said


def test_started_by_hand_it_says_by_whom_it_is_started():
    done = subprocess.run([os.path.join(BUILD, "reprise.fcgi")],
                          env=clean_env(), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"web server" in done.stderr and done.stdout == b""


def test_the_configuration_can_be_tested(site):
    handler = os.path.join(BUILD, "reprise.fcgi")
    words = [handler, "-c", site.workspace.conf, "-t"]
    good = subprocess.run(words, env=clean_env(), capture_output=True)
    assert (good.returncode, good.stderr) == (0, b"")
    bad = subprocess.run(words, capture_output=True, env={
        **clean_env(), "REPRISE_CACHE_SERVERS": "host:99999"})
    assert bad.returncode == 1
    assert b"cache.servers" in bad.stderr and b"host:99999" in bad.stderr
