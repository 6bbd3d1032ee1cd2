"""Two network namespaces with a long link between them: TCP goes from end to end over it, as between two machines, where a
relay that delays (faulty_relay.py) ends each connection and acknowledges by itself. Linux, as root."""
import collections
import ctypes
import fcntl
import multiprocessing
import os
import select
import signal
import struct
import subprocess
import time
from contextlib import contextmanager
from typing import Iterator

NEAR, FAR = "198.18.0.1", "198.18.0.2"  # RFC 2544, section C.2.2: for measurements
MTU = 1500  # as in the internet: how much SSH servers hold back until it is acknowledged depends on it
QUEUE_PACKETS = 100_000  # nothing is lost
RECEIVE_BUFFER = 32 << 20  # the most that the near end's kernel takes in for a connection: what newer kernels allow by default
TUN = "/dev/net/tun"

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _namespace() -> int:
    """That of this thread."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _enter(namespace: int) -> None:
    _checked(_libc.setns(namespace, _CLONE_NEWNET), "setns")


def _carry(source: int, sink: int, delay_seconds: float) -> None:
    """Packets from one end to the other, each after the delay."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    under_way: collections.deque[tuple[float, bytes]] = collections.deque()
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        if select.select([source], [], [], wait)[0]:
            under_way.append((time.monotonic() + delay_seconds, os.read(source, 1 << 16)))
        while under_way and under_way[0][0] <= time.monotonic():
            try:
                os.write(sink, under_way.popleft()[1])
            except OSError:
                pass  # as networks do


class LongNetwork:
    """While it is entered, this thread, and what it starts, is at the link's near end; within far(), at the other. Each end has
    a loopback of its own."""

    def __init__(self, rtt_seconds: float, send_buffer: int) -> None:
        """`send_buffer`: the most that the far end's kernel holds for a connection until it is acknowledged, in bytes of its
        memory (tcp_wmem, tcp(7)); packets fill two thirds of it."""
        self.delay_seconds = rtt_seconds / 2
        self.send_buffer = send_buffer
        self._open: list[int] = []
        self._carriers: list[multiprocessing.Process] = []

    def __enter__(self) -> "LongNetwork":
        self._home = self._keep(_namespace())
        try:
            near_end = self._new_end("near", NEAR)
            self._near = self._keep(_namespace())
            with open("/proc/sys/net/ipv4/tcp_rmem", "w") as file:
                file.write(f"4096 131072 {RECEIVE_BUFFER}")
            far_end = self._new_end("far", FAR)
            self._far = self._keep(_namespace())
            with open("/proc/sys/net/ipv4/tcp_wmem", "w") as file:
                file.write(f"4096 16384 {self.send_buffer}")
            for ends in ((near_end, far_end), (far_end, near_end)):
                carrier = multiprocessing.Process(target=_carry, args=(*ends, self.delay_seconds), daemon=True)
                carrier.start()
                self._carriers.append(carrier)
            _enter(self._near)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _enter(self._home)
        for carrier in self._carriers:
            carrier.kill()
            carrier.join()
        for each in self._open:
            os.close(each)

    @contextmanager
    def far(self) -> Iterator[None]:
        _enter(self._far)
        try:
            yield
        finally:
            _enter(self._near)

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def _new_end(self, name: str, address: str) -> int:
        """In a namespace of its own, in which this thread is then."""
        _checked(_libc.unshare(_CLONE_NEWNET), "unshare")
        end = self._keep(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
        fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        for command in (
            "link set lo up",
            f"address add {address}/24 dev {name}",
            f"link set {name} mtu {MTU} txqueuelen {QUEUE_PACKETS} up",
        ):
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        return end
