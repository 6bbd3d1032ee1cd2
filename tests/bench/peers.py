"""What stands behind the tunnels while they are measured: servers in processes of their own, so that no tool waits
for this program's interpreter, and as cheap as the kernel allows, so that the tools get the processors."""
import functools
import multiprocessing
import os
import selectors
import signal
import socket
import tempfile
import threading
from typing import BinaryIO, Callable

PIECE = 1 << 20
FILE_BYTES = 1 << 24


def in_child() -> None:
    """A process of the benchmark leaves its end to the one that started it: a Ctrl-C reaches both."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def endless() -> bytes:
    """The request for a source's longest answer."""
    return b"%d\n" % (1 << 40)


@functools.cache
def _zeros() -> BinaryIO:
    """A file that is in memory already, one for each process."""
    file = tempfile.TemporaryFile(dir="/dev/shm")
    file.write(bytes(FILE_BYTES))
    file.flush()
    return file


def _source(connection: socket.socket) -> None:
    """Sends as many bytes as the first line says, straight from the page cache, and closes."""
    line = connection.makefile("rb").readline()
    if not line:
        return  # somebody looked whether the port answers
    left, file = int(line), _zeros().fileno()
    while left > 0:
        left -= os.sendfile(connection.fileno(), file, 0, min(left, FILE_BYTES))


def _sink(connection: socket.socket) -> None:
    """Takes in everything, unread, and answers with one byte at its end."""
    discard(connection)
    connection.sendall(b".")


def discard(connection: socket.socket) -> int:
    """Reads to the end; the kernel drops the bytes without copying them (MSG_TRUNC, tcp(7))."""
    buffer = bytearray(PIECE)
    total = 0
    while got := connection.recv_into(buffer, PIECE, socket.MSG_TRUNC):
        total += got
    return total


def _serve_sources(listener: socket.socket) -> None:
    _zeros()  # before there are threads, each of which would make a file of its own
    _serve_threaded(listener, _source)


def _serve_threaded(listener: socket.socket, handler: Callable[[socket.socket], None]) -> None:
    def run(connection: socket.socket) -> None:
        with connection:
            try:
                handler(connection)
            except OSError:
                pass  # whoever measures sees it at the other end

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=run, args=(connection,), daemon=True).start()


def _serve_sinks(listener: socket.socket) -> None:
    _serve_threaded(listener, _sink)


def _serve_echo(listener: socket.socket) -> None:
    """Thousands of connections, most of them idle."""
    selector = selectors.DefaultSelector()
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj
            try:
                data = connection.recv(65536)
                connection.sendall(data)
            except OSError:
                data = b""
            if not data:
                selector.unregister(connection)
                connection.close()


class Peer:
    def __init__(self, kind: str, host: str) -> None:
        listener = socket.socket()
        listener.bind((host, 0))
        listener.listen(4096)
        self.address = f"{host}:{listener.getsockname()[1]}"
        serve = {"echo": _serve_echo, "source": _serve_sources, "sink": _serve_sinks}[kind]
        self._process = multiprocessing.Process(target=lambda: (in_child(), serve(listener)), daemon=True)
        self._process.start()
        listener.close()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
