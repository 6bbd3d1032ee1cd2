"""A TCP relay that does to connections what networks do: delay, throttle, swallow, cut, refuse, corrupt.

It runs in a thread of its own. Every setting takes effect at once, for open connections as well.
"""
import asyncio
import socket
import threading
import time
from typing import Any, Awaitable, Callable

from .ports import free_port
from .stream import reset

CHUNK_BYTES = 1 << 18
QUEUE_CHUNKS = 16
THROTTLE_STEP_SECONDS = 0.05

UP, DOWN = "up", "down"  # from the client to the server, and back


class FaultyRelay:
    def __init__(
        self, server_port: int, server_host: str = "127.0.0.1", queue_chunks: int = QUEUE_CHUNKS
    ) -> None:
        """`queue_chunks`: how many reads may be under way in each direction, as on a link with a delay."""
        self._queue_chunks = queue_chunks
        self.server = (server_host, server_port)
        self.port = free_port()
        self.delay_seconds = {UP: 0.0, DOWN: 0.0}
        self.bytes_per_second: dict[str, float | None] = {UP: None, DOWN: None}
        self.passed = {UP: 0, DOWN: 0}
        self.connections = 0  # ever accepted
        self.answers = 0  # how often something has gone down after something had gone up: round trips
        self._last_direction = DOWN
        self._flip_at: dict[str, int | None] = {UP: None, DOWN: None}
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._open = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        self._gates: set[asyncio.Event] = set()  # of connections
        self._admitting = asyncio.Event()
        for gate in (*self._open.values(), self._admitting):
            gate.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.refuse(False)

    # What a test says. Each returns when it is in force.

    def delay(self, seconds: float) -> None:
        """Each byte arrives that much later, either way."""
        self.delay_seconds = {UP: seconds, DOWN: seconds}

    def throttle(self, bytes_per_second: float | None) -> None:
        self.bytes_per_second = {UP: bytes_per_second, DOWN: bytes_per_second}

    def blackhole(self, on: bool = True, directions: tuple[str, ...] = (UP, DOWN)) -> None:
        """Connections stay, new ones are accepted, nothing passes until it is switched off."""

        def switch() -> None:
            for direction in directions:
                (self._open[direction].clear if on else self._open[direction].set)()

        self._call(switch)

    def strand(self, on: bool = True) -> None:
        """Nothing passes any more in connections that stand, as after a change of the network; new ones go through."""

        def switch() -> None:
            for gate in self._gates:
                (gate.clear if on else gate.set)()

        self._call(switch)

    def refuse(self, on: bool = True) -> None:
        """New connections are refused; those that stand are left alone."""
        self._call(self._stop_listening if on else self._listen)

    def stall_new(self, on: bool = True) -> None:
        """New connections are accepted, and nothing more until it is switched off; those that stand go on."""
        self._call(self._admitting.clear if on else self._admitting.set)

    def cut(self) -> None:
        """Resets every connection, at both ends."""

        def cut() -> None:
            for each in list(self._sockets):
                self._drop(each)

        self._call(cut)

    def flip_bit(self, direction: str, after_bytes: int) -> None:
        """Turns one bit over in what passes, `after_bytes` from now."""
        self._call(lambda: self._flip_at.__setitem__(direction, self.passed[direction] + after_bytes))

    def stop(self) -> None:
        if self._loop.is_closed():
            return
        self.refuse(True)
        self.cut()

        async def end() -> None:
            while others := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:  # one may start another
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What happens in the relay's thread.

    def _call(self, action: Callable[[], Any]) -> None:
        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _listen(self) -> None:
        if self._listener is not None:
            return
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setblocking(False)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(512)
        self._accepting = self._loop.create_task(self._accept(self._listener))

    def _stop_listening(self) -> None:
        if self._listener is None:
            return
        assert self._accepting is not None
        self._accepting.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        self._listener = None

    def _drop(self, sock: socket.socket) -> None:
        self._sockets.discard(sock)
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            reset(sock)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listener)
            self.connections += 1
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.add(client)
            self._loop.create_task(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.add(server)
        pumps: list[asyncio.Task[None]] = []
        gate = asyncio.Event()
        gate.set()
        self._gates.add(gate)
        try:
            await self._admitting.wait()
            await self._open[UP].wait()
            await self._loop.sock_connect(server, self.server)
            pumps = [
                self._loop.create_task(self._pump(client, server, UP, gate)),
                self._loop.create_task(self._pump(server, client, DOWN, gate)),
            ]
            await asyncio.gather(*pumps)
            for each in (client, server):
                self._sockets.discard(each)
                each.close()
        except OSError:
            for pump in pumps:
                pump.cancel()
            self._drop(client)
            self._drop(server)
        finally:
            self._gates.discard(gate)

    async def _pump(
        self, source: socket.socket, sink: socket.socket, direction: str, gate: asyncio.Event
    ) -> None:
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(self._queue_chunks)
        sender = self._loop.create_task(self._send(chunks, sink, direction, gate))
        try:
            while True:
                await self._open[direction].wait()
                await gate.wait()
                chunk = await self._until_failed(self._loop.sock_recv(source, CHUNK_BYTES), sender)
                await self._until_failed(
                    chunks.put((time.monotonic() + self.delay_seconds[direction], chunk)), sender
                )
                if not chunk:
                    break
            await sender
        finally:
            sender.cancel()

    async def _until_failed(self, step: Awaitable[Any], sender: "asyncio.Task[None]") -> Any:
        """The step's result; the sender's error if that comes first."""
        task = asyncio.ensure_future(step)
        try:
            await asyncio.wait({task, sender}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            await sender
            raise ConnectionResetError
        finally:
            task.cancel()  # also where this one is

    async def _send(
        self,
        chunks: "asyncio.Queue[tuple[float, bytes]]",
        sink: socket.socket,
        direction: str,
        gate: asyncio.Event,
    ) -> None:
        while True:
            due, chunk = await chunks.get()
            if due > time.monotonic():
                await asyncio.sleep(due - time.monotonic())
            await self._open[direction].wait()
            await gate.wait()
            if not chunk:
                sink.shutdown(socket.SHUT_WR)
                return
            await self._send_at_rate(self._corrupt(chunk, direction), sink, direction)

    async def _send_at_rate(self, data: bytes, sink: socket.socket, direction: str) -> None:
        while data:
            rate = self.bytes_per_second[direction]
            piece = data if rate is None else data[: max(1, int(rate * THROTTLE_STEP_SECONDS))]
            await self._loop.sock_sendall(sink, piece)
            data = data[len(piece) :]
            if rate is not None:
                await asyncio.sleep(len(piece) / rate)

    def _corrupt(self, chunk: bytes, direction: str) -> bytes:
        at = self._flip_at[direction]
        self.answers += (self._last_direction, direction) == (UP, DOWN)
        self._last_direction = direction
        start = self.passed[direction]
        self.passed[direction] += len(chunk)
        if at is None or not start <= at < start + len(chunk):
            return chunk
        self._flip_at[direction] = None
        damaged = bytearray(chunk)
        damaged[at - start] ^= 1
        return bytes(damaged)
