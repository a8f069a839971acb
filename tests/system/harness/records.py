"""Access records, as they are written."""

import json

from .process import wait_until


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
        return records[0]
