"""What stands behind the tunnels while they are measured: servers in processes of their own, so that no tool waits for
this program's interpreter, and as cheap as the kernel allows, so that the tools get the processors."""
import multiprocessing
import os
import selectors
import socket
import tempfile
from typing import Callable

PIECE = 1 << 20


def _source(connection: socket.socket) -> None:
    """Sends as many bytes as the first line says, straight from the page cache, and closes."""
    line = connection.makefile("rb").readline()
    if not line:
        return  # somebody looked whether the port answers
    count = int(line)
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        os.truncate(file.fileno(), count)
        while (sent := os.sendfile(connection.fileno(), file.fileno(), None, count)) > 0:
            count -= sent


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


def _serve_threaded(listener: socket.socket, handler: Callable[[socket.socket], None]) -> None:
    import threading

    def run(connection: socket.socket) -> None:
        with connection:
            try:
                handler(connection)
            except OSError:
                pass  # whoever measures sees it at the other end

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=run, args=(connection,), daemon=True).start()


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
    def __init__(self, kind: str) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        if kind == "echo":
            self._process = multiprocessing.Process(target=_serve_echo, args=(listener,), daemon=True)
        else:
            handler = {"source": _source, "sink": _sink}[kind]
            self._process = multiprocessing.Process(target=_serve_threaded, args=(listener, handler), daemon=True)
        self._process.start()
        listener.close()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
