"""Entries in memcached: large ones, and what is no longer what it was."""

import re

import pytest

from harness import Memcached, Site

SMALL = {"cache.chunk": "4K", "cache.compress": "off"}
KNOBS = {"bytes": 40000, "random": 1}


@pytest.fixture(scope="module")
def site(own_memcached, demo):
    with Site(memcached=own_memcached, demo=demo, options=SMALL) as s:
        yield s


def store(site, memcached, prompt, knobs=KNOBS):
    """Store an answer: its bytes, its manifest's name, its chunks' names."""
    before = set(memcached.manifests())
    body = site.chat(prompt, demo=knobs).body
    manifests = set(memcached.manifests()) - before
    assert len(manifests) == 1, manifests
    manifest = manifests.pop()
    return body, manifest, memcached.chunks(manifest)


def assert_replaced(site, prompt, body):
    """A miss with the right answer, and then a hit again."""
    response = site.chat(prompt, demo=KNOBS)
    assert response.header("X-Cache") == "MISS"
    assert response.body == body
    again = site.chat(prompt, demo=KNOBS)
    assert again.header("X-Cache") == "HIT (exact)"
    assert again.body == body


@pytest.mark.parametrize("compress", ["zstd", "off"])
def test_a_long_transcript(demo, prompt, compress):
    """12 MB of what does not shrink well, in a stock memcached."""
    knobs = {"bytes": 12000000, "random": 1}
    with Memcached(megabytes=128) as m, Site(
            memcached=m, demo=demo,
            options={"cache.compress": compress}) as site:
        body, manifest, chunks = store(site, m, prompt, knobs)
        assert len(body) > 12000000
        assert len(chunks) >= 8
        for k in chunks:
            assert re.fullmatch(r"r1:default:[0-9a-f]{64}:[^:]+:\d+", k)
        for _ in range(2):
            hit = site.chat(prompt)
            assert hit.header("X-Cache") == "HIT (exact)" and hit.clean
            assert hit.body == body
        record = site.record(hit)
        assert (record["cache"], record["bytes"]) == ("hit", len(body))


def test_small_entries_are_one_item(site, own_memcached, prompt):
    _, _, chunks = store(site, own_memcached, prompt, {"words": 3})
    assert chunks == []


def overwritten(m, manifest, chunks):
    flags, value = m.get(chunks[1])
    m.set(chunks[1], b"x" * len(value), flags)


def truncated(m, manifest, chunks):
    flags, value = m.get(chunks[2])
    m.set(chunks[2], value[:-1], flags)


def lengthened(m, manifest, chunks):
    flags, value = m.get(chunks[-1])
    m.set(chunks[-1], value + b"\0", flags)


def emptied(m, manifest, chunks):
    m.set(chunks[0], b"")


def swapped(m, manifest, chunks):
    a, b = m.get(chunks[0]), m.get(chunks[1])
    m.set(chunks[0], b[1], b[0])
    m.set(chunks[1], a[1], a[0])


def one_bit(m, manifest, chunks):
    flags, value = m.get(chunks[3])
    m.set(chunks[3], value[:9] + bytes([value[9] ^ 1]) + value[10:], flags)


def evicted(m, manifest, chunks):
    assert m.delete(chunks[-1])


def manifest_gone(m, manifest, chunks):
    assert m.delete(manifest)


def manifest_cut(m, manifest, chunks):
    flags, value = m.get(manifest)
    m.set(manifest, value[:-1], flags)


def manifest_of_noise(m, manifest, chunks):
    flags, value = m.get(manifest)
    m.set(manifest, bytes(range(256)) * (len(value) // 256 + 1), flags)


def all_gone(m, manifest, chunks):
    m.flush()


def epoch_gone(m, manifest, chunks):
    assert m.delete("r1:default:epoch")


def epoch_of_noise(m, manifest, chunks):
    m.set("r1:default:epoch", b"noise")


@pytest.mark.parametrize("harm", [
    overwritten, truncated, lengthened, emptied, swapped, one_bit, evicted,
    manifest_gone, manifest_cut, manifest_of_noise, all_gone, epoch_gone])
def test_a_harmed_entry_is_a_miss(site, own_memcached, prompt, harm):
    body, manifest, chunks = store(site, own_memcached, prompt)
    assert len(chunks) >= 8
    assert site.chat(prompt).body == body
    with own_memcached.connect() as m:
        harm(m, manifest, chunks)
    assert_replaced(site, prompt, body)


def test_a_broken_epoch_is_never_an_error(site, own_memcached, prompt):
    body, manifest, chunks = store(site, own_memcached, prompt)
    with own_memcached.connect() as m:
        epoch_of_noise(m, manifest, chunks)
    response = site.chat(prompt, demo=KNOBS)
    assert (response.status, response.body) == (200, body)
    assert response.header("X-Cache") == "MISS"
    with own_memcached.connect() as m:
        m.delete("r1:default:epoch")


def test_a_new_epoch_purges_for_good(site, own_memcached, prompt):
    """Losing the epoch's item must not bring a purged entry back."""
    body, _, _ = store(site, own_memcached, prompt)
    with own_memcached.connect() as m:
        flags, old = m.get("r1:default:epoch")
        m.set("r1:default:epoch", bytes(b ^ 0x55 for b in old), flags)
    only = {"Cache-Control": "only-if-cached"}
    assert site.chat(prompt, headers=only).status == 504
    with own_memcached.connect() as m:
        m.delete("r1:default:epoch")
    assert site.chat(prompt, headers=only).status == 504
    assert_replaced(site, prompt, body)


def test_every_bit_of_a_manifest_counts(site, own_memcached, prompt):
    """A sample of positions; each flip must make a miss."""
    body, manifest, _ = store(site, own_memcached, prompt, {"words": 2})
    only = {"Cache-Control": "only-if-cached"}
    with own_memcached.connect() as m:
        flags, good = m.get(manifest)
        step = max(1, len(good) // 60)
        for i in range(0, len(good), step):
            bad = good[:i] + bytes([good[i] ^ (1 << i % 8)]) + good[i + 1:]
            m.set(manifest, bad, flags)
            assert site.chat(prompt, headers=only).status == 504, i
        m.set(manifest, good, flags)
    assert site.chat(prompt, headers=only).body == body


def test_another_entry_under_this_name_is_a_miss(site, own_memcached,
                                                 prompt):
    """The whole key is in the entry and compared."""
    mine, my_manifest, my_chunks = store(site, own_memcached, prompt)
    other, its_manifest, its_chunks = store(site, own_memcached,
                                            prompt + " other")
    assert mine != other
    with own_memcached.connect() as m:
        flags, value = m.get(its_manifest)
        m.set(my_manifest, value, flags)
        for k in its_chunks:  # as if the name's hash had collided
            flags, value = m.get(k)
            m.set(k.replace(its_manifest, my_manifest), value, flags)
    assert_replaced(site, prompt, mine)


def test_chunks_of_another_entry_are_a_miss(site, own_memcached, prompt):
    mine, _, my_chunks = store(site, own_memcached, prompt)
    _, _, its_chunks = store(site, own_memcached, prompt + " other")
    with own_memcached.connect() as m:
        for a, b in zip(my_chunks, its_chunks):
            flags, value = m.get(b)
            m.set(a, value, flags)
    assert_replaced(site, prompt, mine)


def test_longer_than_max_entry_streams_on_unrecorded(demo, prompt):
    knobs = {"bytes": 300000, "random": 1}
    with Memcached() as m, Site(memcached=m, demo=demo, options={
            "cache.max_entry": "100K"}) as site:
        for stream in (True, False):
            direct = site.direct(prompt, stream, demo=knobs)
            response = site.chat(prompt, stream, demo=knobs)
            assert response.clean and response.body == direct.body
            assert site.record(response)["not_stored"] == "too-large"
        assert m.manifests() == []


def test_what_memcached_cannot_hold_is_never_served_in_part(demo, prompt):
    """A server with far too little memory evicts while it is written."""
    knobs = {"bytes": 6000000, "random": 1}
    with Memcached(megabytes=2) as m, Site(memcached=m, demo=demo, options={
            "cache.compress": "off"}) as site:
        direct = site.direct(prompt, demo=knobs)
        for _ in range(3):
            response = site.chat(prompt, demo=knobs)
            assert response.clean and response.body == direct.body
