"""Receive windows that grow, and what else is done for long links: they are filled, nobody waits for an acknowledgement,
and what a slow client costs stays bounded."""
import socket
import statistics
import time
from contextlib import ExitStack

import pytest
from support import proc, targets
from support.lab import Lab, Tunnel
from support.scale import MB, MIB, SCALE
from support.stream import receive_exactly
from support.wait import wait_until, wait_until_steady

RTT_SECONDS = 0.1
DELAYED_ACK_SECONDS = 0.04  # Linux
ANSWER, ANSWERS = 60_000, 40  # two packets of SSH; with libssh's first window, of 64,000
LONG_ANSWER = 500_000
MOST_BETWEEN_NUDGES_SECONDS = 0.01
LINK_CHUNKS = 4096  # of the relay: as much as such a link holds
DEFAULT_WINDOW = 1.28 * MB  # libssh's own
LARGEST_WINDOW = 15 * MIB
IDLE_CONNECTIONS = 40 if SCALE == "small" else 340
IDLE_TOOK = 300_000  # enough for a window to be made larger


def _seconds_of_an_answer(tunnel: Tunnel, client: socket.socket | None, answer: int = ANSWER) -> float:
    """`client` is None: over a connection of its own."""
    begun, left = time.monotonic(), answer
    with ExitStack() as stack:
        asker = client or stack.enter_context(tunnel.connect())
        asker.sendall(b"?")
        while left > 0:
            got = len(asker.recv(left))
            assert got, "the target has gone"
            left -= got
        return time.monotonic() - begun


@pytest.mark.sanitized
@pytest.mark.parametrize("hops", [1, 3])
def test_a_download_over_a_long_link_has_as_large_a_window_as_libssh_lets_it(lab: Lab, hops: int) -> None:
    chain = lab.chain(hops)
    relay = lab.relay_before(chain[0], queue_chunks=LINK_CHUNKS)
    tunnel = lab.profile("demo", chain, {"endless": lab.target(targets.endless)})
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)
    lab.tunneld.ok("restart", "demo")  # over the link as it is now
    fixed = tunnel.status()["fixed_window_bytes"]  # since libssh 0.11
    if fixed is not None:
        assert "window      fixed by libssh" in lab.tunneld.ok("status", "demo").text
    wanted = (2 * DEFAULT_WINDOW if fixed is None else 0.8 * fixed) / RTT_SECONDS
    with tunnel.connect() as client:

        def rate() -> float:
            begun, count = time.monotonic(), 0
            while (now := time.monotonic()) < begun + 0.5:
                count += len(client.recv(1 << 20))
            return count / (now - begun)

        wait_until(lambda: rate() > wanted, 20, f"{wanted / MB} MB/s")


@pytest.mark.alone
@pytest.mark.parametrize("hops", [1, 3])  # over one it is only our own end that acknowledges
@pytest.mark.parametrize("kept", [False, True])
def test_an_answer_does_not_wait_for_a_delayed_acknowledgement(lab: Lab, kept: bool, hops: int) -> None:
    tunnel = lab.profile("demo", lab.chain(hops), {"answers": lab.target(targets.answers(ANSWER))})
    tunnel.up()
    with tunnel.connect() as client:
        times = [_seconds_of_an_answer(tunnel, client if kept else None) for _ in range(ANSWERS)]
    late = sum(each >= DELAYED_ACK_SECONDS for each in times)
    print(f"{ANSWER / MB} MB, hops: {hops}: {statistics.median(times) * 1000:.1f} ms, {late} of {ANSWERS} late")
    if SCALE != "small":  # the sanitizers make more of it than the wait
        assert late < ANSWERS / 4  # the machine may have other things to do


@pytest.mark.alone
def test_the_first_answer_of_a_connection_over_a_long_link_has_more_than_libsshs_first_window(lab: Lab) -> None:
    chain = lab.chain(3)
    relay = lab.relay_before(chain[0])
    tunnel = lab.profile("demo", chain, {"answers": lab.target(targets.answers(LONG_ANSWER))})
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)
    lab.tunneld.ok("restart", "demo")
    seconds = statistics.median(_seconds_of_an_answer(tunnel, None, LONG_ANSWER) for _ in range(3))
    print(f"{LONG_ANSWER / MB} MB over three hops: {seconds / RTT_SECONDS:.2f} round trips")
    if SCALE != "small":
        assert seconds < 3.25 * RTT_SECONDS  # the opening, the answer, and some time to work; with the first window 3.6


@pytest.mark.alone
def test_acknowledgements_are_not_asked_for_all_the_time(lab: Lab) -> None:
    def trickle(target: targets.Target, connection: socket.socket) -> None:
        while not target.release.wait(0.004):
            connection.sendall(bytes(1400))

    chain = lab.chain(3)
    relay = lab.relay_before(chain[0])
    tunnel = lab.profile("demo", chain, {"trickle": lab.target(trickle)})
    tunnel.up()
    relay.delay(0.02)
    lab.tunneld.ok("restart", "demo")
    with tunnel.connect() as client:
        client.recv(1400)
        before, begun = dict(relay.passed), time.monotonic()
        while (elapsed := time.monotonic() - begun) < 3:
            client.recv(1 << 20)
        rates = {way: (relay.passed[way] - before[way]) / elapsed for way in before}
    print(f"{rates['down'] / 1000:.0f} kB/s down, {rates['up'] / 1000:.1f} up")
    # A nudge has 132 bytes on the first link. All that comes would make 250 a second.
    assert rates["up"] < 132 * 1.3 / MOST_BETWEEN_NUDGES_SECONDS


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
def test_idle_connections_leave_a_download_its_window(lab: Lab) -> None:
    server = lab.sshd()
    relay = lab.relay_before(server, queue_chunks=LINK_CHUNKS)
    forwards = {"answers": lab.target(targets.answers(IDLE_TOOK)), "endless": lab.target(targets.endless)}
    tunnel = lab.profile("demo", [server], forwards)
    tunnel.up()
    relay.delay(RTT_SECONDS / 2)
    lab.tunneld.ok("restart", "demo")
    with ExitStack() as stack:
        idle = [stack.enter_context(tunnel.connect("answers")) for _ in range(IDLE_CONNECTIONS)]
        for client in idle:
            client.sendall(b"?")
        for client in idle:
            receive_exactly(client, IDLE_TOOK)
        client = stack.enter_context(tunnel.connect("endless"))
        begun, counted = time.monotonic(), 0
        while (now := time.monotonic()) < begun + 20 * RTT_SECONDS:
            got = len(client.recv(1 << 20))
            counted += got if now > begun + 10 * RTT_SECONDS else 0
    windows = counted / 10 / DEFAULT_WINDOW
    print(f"beside {IDLE_CONNECTIONS} idle connections: {windows:.1f} of libssh's windows a round trip")
    assert windows > 2


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
