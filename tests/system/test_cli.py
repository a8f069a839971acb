"""The command line beside the handler: check, config, key, purge, stats."""

import json
import os
import re
import subprocess

import pytest

from harness import Memcached, Nginx, Site
from harness.process import clean_env, free_port
from harness.site import KEY, chat_body
from harness.workspace import BUILD


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def reprise(site, *words, body=b"", env=()):
    """Run `reprise -c CONF words...`; the finished process."""
    return subprocess.run(
        [os.path.join(BUILD, "reprise"), "-c", site.workspace.conf, *words],
        input=body, capture_output=True, env={**clean_env(), **dict(env)},
        timeout=60)


def told(output, name):
    """The value of a line "name  value"."""
    match = re.search(rb"(?m)^%s +(.*)$" % name.encode(), output)
    assert match, output
    return match.group(1).decode()


def test_check_says_that_all_is_well(site):
    done = reprise(site, "check")
    assert done.returncode == 0, done
    lines = done.stdout.decode().splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert any(site.memcached.server in line for line in lines)
    assert any(site.demo.url in line and "200" in line for line in lines)


def test_check_names_what_is_not_well(site):
    nobody = free_port()
    done = reprise(site, "check", env={
        "REPRISE_CACHE_SERVERS": "127.0.0.1:%d" % nobody,
        "REPRISE_UPSTREAM_OPENAI_URL": "http://127.0.0.1:%d" % nobody})
    assert done.returncode == 1
    failed = [line for line in done.stdout.decode().splitlines()
              if line.startswith("FAILED")]
    assert len(failed) == 2
    assert "memcached" in failed[0] and str(nobody) in failed[0]
    assert "upstream openai" in failed[1] and str(nobody) in failed[1]


def test_check_leaves_no_log_that_only_its_user_may_write(site):
    log = site.workspace.path("var", "other.jsonl")
    done = reprise(site, "check", env={"REPRISE_SERVER_LOG": log})
    assert done.returncode == 0, done
    assert log in done.stdout.decode()
    assert not os.path.exists(log)


def test_check_tells_of_a_chunk_larger_than_memcached_takes(site):
    with Memcached(extra=["-I", "128k", "-o", "slab_chunk_max=64"]) as small:
        done = reprise(site, "check",
                       env={"REPRISE_CACHE_SERVERS": small.server})
    assert done.returncode == 1
    assert b"-I" in done.stdout and b"cache.chunk" in done.stdout


def test_a_bad_option_is_named_with_line_and_bounds(site):
    path = site.workspace.write(
        "conf/bad.conf", "[cache]\nttl = 1h\nchunk = 9G\n")
    done = subprocess.run([os.path.join(BUILD, "reprise"), "-c", path,
                           "check"], capture_output=True, env=clean_env())
    assert done.returncode == 1
    for word in (b"bad.conf:3", b"chunk", b"9G", b"1000K"):
        assert word in done.stderr


def test_config_prints_what_it_reads(site):
    printed = reprise(site, "config")
    assert printed.returncode == 0
    path = site.workspace.write("conf/again.conf", printed.stdout.decode())
    again = subprocess.run([os.path.join(BUILD, "reprise"), "-c", path,
                            "config"], capture_output=True, env=clean_env())
    assert again.stdout == printed.stdout


@pytest.mark.parametrize("server", [None, Nginx])
def test_key_is_the_key_that_is_used(site, memcached, demo, prompt, server):
    if server is not None:
        # Its fastcgi_params send variables that others leave out.
        with Site(server, memcached=memcached, demo=demo) as other:
            key_is_used(other, prompt)
    else:
        key_is_used(site, prompt)


def key_is_used(site, prompt):
    body = chat_body(prompt)
    site.chat(body=body)
    hit = site.chat(body=body)
    used = re.search(r'key="([0-9a-f]{64})"', hit.header("Cache-Status"))
    done = reprise(site, "key", "-H", "Authorization: " + KEY, body=body)
    assert done.returncode == 0, done
    assert told(done.stdout, "key") == used.group(1)
    assert told(done.stdout, "cacheable").startswith("yes")
    assert told(done.stdout, "stream") == "yes"
    other = reprise(site, "key", "-H", "Authorization: x", body=body)
    assert told(other.stdout, "key") != used.group(1)


def test_key_tells_why_not(site):
    twice = b'{"model":"m","messages":[],"n":1,"n":2}'
    done = reprise(site, "key", body=twice)
    assert done.returncode == 0
    assert "twice" in told(done.stdout, "cacheable")
    assert b"\nkey " not in done.stdout
    coded = reprise(site, "key", "-H", "Content-Encoding: gzip", body=b"x",
                    env={"REPRISE_CACHE_ALLOW_CONTROL": "none"})
    assert "content coding" in told(coded.stdout, "cacheable"), coded
    broken = reprise(site, "key", body=b'{"model":')
    assert broken.returncode == 1
    assert b"400" in broken.stderr


def test_purge_of_one_key_leaves_the_others(site, prompt):
    for text in (prompt, prompt + " other"):
        site.chat(text)
    hit = site.chat(prompt)
    key = re.search(r'key="(\w+)"', hit.header("Cache-Status")).group(1)
    assert reprise(site, "purge", "-k", key).returncode == 0
    assert site.chat(prompt + " other").header("X-Cache") == "HIT (exact)"
    assert site.chat(prompt).header("X-Cache") == "MISS"
    nothing = reprise(site, "purge", "-k", "0" * 64)
    assert nothing.returncode == 0
    assert b"no such entry" in nothing.stdout
    assert reprise(site, "purge", "-k", "xyz").returncode == 1


def test_embeddings_are_purged_by_the_key_that_is_shown(site, prompt):
    path = "/v1/embeddings"

    def ask(given):
        return site.request("POST", path, [("Authorization", KEY)] + [
            ("Content-Type", "application/json")],
            body=json.dumps({"model": "m", "input": given}).encode())

    ask(prompt)
    hit = ask([prompt])
    key = re.search(r'key="(\w+)"', hit.header("Cache-Status")).group(1)
    done = reprise(site, "key", "-p", path, "-H", "Authorization: " + KEY,
                   body=json.dumps({"model": "m", "input": prompt}).encode())
    assert told(done.stdout, "key") == told(done.stdout, "input 0") == key
    assert reprise(site, "purge", "-k", key).returncode == 0
    assert ask(prompt).header("X-Cache") == "MISS"


def test_purge_of_a_namespace_leaves_the_others(site, prompt):
    mine = {"X-Cache-Namespace": "mine"}
    for headers in (mine, {}):
        site.chat(prompt, headers=headers)
    assert reprise(site, "purge", "-n", "mine").returncode == 0
    assert site.chat(prompt).header("X-Cache") == "HIT (exact)"
    assert site.chat(prompt, headers=mine).header("X-Cache") == "MISS"


def test_stats_count_over_all_workers(site, prompt):
    def hits():
        text = reprise(site, "stats", "-m").stdout
        return int(re.search(
            rb'requests_total\{format="chat",mode="stream",cache="hit"\} '
            rb'(\d+)', text).group(1))
    site.chat(prompt)
    before = hits()
    for _ in range(20):
        site.chat(prompt)
    assert hits() == before + 20
    summary = reprise(site, "stats")
    assert summary.returncode == 0
    assert b"requests, hit" in summary.stdout


@pytest.mark.parametrize("command", ["config", "check"])
def test_output_that_is_lost_is_no_success(site, command):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [os.path.join(BUILD, "reprise"), "-c", site.workspace.conf,
             command], stdout=full, stderr=subprocess.PIPE, env=clean_env(),
            timeout=60)
    assert done.returncode == 1
    assert b"output" in done.stderr


def test_a_wrong_call_is_told_how(site):
    for words in (["nonsense"], ["purge", "-z"], ["stats", "word"], []):
        done = reprise(site, *words)
        assert done.returncode == 2
        assert b"usage" in done.stderr
