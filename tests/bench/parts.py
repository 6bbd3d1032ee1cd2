"""The parts of the benchmark. Each sets up a lab of its own, and takes less than a minute."""
import re
import socket
import subprocess
import time
from contextlib import ExitStack
from typing import Callable, Iterator

from support.lab import Lab
from support.postgres import Postgres, client_environment

from .measure import Row, take_turns
from .peers import PIECE, Peer, discard
from .tools import Direct, Openssh, Tool, Tunneld, connect, cpu_seconds

MB = 1_000_000
GB = 1000 * MB
BULK = 250 * MB
PGBENCH = "/usr/bin/pgbench"
PGBENCH_SECONDS = 1
ZEROS = bytes(1 << 20)
LINK_CHUNKS = 4096  # a link holds what its speed and its delay make; the relay must not be the limit
WAN_REPETITIONS = 2


def _lab(stack: ExitStack) -> Lab:
    lab = Lab()
    stack.callback(lab.close)
    return lab


def _peer(stack: ExitStack, kind: str) -> Peer:
    peer = Peer(kind)
    stack.callback(peer.stop)
    return peer


def _tools(stack: ExitStack, lab: Lab, hops: int, forwards: dict[str, str], delay_ms: float = 0) -> list[Tool]:
    """Both over the same servers, standing at the same time; each rests while another is measured. `delay_ms`: each
    way, on the link to the first hop."""
    chain = lab.chain(hops)
    if delay_ms:
        lab.relay_before(chain[0], queue_chunks=LINK_CHUNKS).delay(delay_ms / 1000)
    tools: list[Tool] = [Openssh(lab, chain, forwards), Tunneld(lab, chain, forwards), Direct(forwards)]
    for tool in tools:
        stack.callback(tool.stop)
    return tools


def _download(tool: Tool) -> dict[str, float]:
    return _bulk(tool, "down", lambda sock: (sock.sendall(b"%d\n" % BULK), discard(sock))[1])


def _upload(tool: Tool) -> dict[str, float]:
    def send(sock: socket.socket) -> int:
        for _ in range(BULK // len(ZEROS)):
            sock.sendall(ZEROS)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b"."
        return BULK // len(ZEROS) * len(ZEROS)

    return _bulk(tool, "up", send)


def _bulk(tool: Tool, direction: str, move: Callable) -> dict[str, float]:
    pids = tool.pids()
    with connect(tool, {"up": "sink", "down": "source"}[direction]) as sock:
        before, begun = cpu_seconds(pids), time.monotonic()
        moved = move(sock)
        seconds, spent = time.monotonic() - begun, cpu_seconds(pids) - before
    figures = {"MB/s": moved / MB / seconds}
    if pids:
        figures["CPU s/GB"] = spent / (moved / GB)
    return figures


def throughput() -> Iterator[Row]:
    wanted = {"up": (">= 1.3", ">= 1.3", ">= 1.5"), "down": (">= 1.1", ">= 1.2", ">= 1.3")}
    wanted_cpu = ("<= 0.75", "<= 0.65", "<= 0.6")
    for hops in (1, 2, 3):
        with ExitStack() as stack:
            lab = _lab(stack)
            forwards = {kind: _peer(stack, kind).address for kind in ("source", "sink")}
            tools = _tools(stack, lab, hops, forwards)
            for direction, move in (("up", _upload), ("down", _download)):
                for unit, medians in take_turns(tools, move).items():
                    bound = wanted[direction][hops - 1] if unit == "MB/s" else wanted_cpu[hops - 1]
                    yield Row("throughput", f"{direction}, {_hops(hops)}", unit, medians, bound)


def _pgbench(tool: Tool, clients: int, new_connection_each: bool) -> dict[str, float]:
    done = subprocess.run(
        [PGBENCH, "-n", "-S", "-c", str(clients), "-j", "1", "-T", str(PGBENCH_SECONDS)]
        + (["-C"] if new_connection_each else []),
        env=client_environment("127.0.0.1", tool.ports["postgres"]),
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return {"tps": float(found[1])}


def _queries(part: str, new_connection_each: bool, wanted: dict[tuple[int, int], str], clients: tuple[int, ...]) -> Iterator[Row]:
    with ExitStack() as stack:
        lab = _lab(stack)
        server = lab.postgres()
        _fill(server)
        for hops in (1, 2, 3):
            with ExitStack() as inner:
                each = _lab(inner)
                tools = _tools(inner, each, hops, {"postgres": f"127.0.0.1:{server.port}"})
                for count in clients:
                    medians = take_turns(tools, lambda tool: _pgbench(tool, count, new_connection_each))["tps"]
                    what = f"{count} client{'s' if count > 1 else ''}, {_hops(hops)}"
                    yield Row(part, what, "tps", medians, wanted.get((count, hops), ""))


def _fill(server: Postgres) -> None:
    subprocess.run(
        [PGBENCH, "-i", "-q", "-s", "1"],
        env=client_environment("127.0.0.1", server.port),
        capture_output=True,
        check=True,
    )


def latency() -> Iterator[Row]:
    wanted = {(1, 2): ">= 1.2", (1, 3): ">= 1.2", (16, 2): ">= 1.4", (16, 3): ">= 1.4"}
    yield from _queries("latency", False, wanted, (1, 16))


def churn() -> Iterator[Row]:
    wanted = {(count, hops): bound for hops in (1, 2, 3) for count, bound in ((1, ">= 0.9"), (4, ">= 4"))}
    yield from _queries("churn", True, wanted, (1, 4))


def _steady_download(tool: Tool) -> dict[str, float]:
    """The speed in the second second."""
    with connect(tool, "source") as sock:
        sock.sendall(b"%d\n" % (100 * GB))
        buffer = bytearray(PIECE)
        begun, counted = time.monotonic(), 0
        while (now := time.monotonic()) < begun + 2:
            got = sock.recv_into(buffer, PIECE, socket.MSG_TRUNC)
            counted += got if now > begun + 1 else 0
        return {"MB/s": counted / MB / (time.monotonic() - begun - 1)}


def _wan_upload(tool: Tool) -> dict[str, float]:
    with connect(tool, "sink") as sock:
        begun = time.monotonic()
        for _ in range(20):
            sock.sendall(ZEROS)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b"."
        return {"MB/s": 20 * len(ZEROS) / MB / (time.monotonic() - begun)}


def wan() -> Iterator[Row]:
    for rtt_ms, hops, what, measure, wanted in (
        (100, 1, "download", _steady_download, ">= 4.5"),
        (100, 3, "download", _steady_download, ">= 5"),
        (100, 1, "upload", _wan_upload, ">= 1"),
        (100, 3, "upload", _wan_upload, ">= 1"),
        (20, 3, "download", _steady_download, ""),
    ):
        with ExitStack() as stack:
            lab = _lab(stack)
            forwards = {kind: _peer(stack, kind).address for kind in ("source", "sink")}
            tools = _tools(stack, lab, hops, forwards, rtt_ms / 2)[:2]
            medians = take_turns(tools, measure, repetitions=WAN_REPETITIONS)["MB/s"]
            yield Row("wan", f"{what}, {rtt_ms} ms, {_hops(hops)}", "MB/s", medians, wanted)


def _hops(count: int) -> str:
    return f"{count} hop{'s' if count > 1 else ''}"


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "throughput": throughput,
    "latency": latency,
    "churn": churn,
    "wan": wan,
}
