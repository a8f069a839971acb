"""memcached's text protocol, spoken by hand (its doc/protocol.txt)."""

import socket
import urllib.parse


class Memc:
    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) \
            else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(10)
        self.sock.connect(address)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.sock.close()

    def line(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        return self.file.readline().rstrip(b"\r\n").decode()

    def get(self, key):
        """(flags, value), or None."""
        head = self.line("get " + key)
        if head == "END":
            return None
        _, _, flags, size = head.split()
        value = self.file.read(int(size))
        self.file.readline()
        assert self.file.readline() == b"END\r\n"
        return int(flags), value

    def set(self, key, value, flags=0, ttl=0):
        self.sock.sendall(b"set %s %d %d %d\r\n%s\r\n" % (
            key.encode(), flags, ttl, len(value), value))
        assert self.file.readline() == b"STORED\r\n"

    def delete(self, key):
        return self.line("delete " + key) == "DELETED"

    def flush(self):
        assert self.line("flush_all") == "OK"

    def keys(self):
        """
        Names of all items: by the hash table, as "all" misses those that
        are moved from one queue to another meanwhile.
        """
        names = []
        line = self.line("lru_crawler metadump hash")
        while line.startswith("BUSY"):
            line = self.line("lru_crawler metadump hash")
        while line != "END":
            key = line.split()[0].split("=", 1)[1]
            names.append(urllib.parse.unquote(key))
            line = self.file.readline().rstrip(b"\r\n").decode()
        return sorted(names)

    def stat(self, name):
        value = None
        line = self.line("stats")
        while line != "END":
            _, key, this = line.split(" ", 2)
            value = this if key == name else value
            line = self.file.readline().rstrip(b"\r\n").decode()
        return value
