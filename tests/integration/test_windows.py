"""Receive windows that grow, and what else is done for long links: they are filled, nobody waits for an acknowledgement,
and what a slow client costs stays bounded."""
import socket
import statistics
import time

import pytest
from support import proc, targets
from support.lab import Lab
from support.scale import MB, MIB, SCALE
from support.wait import wait_until, wait_until_steady

RTT_SECONDS = 0.1
DELAYED_ACK_SECONDS = 0.04  # Linux
LINK_CHUNKS = 4096  # of the relay: as much as such a link holds
DEFAULT_WINDOW = 1.28 * MB  # libssh's own
LARGEST_WINDOW = 15 * MIB


@pytest.mark.sanitized
@pytest.mark.parametrize("hops", [1, 3])
def test_a_download_over_a_long_link_is_faster_than_libsshs_own_window_allows(lab: Lab, hops: int) -> None:
    chain = lab.chain(hops)
    relay = lab.relay_before(chain[0], queue_chunks=LINK_CHUNKS)
    tunnel = lab.profile("demo", chain, {"endless": lab.target(targets.endless)})
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)
    lab.tunneld.ok("restart", "demo")  # over the link as it is now
    with tunnel.connect() as client:

        def rate() -> float:
            begun, count = time.monotonic(), 0
            while (now := time.monotonic()) < begun + 0.5:
                count += len(client.recv(1 << 20))
            return count / (now - begun)

        wait_until(lambda: rate() > 2 * DEFAULT_WINDOW / RTT_SECONDS, 20, "twice what libssh's window makes")


@pytest.mark.alone
@pytest.mark.parametrize("answer", [60_000, 500_000])  # within libssh's first window of 64,000, and longer
@pytest.mark.parametrize("kept", [False, True])
def test_an_answer_does_not_wait_for_a_delayed_acknowledgement(lab: Lab, answer: int, kept: bool) -> None:
    tunnel = lab.profile("demo", lab.chain(3), {"answers": lab.target(targets.answers(answer))})
    tunnel.up()

    def ask(client: socket.socket) -> None:
        client.sendall(b"?")
        left = answer
        while left > 0:
            left -= len(client.recv(left))

    def seconds(client: socket.socket | None) -> float:
        begun = time.monotonic()
        if client is not None:
            ask(client)
        else:
            with tunnel.connect() as client:
                ask(client)
        return time.monotonic() - begun

    with tunnel.connect() as client:
        median = statistics.median(seconds(client if kept else None) for _ in range(9))
    print(f"{answer / MB} MB over three hops: {median * 1000:.1f} ms")
    if SCALE != "small":  # the sanitizers make more of it than the wait
        assert median < DELAYED_ACK_SECONDS


@pytest.mark.alone
def test_opening_a_connection_over_a_long_link_does_not_wait_for_a_delayed_acknowledgement(lab: Lab) -> None:
    chain = lab.chain(3)
    relay = lab.relay_before(chain[0])
    tunnel = lab.profile("demo", chain, {"echo": lab.target(targets.echo)})
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)

    def seconds_of_the_first_after_a_pause() -> float:
        lab.tunneld.ok("restart", "demo")
        wait_until_steady(lambda: relay.passed["down"], for_seconds=5 * RTT_SECONDS)
        begun = time.monotonic()
        with tunnel.connect() as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        return time.monotonic() - begun

    seconds = statistics.median(seconds_of_the_first_after_a_pause() for _ in range(3))
    assert seconds < 2 * RTT_SECONDS + 0.75 * DELAYED_ACK_SECONDS
    for hop in tunnel.status()["hops"]:
        assert 1 <= hop["rtt_ms"] / 1000 / RTT_SECONDS < 1.3


@pytest.mark.alone
def test_clients_that_stop_reading_on_a_long_link_cost_a_large_window_each_at_most(lab: Lab) -> None:
    clients_count = 4
    chain = lab.chain(2)
    relay = lab.relay_before(chain[0], queue_chunks=LINK_CHUNKS)
    tunnel = lab.profile("demo", chain, {"endless": lab.target(targets.endless)})
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)
    lab.tunneld.ok("restart", "demo")
    before = lab.tunneld.rss()
    clients = [tunnel.connect() for _ in range(clients_count)]
    for client in clients:  # each fills its windows first
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            client.recv(1 << 20)
    pid = lab.tunneld.pid  # asked once: each answer costs the daemon a little memory of its own
    growth = wait_until_steady(lambda: proc.rss_bytes(pid)) - before
    print(f"{clients_count} stalled on a long link: RSS + {growth / clients_count / MIB:.2f} MiB each")
    if SCALE != "small":
        # The channels of the first hop's session hold a window as well, for the sessions inside them.
        assert growth <= (clients_count + 1) * (LARGEST_WINDOW + 2 * MIB)
    for client in clients:
        client.close()
    if SCALE != "small":
        wait_until(lambda: lab.tunneld.rss() <= before + 16 * MIB, 10, "the memory is free again")


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_what_is_under_way_to_a_client_that_has_left_is_not_kept(lab: Lab, kind: str) -> None:
    server = getattr(lab, kind)()
    relay = lab.relay_before(server, queue_chunks=LINK_CHUNKS)
    tunnel = lab.profile("demo", [server], {"endless": lab.target(targets.endless), "echo": lab.target(targets.echo)})
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)
    lab.tunneld.ok("restart", "demo")
    before, reconnects = lab.tunneld.rss(), tunnel.status()["reconnects"]
    with tunnel.connect("endless") as client:
        ends = time.monotonic() + 2
        while time.monotonic() < ends:
            client.recv(1 << 20)
        relay.throttle(8 * MB)  # what is under way takes a second or two
    pid, seen = lab.tunneld.pid, []

    def passed() -> int:
        seen.append(proc.rss_bytes(pid))
        return relay.passed["down"]

    wait_until_steady(passed)
    most = max(seen)
    relay.throttle(None)
    print(f"after a client has left: RSS + {(most - before) / MIB:.2f} MiB at most")
    if SCALE != "small":
        assert most <= before + 5 * MIB
    with tunnel.connect("echo") as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    assert tunnel.status()["reconnects"] == reconnects, "the session has ended over it"
