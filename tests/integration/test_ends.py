"""How connections end: half-closed either way, reset either way, closed by a server that does not say EOF."""
import contextlib
import hashlib
import signal
import socket
import threading
import time
from typing import Callable

import pytest
from support import targets
from support.asyncssh_server import ANSWER_AFTER_SECONDS, GREETING
from support.lab import Lab, Tunnel
from support.process import send_signal
from support.scale import MB, patience, scaled
from support.stream import (
    ends_with,
    pattern_bytes,
    pattern_digest,
    receive_all,
    receive_digest,
    receive_exactly,
    reset,
    send_pattern,
)
from support.transfers import assert_talks, talking_client
from support.wait import Stopwatch, wait_until, wait_until_steady

RESETS = scaled(normal=100, small=20)
WITHIN_SECONDS = patience(1)


@pytest.mark.sanitized
@pytest.mark.parametrize("size", [0, 1, 20 * MB])
def test_a_client_that_ends_its_sending_side_still_gets_the_whole_reply(lab: Lab, size: int) -> None:
    tunnel = lab.profile("demo", lab.chain(2), {"digest": lab.target(targets.digest_of_request)})
    tunnel.up()
    with tunnel.connect() as client:
        send_pattern(client, size)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client).decode() == pattern_digest(size)


@pytest.mark.sanitized
def test_a_client_that_was_greeted_as_the_session_ended_is_not_greeted_again(lab: Lab) -> None:
    """The answer to the opening, the first data and the server's DISCONNECT come in one read: this client has been served,
    and another connection's bytes may not follow those of the first."""
    server = lab.asyncssh(behaviour="last-words")
    tunnel = lab.profile("demo", [server], {"greeting": "127.0.0.1:9"})
    tunnel.up()
    pid = lab.tunneld.pid
    with tunnel.connect() as client:
        wait_until(lambda: tunnel.status()["forwards"][0]["connections"] == 1, 5, "its channel is asked for")
        send_signal(pid, signal.SIGSTOP)
        time.sleep(ANSWER_AFTER_SECONDS + 0.3)
        send_signal(pid, signal.SIGCONT)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            client.settimeout(patience(2 * ANSWER_AFTER_SECONDS + 1))
            while more := client.recv(1000):
                received += more
        assert received in (b"", GREETING)
    with tunnel.connect() as client:
        assert receive_exactly(client, len(GREETING)) == GREETING


def test_a_client_that_ends_first_gets_a_long_reply_to_the_last_byte(lab: Lab) -> None:
    count = scaled(normal=50 * MB, small=5 * MB)
    tunnel = lab.profile("demo", lab.chain(2), {"bulk": lab.target(targets.source(count))})
    tunnel.up()
    with tunnel.connect() as client:
        client.shutdown(socket.SHUT_WR)
        assert receive_digest(client) == (count, pattern_digest(count))


@pytest.mark.sanitized
def test_a_server_that_ends_its_sending_side_still_gets_the_whole_request(lab: Lab) -> None:
    target = lab.target(targets.ends_first(b"go on"))
    tunnel = lab.profile("demo", lab.chain(2), {"upload": target})
    tunnel.up()
    with tunnel.connect() as client:
        assert receive_all(client) == b"go on"
        send_pattern(client, 20 * MB)
        client.shutdown(socket.SHUT_WR)
        assert target.results.get(timeout=20) == (20 * MB, pattern_digest(20 * MB))


def test_a_half_closed_connection_stays_open_for_a_slow_reply(lab: Lab) -> None:
    asked, go = threading.Event(), threading.Event()

    def answers_late(target: targets.Target, connection: socket.socket) -> None:
        data = receive_all(connection)
        asked.set()
        go.wait()
        connection.sendall(data)

    tunnel = lab.profile("demo", [lab.sshd()], {"late": lab.target(answers_late)})
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert asked.wait(patience(5))
        assert tunnel.status()["forwards"][0]["connections"] == 1
        go.set()
        assert receive_all(client) == b"question"


def repeat_without_growth(lab: Lab, tunnel: Tunnel, once: Callable[[], None]) -> None:
    once()
    before = lab.tunneld.descriptors()
    for _ in range(RESETS):
        once()
    wait_until(lambda: lab.tunneld.descriptors() <= before, 10, f"descriptors are back to {before}")
    assert tunnel.status()["state"] == "up"


@pytest.mark.limit(120)
@pytest.mark.sanitized
def test_a_reset_by_the_server_ends_the_client_within_a_second_100_times(lab: Lab) -> None:
    tunnel = lab.profile("demo", lab.chain(2), {"reset": lab.target(targets.resets_at_first_byte)})
    tunnel.up()

    def once() -> None:
        with tunnel.connect() as client:
            client.sendall(b"x")
            assert ends_with(client, WITHIN_SECONDS) in ("eof", "reset")

    repeat_without_growth(lab, tunnel, once)


@pytest.mark.limit(120)
@pytest.mark.sanitized
def test_a_reset_by_the_client_ends_the_server_within_a_second_100_times(lab: Lab) -> None:
    target = lab.target(targets.notes_the_end)
    tunnel = lab.profile("demo", lab.chain(2), {"target": target})
    tunnel.up()

    def once() -> None:
        client = tunnel.connect()
        assert receive_exactly(client, 1) == b"."
        reset(client)
        assert target.results.get(timeout=WITHIN_SECONDS) in ("eof", "reset")

    repeat_without_growth(lab, tunnel, once)


def test_a_client_that_is_killed_in_the_middle_of_a_download_frees_everything(lab: Lab) -> None:
    target = lab.target(targets.endless)
    tunnel = lab.profile("demo", lab.chain(2), {"endless": target})
    tunnel.up()

    def once() -> None:
        client = tunnel.connect()
        receive_exactly(client, 100_000)
        reset(client)
        wait_until(lambda: target.open_connections == 0, WITHIN_SECONDS, "the server has noticed")

    repeat_without_growth(lab, tunnel, once)


@pytest.mark.sanitized
def test_a_channel_that_closes_without_eof_resets_the_client(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.asyncssh(behaviour="close-without-eof")], {"odd": "127.0.0.1:9"})
    tunnel.up()
    with tunnel.connect() as client:
        assert receive_exactly(client, len(GREETING)) == GREETING
        client.sendall(b"x")
        assert ends_with(client, WITHIN_SECONDS) == "reset"
    assert tunnel.status()["state"] == "up"


def test_the_last_bytes_before_a_close_all_arrive(lab: Lab) -> None:
    """Many short replies, each ended at once: the end must never overtake the data."""
    reply = pattern_bytes(70_000)

    def sends_and_closes(target: targets.Target, connection: socket.socket) -> None:
        connection.sendall(reply)

    tunnel = lab.profile("demo", lab.chain(2), {"short": lab.target(sends_and_closes)})
    tunnel.up()
    expected = hashlib.sha256(reply).hexdigest()
    for _ in range(scaled(normal=200, small=50)):
        with tunnel.connect() as client:
            assert receive_digest(client) == (len(reply), expected)


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_a_client_that_resets_while_its_channel_opens_does_no_harm_to_another_of_the_session(lab: Lab, kind: str) -> None:
    server = getattr(lab, kind)()
    relay = lab.relay_before(server)
    confirmed = threading.Event()

    def greets_before_the_close_has_come(target: targets.Target, connection: socket.socket) -> None:
        confirmed.wait()
        connection.sendall(b"220 at your service")
        receive_all(connection)
        target.results.put("left")

    greets = lab.target(greets_before_the_close_has_come)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo), "greets": greets})
    tunnel.up()
    with talking_client(tunnel, "echo") as other:
        relay.delay(0.2)
        wait_until_steady(lambda: relay.passed["down"])
        answered = relay.passed["down"]
        leaving = tunnel.connect("greets")
        wait_until(lambda: greets.accepted == 1, 10, "its channel opens")
        reset(leaving)
        wait_until(lambda: relay.passed["down"] > answered, 10, "the opening is confirmed")
        confirmed.set()
        assert greets.results.get(timeout=patience(10)) == "left"
        assert_talks(other)
    assert tunnel.status()["reconnects"] == 0


def test_a_download_that_takes_long_does_not_hold_up_another_client(lab: Lab) -> None:
    tunnel = lab.profile(
        "demo", [lab.sshd()], {"echo": lab.target(targets.echo), "bulk": lab.target(targets.endless)}
    )
    tunnel.up()
    with tunnel.connect("bulk") as bulk:
        threading.Thread(target=_drain, args=(bulk,), daemon=True).start()
        with tunnel.connect("echo") as client:
            for _ in range(20):
                watch = Stopwatch()
                client.sendall(b"x")
                assert client.recv(1) == b"x"
                assert watch.seconds < WITHIN_SECONDS
        bulk.shutdown(socket.SHUT_RDWR)


def _drain(sock: socket.socket) -> None:
    try:
        receive_digest(sock)
    except OSError:
        pass


@pytest.mark.sanitized
def test_what_the_server_has_sent_in_full_outlives_the_session(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"bulk": lab.target(targets.endless)})

    def taken_by_one_who_does_not_read() -> int:
        return wait_until_steady(lambda: tunnel.status()["forwards"][0]["bytes_out"])

    tunnel.up()
    with small_client(tunnel):
        taken = taken_by_one_who_does_not_read()
    count = taken + 100_000  # the rest waits in the daemon
    lab.profiles["demo"]["forwards"]["bulk"]["connect"] = lab.target(targets.source(count)).address
    lab.save()
    tunnel.up()
    with small_client(tunnel) as client:
        client.shutdown(socket.SHUT_WR)
        taken_by_one_who_does_not_read()
        server.kill_sessions()
        wait_until(lambda: lab.tunneld.last_error("demo")["code"] == "E-SESSION-LOST", 5, "the loss is seen")
        assert receive_digest(client) == (count, pattern_digest(count))


def small_client(tunnel: Tunnel) -> socket.socket:
    """Its buffer does not grow."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.settimeout(30)
    client.connect(("127.0.0.1", tunnel.port))
    return client
