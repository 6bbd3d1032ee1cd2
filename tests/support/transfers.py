"""Bytes through a tunnel, checked: what most tests do once it is up."""
import socket
import threading

from .lab import Tunnel
from .stream import ends_with, pattern_digest, receive_digest, receive_exactly, send_pattern
from .wait import Stopwatch


def send_and_end(sock: socket.socket, count: int) -> None:
    send_pattern(sock, count)
    sock.shutdown(socket.SHUT_WR)


def assert_moves_both_ways(tunnel: Tunnel, count: int, forward: str | None = None) -> None:
    """`count` bytes each way at once, against targets.both_ways(count); SHA-256 equal at both ends."""
    with tunnel.connect(forward) as client:
        sender = threading.Thread(target=send_and_end, args=(client, count), daemon=True)
        sender.start()
        received = receive_digest(client, count)
        upload_digest = receive_exactly(client, 64).decode()
        sender.join()
    assert received == (count, pattern_digest(count))
    assert upload_digest == pattern_digest(count)


def assert_echoes(tunnel: Tunnel, forward: str | None = None, message: bytes = b"are you there?") -> None:
    """One round trip against targets.echo, within 30 s at most."""
    with tunnel.connect(forward) as client:
        client.sendall(message)
        assert receive_exactly(client, len(message)) == message


def assert_talks(client: socket.socket) -> None:
    """A byte there and back, over a connection that stands."""
    client.sendall(b"x")
    assert receive_exactly(client, 1) == b"x"


def talking_client(tunnel: Tunnel, forward: str | None = None) -> socket.socket:
    """Of targets.echo, whose connection stands to its far end."""
    client = tunnel.connect(forward)
    assert_talks(client)
    return client


def end_of_new_client(tunnel: Tunnel, within: float, forward: str | None = None) -> str:
    """What becomes of a client that only listens: "reset", "eof", or "open" after `within` seconds. A reset
    may come so early that connect() itself reports it."""
    try:
        with tunnel.connect(forward) as client:
            return ends_with(client, within)
    except ConnectionResetError:
        return "reset"


def echoes(tunnel: Tunnel) -> bool:
    """Whether a round trip works now; for wait_until."""
    try:
        assert_echoes(tunnel)
    except (OSError, AssertionError):
        return False
    return True


def download_rate(tunnel: Tunnel, count: int, forward: str | None = None) -> float:
    """Bytes a second, against targets.source(count)."""
    with tunnel.connect(forward) as client:
        watch = Stopwatch()
        assert receive_digest(client) == (count, pattern_digest(count))
        return count / watch.seconds
