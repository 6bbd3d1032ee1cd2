"""Moving many bytes fast, and knowing whether they arrived: a deterministic stream and its SHA-256.

The buffers are large and hashing runs outside the interpreter's lock, so two threads keep up with a relay.
"""
import functools
import hashlib
import random
import socket
import struct

BUFFER_BYTES = 1 << 20
# Not a power of two: a power-of-two piece that is lost, doubled or swapped never leaves the stream the same.
PATTERN_BYTES = (1 << 20) + 4099
_pattern = random.Random(20_261_123).randbytes(PATTERN_BYTES)


def send_pattern(sock: socket.socket, count: int) -> None:
    """The first `count` bytes of the endless stream."""
    view = memoryview(_pattern)
    while count > 0:
        piece = view[: min(count, PATTERN_BYTES)]
        sock.sendall(piece)
        count -= len(piece)


@functools.lru_cache
def pattern_digest(count: int) -> str:
    digest = hashlib.sha256()
    for _ in range(count // PATTERN_BYTES):
        digest.update(_pattern)
    digest.update(_pattern[: count % PATTERN_BYTES])
    return digest.hexdigest()


def pattern_bytes(count: int) -> bytes:
    return (_pattern * (count // PATTERN_BYTES + 1))[:count]


def receive_digest(sock: socket.socket, count: int | None = None) -> tuple[int, str]:
    """Reads `count` bytes, or until the end; gives how many came and their SHA-256."""
    buffer = bytearray(BUFFER_BYTES)
    view = memoryview(buffer)
    digest = hashlib.sha256()
    total = 0
    while count is None or total < count:
        want = BUFFER_BYTES if count is None else min(BUFFER_BYTES, count - total)
        got = sock.recv_into(view, want)
        if got == 0:
            break
        digest.update(view[:got])
        total += got
    return total, digest.hexdigest()


def receive_all(sock: socket.socket) -> bytes:
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        piece = sock.recv(count - len(received))
        if not piece:
            raise AssertionError(f"the stream ended after {len(received)} of {count} bytes")
        received += piece
    return bytes(received)


def reset(sock: socket.socket) -> None:
    """Closes with a TCP reset instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def ends_with(sock: socket.socket, within: float) -> str:
    """How the peer ends this connection: "reset", "eof", or "open" when it does not within that time."""
    sock.settimeout(within)
    try:
        while sock.recv(65536):
            pass
        return "eof"
    except ConnectionError:
        return "reset"
    except TimeoutError:
        return "open"
