"""What stands behind a forward: small TCP and unix-socket servers, one thread a connection."""
import queue
import socket
import threading
from pathlib import Path
from typing import Any, Callable

from .stream import receive_digest, reset, send_pattern

Handler = Callable[["Target", socket.socket], None]


class Target:
    """Listens from its making to stop(); `handler` runs in a thread of its own for each connection, and the
    connection is closed when it returns. What handlers learn, they put into `results`."""

    def __init__(
        self, handler: Handler, unix_path: Path | None = None, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self.handler = handler
        self.results: queue.Queue[Any] = queue.Queue()
        self.accepted = 0
        self.release = threading.Event()  # handlers that hold a connection open wait for it
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.unix_path = unix_path
        if unix_path is not None:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(unix_path))
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
        self.listener.listen(1024)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    @property
    def address(self) -> str:
        """As a profile's `connect:` names it."""
        return f"unix:{self.unix_path}" if self.unix_path else f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._open.add(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        try:
            self.handler(self, connection)
        except OSError as error:
            self.results.put(error)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def stop(self) -> None:
        self.release.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() alone does not
        except OSError:
            pass
        self.listener.close()
        self._thread.join(5)
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def echo(target: Target, connection: socket.socket) -> None:
    """Sends everything back, then its own end."""
    buffer = memoryview(bytearray(1 << 16))
    while got := connection.recv_into(buffer):
        connection.sendall(buffer[:got])


def digest_of_request(target: Target, connection: socket.socket) -> None:
    """Reads to the end, and only then answers: the SHA-256 in 64 hex digits."""
    _, digest = receive_digest(connection)
    connection.sendall(digest.encode())


def source(count: int) -> Handler:
    """Sends `count` bytes of the pattern and closes."""

    def handler(target: Target, connection: socket.socket) -> None:
        send_pattern(connection, count)

    return handler


def answers(count: int) -> Handler:
    """Sends `count` bytes for each that comes."""

    def handler(target: Target, connection: socket.socket) -> None:
        while connection.recv(1):
            connection.sendall(bytes(count))

    return handler


def both_ways(count: int) -> Handler:
    """Sends `count` bytes while it reads; at the end of what it reads, sends that's SHA-256 and closes."""

    def handler(target: Target, connection: socket.socket) -> None:
        sender = threading.Thread(target=_send_if_wanted, args=(connection, count), daemon=True)
        sender.start()
        _, digest = receive_digest(connection)
        sender.join()
        connection.sendall(digest.encode())

    return handler


def _send_if_wanted(connection: socket.socket, count: int) -> None:
    try:
        send_pattern(connection, count)
    except OSError:  # the reader in the handler's thread sees the end as well, and reports it
        pass


def ends_first(greeting: bytes) -> Handler:
    """Greets, shuts down its sending side, and puts the digest of the whole request into results."""

    def handler(target: Target, connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.shutdown(socket.SHUT_WR)
        target.results.put(receive_digest(connection))

    return handler


def never_reads(target: Target, connection: socket.socket) -> None:
    """Holds the connection and takes nothing in until it is released."""
    target.release.wait()


def endless(target: Target, connection: socket.socket) -> None:
    """Sends until the connection ends."""
    while not target.release.is_set():
        send_pattern(connection, 1 << 24)


def resets_at_first_byte(target: Target, connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


def notes_the_end(target: Target, connection: socket.socket) -> None:
    """Greets with one byte, reads, and puts "eof" or "reset" into results when it is over."""
    connection.sendall(b".")
    try:
        while connection.recv(65536):
            pass
        target.results.put("eof")
    except ConnectionError:
        target.results.put("reset")


def http_server(target: Target, connection: socket.socket) -> None:
    """Something that listens where an SSH server is expected."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def smtp_server(target: Target, connection: socket.socket) -> None:
    """The same, of the kind that speaks first."""
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.recv(65536)
    connection.sendall(b"500 unknown command\r\n")


def banner_and_reset(target: Target, connection: socket.socket) -> None:
    """An SSH server that dies in the middle of the handshake."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    connection.recv(16)
    reset(connection)
