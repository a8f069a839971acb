"""Access records, as they are written."""

import json

from .process import wait_until


NUMBERS = ("status", "bytes", "duration_ms", "tokens_spent", "tokens_saved")
TEXTS = ("time", "request_id", "method", "path", "format", "cache")
MAYBE = ("caller", "model", "not_stored", "key", "upstream", "ttft_ms")
FLAGS = ("stream", "aborted")


def check_shape(record):
    """Every record has every field, of its type."""
    for name in NUMBERS:
        assert isinstance(record[name], (int, float)), (name, record)
        assert record[name] >= 0, (name, record)
    for name in TEXTS:
        assert isinstance(record[name], str), (name, record)
    for name in FLAGS:
        assert isinstance(record[name], bool), (name, record)
    for name in MAYBE:
        assert name in record, (name, record)


class Records:
    def __init__(self, path):
        self.path = path

    def all(self):
        """Every whole line so far; a line that is no JSON is an error."""
        try:
            with open(self.path) as f:
                text = f.read()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines(True)
                if line.endswith("\n")]

    def wait(self, n, skip=0):
        """The records after the first skip, once there are n of them."""
        wait_until(lambda: len(self.all()) >= skip + n,
                   what="%d access records" % (skip + n))
        return self.all()[skip:]

    def of(self, request_id):
        """The one record of that request, once it is there."""
        def found():
            return [r for r in self.all() if r["request_id"] == request_id]
        records = wait_until(found, what="record of " + request_id)
        assert len(records) == 1, records
        check_shape(records[0])
        return records[0]
