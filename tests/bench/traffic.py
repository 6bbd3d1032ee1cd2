"""What is sent through a tool while it is measured."""
import multiprocessing
import multiprocessing.sharedctypes
import socket
import time

from .peers import PIECE, endless, in_child
from .tools import Tool

ZEROS = bytes(1 << 20)
MESSAGE = b"x" * 64
IN_FLIGHT = 64  # connections opened at the same time; ssh's listener has a queue of 128


def connect(tool: Tool, forward: str) -> socket.socket:
    sock = socket.create_connection((tool.host, tool.ports[forward]), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def upload(sock: socket.socket, count: int) -> int:
    """Sends about `count` bytes to a sink and waits until all have come; returns how many."""
    pieces = count // len(ZEROS)
    for _ in range(pieces):
        sock.sendall(ZEROS)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b".", "the sink has gone"
    return pieces * len(ZEROS)


def round_trip(sock: socket.socket) -> int:
    """In ns, of a small message to an echo."""
    begun = time.perf_counter_ns()
    sock.sendall(MESSAGE)
    left = len(MESSAGE)
    while left:
        got = len(sock.recv(left))
        assert got, "the echo has gone"
        left -= got
    return time.perf_counter_ns() - begun


def round_trips_ms(sock: socket.socket, most: int, seconds: float) -> list[float]:
    """One after another, until there are `most` or the time has passed."""
    end = time.monotonic() + seconds
    taken: list[float] = []
    while len(taken) < most and (not taken or time.monotonic() < end):
        taken.append(round_trip(sock) / 1e6)
    return taken


def hold_open(tool: Tool, forward: str, count: int) -> list[socket.socket]:
    """Opens that many connections; each has echoed a message, so it stands to its far end."""
    held: list[socket.socket] = []
    while len(held) < count:
        batch = [connect(tool, forward) for _ in range(min(IN_FLIGHT, count - len(held)))]
        held += batch
        for sock in batch:
            sock.sendall(b"x")
        for sock in batch:
            assert sock.recv(1) == b"x", "the echo has gone"
    return held


class BulkDownload:
    """An endless download, taken in by a process of its own, so that it and who measures share no interpreter."""

    def __init__(self, tool: Tool) -> None:
        self._socket = connect(tool, "source")
        self._counted = multiprocessing.sharedctypes.RawValue("Q", 0)
        self._process = multiprocessing.Process(target=self._read, daemon=True)

    def _read(self) -> None:
        in_child()
        self._socket.sendall(endless())
        buffer = bytearray(PIECE)
        while got := self._socket.recv_into(buffer, PIECE, socket.MSG_TRUNC):
            self._counted.value += got

    def __enter__(self) -> "BulkDownload":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._socket.close()

    def bytes(self) -> int:
        """So far."""
        assert self._process.is_alive(), "the download has ended"
        return self._counted.value
