"""Bounded memory: clients or targets that stop reading cost a window each, and give it back."""
import queue
import socket
import time
from contextlib import ExitStack

import pytest
from support import proc, targets
from support.lab import Lab, Tunnel
from support.scale import MB, MIB, SCALE, scaled
from support.stream import pattern_bytes, receive_exactly
from support.transfers import assert_moves_both_ways, download_rate
from support.wait import wait_until, wait_until_steady

STALLED = scaled(normal=200, small=20)
MEASURED = SCALE != "small"  # sanitizers keep freed memory and shadow what is used: sizes mean nothing there
READER_BYTES = 1.75 * MIB  # libssh's receive window, and what is queued beside it
WRITER_BYTES = 0.5 * MIB
KEPT_BYTES = 16 * MIB  # what the allocator may keep for itself after a burst
FURTHER_BYTES = scaled(normal=80 * MB, small=5 * MB, full=200 * MB)
# Of the rate before. One sshd serves all 201 channels, and its loop grows with them, whoever the client is: `ssh -L -J`
# falls to 0.58-0.65 here.
FULL_SPEED = 0.5
PIECE = 16 * 1024
PIECES = scaled(normal=2000, small=200)
PSS_BYTES = 12 * MB


def test_a_client_that_never_catches_up_costs_no_more_the_longer_it_goes_on(lab: Lab) -> None:
    """It is behind by as much as its socket does not take, and reads as fast as the target sends: the queue never empties."""
    pieces: queue.Queue[int] = queue.Queue()

    def feed(target: targets.Target, connection: socket.socket) -> None:
        while size := pieces.get():
            connection.sendall(bytes(size))

    tunnel = lab.profile("demo", [lab.sshd()], {"feed": lab.target(feed)})
    path = lab.folder / "feed.sock"  # of a unix socket the buffer is small, and does not grow
    lab.profiles["demo"]["forwards"]["feed"]["listen"] = f"unix:{path}"
    lab.save()
    tunnel.up()
    pid = lab.tunneld.pid
    sent = 0

    def behind() -> int:
        return sent - int(tunnel.status()["forwards"][0]["bytes_out"])

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        while behind() < 2 * PIECE:
            pieces.put(PIECE)
            sent += PIECE
            time.sleep(0.02)
        pieces.put(2 * PIECE)
        before = proc.rss_bytes(pid)
        for _ in range(PIECES):
            pieces.put(PIECE)
            receive_exactly(client, PIECE)
            time.sleep(0.001)
        growth = proc.rss_bytes(pid) - before
        pieces.put(0)
    print(f"RSS + {growth / MIB:.2f} MiB while {PIECES * PIECE / MB:.0f} MB passed")
    assert not MEASURED or growth < PIECES * PIECE / 8


def best_rate(tunnel: Tunnel) -> float:
    return max(download_rate(tunnel, FURTHER_BYTES, "further") for _ in range(5))


def assert_bounded(lab: Lab, tunnel: Tunnel, before: int, rate_before: float, per_client: float) -> None:
    pid = lab.tunneld.pid  # asked once: each answer costs the daemon a little memory of its own
    growth = wait_until_steady(lambda: proc.rss_bytes(pid)) - before if MEASURED else 0
    rate = best_rate(tunnel)
    print(
        f"{STALLED} stalled: RSS + {growth / STALLED / MIB:.2f} MiB each; further client "
        f"{rate / MB:.0f} MB/s, before {rate_before / MB:.0f} MB/s"
    )
    if MEASURED:
        assert growth <= STALLED * per_client
        assert rate >= FULL_SPEED * rate_before


def assert_free_again(lab: Lab, before: int) -> None:
    if MEASURED:
        wait_until(
            lambda: lab.tunneld.rss() <= before + KEPT_BYTES, 10, f"RSS is back near {before / MIB:.1f} MiB"
        )


@pytest.mark.alone
@pytest.mark.limit(120)
def test_200_clients_that_stop_reading_cost_a_window_each_and_disturb_nobody(lab: Lab) -> None:
    tunnel = lab.profile(
        "demo",
        lab.chain(2),
        {"endless": lab.target(targets.endless), "further": lab.target(targets.source(FURTHER_BYTES))},
    )
    tunnel.up()
    rate_before, before, descriptors = best_rate(tunnel), lab.tunneld.rss(), lab.tunneld.descriptors()
    with ExitStack() as stack:
        for _ in range(STALLED):
            client = stack.enter_context(tunnel.connect("endless"))
            assert client.recv(1)
        assert_bounded(lab, tunnel, before, rate_before, READER_BYTES)
    tunnel.wait_until_clients_are_gone(descriptors, 10)
    assert_free_again(lab, before)


@pytest.mark.alone
@pytest.mark.limit(120)
def test_200_clients_of_a_target_that_stops_reading_cost_half_a_mib_each(lab: Lab) -> None:
    stuck = lab.target(targets.never_reads)
    tunnel = lab.profile(
        "demo", lab.chain(2), {"stuck": stuck, "further": lab.target(targets.source(FURTHER_BYTES))}
    )
    tunnel.up()
    rate_before, before, descriptors = best_rate(tunnel), lab.tunneld.rss(), lab.tunneld.descriptors()
    data = pattern_bytes(MIB)
    sent = 0
    with ExitStack() as stack:
        clients = [stack.enter_context(tunnel.connect("stuck")) for _ in range(STALLED)]
        for client in clients:
            client.setblocking(False)

        def push() -> int:
            nonlocal sent
            for client in clients:
                try:
                    sent += client.send(data)
                except BlockingIOError:
                    pass
            return sent

        wait_until_steady(push)
        assert_bounded(lab, tunnel, before, rate_before, WRITER_BYTES)
    stuck.release.set()
    tunnel.wait_until_clients_are_gone(descriptors, 20)
    assert_free_again(lab, before)


def test_the_daemon_with_a_three_hop_profile_up_takes_less_than_12_mb(lab: Lab) -> None:
    tunnel = lab.profile("demo", lab.chain(3), {"bulk": lab.target(targets.both_ways(10 * MB))})
    tunnel.up()
    idle = proc.pss_bytes(lab.tunneld.pid)
    assert_moves_both_ways(tunnel, 10 * MB)
    after = proc.pss_bytes(lab.tunneld.pid)
    print(f"PSS idle {idle / MB:.1f} MB, after 10 MB each way {after / MB:.1f} MB")
    if MEASURED:
        assert idle < PSS_BYTES


def test_what_only_the_coming_up_needed_is_given_back(lab: Lab) -> None:
    tunnel = lab.profile("demo", lab.chain(2), {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    if MEASURED:
        wait_until(lambda: proc.rss_bytes(pid) < proc.peak_rss_bytes(pid) - 2 * MB, 10, "it takes less at rest")
    print(f"RSS {proc.peak_rss_bytes(pid) / MB:.1f} MB at most, {proc.rss_bytes(pid) / MB:.1f} MB at rest")
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
