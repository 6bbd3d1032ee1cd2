"""Ports for servers that take theirs from a configuration file."""
import errno
import os
import random
import socket

# Below Linux's range for outgoing connections (32768 on), so that no client's own end sits on one.
LOWEST, HIGHEST = 20_000, 32_000
# Test processes that run side by side (pytest-xdist: gw0, gw1, ...) have a share each; one that runs alone has all.
_worker = os.environ.get("PYTEST_XDIST_WORKER")
_SHARES = 8 if _worker else 1
_share = int(_worker.removeprefix("gw")) % _SHARES if _worker else 0
_WIDTH = (HIGHEST - LOWEST) // _SHARES
_random = random.Random(os.getpid())
_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, given out once a process."""
    for _ in range(1000):
        port = LOWEST + _share * _WIDTH + _random.randrange(_WIDTH)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        _given.add(port)
        return port
    raise AssertionError("no free port")


def refuses(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens there; a listener that resets at once does not refuse."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == errno.ECONNREFUSED


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0
