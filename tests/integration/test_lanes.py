"""Further sessions to a tunnel's target, opened where a new connection would find none that is quiet."""
import fcntl
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Sequence

import pytest
from support import targets
from support.lab import Lab, Tunnel
from support.preload import SlowNames
from support.process import alive, children_of, send_signal
from support.scale import MB, MIB, patience
from support.sshd import Sshd, SshServer
from support.stream import ends_with, pattern_bytes, receive_exactly, reset, send_pattern
from support.transfers import assert_echoes, assert_talks, talking_client
from support.wait import Stopwatch, wait_until

PATIENCE_SECONDS = 2  # how long a client waits for a lane
AT_ONCE_SECONDS = 1  # enough for a log-in on loopback, and less than the patience
RETRY_SECONDS = 30  # after a lane could not be opened
STALL_SECONDS = 6  # a second in silence, and five without an answer to a ping
STALL_LOOK_SECONDS = 1  # how often sessions are looked at in which clients wait
AHEAD_SECONDS = 4  # of bulk, at most, before a lane is opened that nobody has asked for
IDLE_SECONDS = 60
LOOK_SECONDS = 5  # how often idle lanes are looked for
CROWDED, FULL = 192, 256  # channels of a lane
# Of a lane to a single hop: its connection, and what stands for it before libssh.
DESCRIPTORS_PER_LANE = 3
# Of a thread for lanes, which stays: what its loop waits with, and what wakes it and tells it of signals.
DESCRIPTORS_PER_THREAD, THREADS = 4, 3
STREAMED_BYTES = 16 * MB  # more than all sockets on the way hold: it has gone through the daemon


class BulkStream:
    """Moves bytes one way as fast as it can, from its making, when it is known to be bulk, to stop()."""

    def __init__(self, tunnel: Tunnel, forward: str = "endless", first: int = STREAMED_BYTES) -> None:
        self.end = ""  # "eof" or "reset", when it has ended
        self.moved = 0
        self._socket = tunnel.connect(forward)
        self._thread = threading.Thread(target=self._move, args=(forward == "sink",), daemon=True)
        self._thread.start()
        wait_until(lambda: self.moved >= first or self.end, patience(20), "the stream flows")
        assert not self.end

    def __enter__(self) -> "BulkStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended before
            pass
        self._thread.join(10)
        self._socket.close()

    def _move(self, upwards: bool) -> None:
        buffer = bytearray(MIB)
        try:
            while True:
                if upwards:
                    send_pattern(self._socket, MIB)
                    got = MIB
                else:
                    got = self._socket.recv_into(buffer)
                if not got:
                    break
                self.moved += got
            self.end = "eof"
        except ConnectionError:
            self.end = "reset"


def paced(
    _: targets.Target, connection: socket.socket, seconds: float = float("inf"), pause: threading.Event | None = None
) -> None:
    """4 MB/s: bulk, and little work for those who run beside."""
    watch = Stopwatch()
    while watch.seconds < seconds:
        if pause is None or not pause.is_set():
            connection.sendall(bytes(MIB // 4))
        time.sleep(1 / 16)


def answer_of_two_seconds(target: targets.Target, connection: socket.socket) -> None:
    paced(target, connection, 2)
    connection.recv(1)


def sink(_: targets.Target, connection: socket.socket) -> None:
    buffer = bytearray(MIB)
    while connection.recv_into(buffer):
        pass


def profile(lab: Lab, hops: Sequence[SshServer | str], name: str = "demo", **more: object) -> Tunnel:
    """Up, with a forward for interactive connections and one for bulk each way."""
    tunnel = lab.profile(
        name,
        hops,
        {
            "echo": lab.target(targets.echo),
            "endless": lab.target(targets.endless),
            "sink": lab.target(sink),
            "never": lab.target(targets.never_reads),
            "paced": lab.target(paced),
        },
        **more,
    )
    tunnel.up()
    return tunnel


def lanes(tunnel: Tunnel) -> list[int]:
    return [hop["lanes"] for hop in tunnel.status()["hops"]]


def logins(*servers: SshServer) -> list[int]:
    return [server.logins() for server in servers]


def attempts(server: SshServer) -> int:
    return server.log().count("Connection from ")


def client_of_a_lane(tunnel: Tunnel, count: int = 2) -> socket.socket:
    """While a bulk stream runs in each of the others: one more, in the last of so many sessions to the target."""
    client = talking_client(tunnel, "echo")
    if lanes(tunnel)[-1] < count:  # a log-in took longer than a client waits: the machine is busy
        client.close()
        wait_until(lambda: lanes(tunnel)[-1] == count, patience(10), "the lane stands")
        client = talking_client(tunnel, "echo")
    return client


def fill_and_leave(tunnel: Tunnel) -> None:
    """A client whose target takes nothing in: sshd does not close its channel, as it has not got rid of all."""
    with tunnel.connect("never") as client:
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                client.send(pattern_bytes(1 << 16))
        reset(client)


def seconds_of_echo(tunnel: Tunnel) -> float:
    watch = Stopwatch()
    assert_echoes(tunnel, "echo")
    return watch.seconds


def assert_all_closed(servers: Sequence[Sshd]) -> None:
    wait_until(lambda: [server.sessions() for server in servers] == [0] * len(servers), 5, "all sessions are closed")


@pytest.mark.sanitized
@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("forward", ["endless", "sink"], ids=["download", "upload"])
def test_beside_a_bulk_stream_new_connections_share_one_session_of_their_own_from_the_first_hop_on(
    lab: Lab, forward: str, length: int
) -> None:
    hops = lab.chain(length)
    tunnel = profile(lab, hops)
    with BulkStream(tunnel, forward):
        with client_of_a_lane(tunnel):
            assert lanes(tunnel) == [2] * length
            assert logins(*hops) == [2] * length
            with talking_client(tunnel, "echo"):
                pass
            assert lanes(tunnel) == logins(*hops) == [2] * length
    assert tunnel.status()["last_error"] is None


def longest_echo(client: socket.socket, end: threading.Event) -> float:
    """Of those until `end` is set, one after another."""
    longest = 0.0
    while not end.is_set():
        watch = Stopwatch()
        assert_talks(client)
        longest = max(longest, watch.seconds)
    return longest


@pytest.mark.sanitized
def test_a_lane_to_a_single_hop_is_not_kept_waiting_by_what_the_daemon_is_busy_with(lab: Lab) -> None:
    tunnel = profile(lab, [lab.sshd()])
    new = lab.sshd("new")
    del lab.hosts["new"]["host_keys"]
    lab.hosts["new"]["strict_host_key_checking"] = "accept-new"
    other = lab.profile("other", [new], {"echo": lab.target(targets.echo)})
    file = lab.tunneld.state / "tunneld" / "known_hosts"
    with BulkStream(tunnel), client_of_a_lane(tunnel) as client, file.open("a") as held, ThreadPoolExecutor() as pool:
        fcntl.flock(held, fcntl.LOCK_EX)  # the daemon waits for it, up to a second, where it does all else
        ended = threading.Event()
        longest = pool.submit(longest_echo, client, ended)
        watch = Stopwatch()
        lab.tunneld.run("up", other.name)
        taken = watch.seconds
        ended.set()
        assert taken > 1, "it has waited for the lock"
        assert longest.result() < taken / 2


@pytest.mark.parametrize("length", [1, 3])
def test_a_crowd_gets_a_further_session_to_the_last_hop_only(lab: Lab, length: int) -> None:
    hops = lab.chain(length)
    tunnel = profile(lab, hops)
    with ExitStack() as stack:
        for _ in range(CROWDED):
            stack.enter_context(talking_client(tunnel, "echo"))
        assert lanes(tunnel) == [1] * length
        stack.enter_context(talking_client(tunnel, "echo"))
        expected = [1] * (length - 1) + [2]
        wait_until(lambda: lanes(tunnel) == expected, patience(5), "the lane stands")
        stack.enter_context(talking_client(tunnel, "echo"))
        assert lanes(tunnel) == logins(*hops) == expected


@pytest.mark.sanitized
def test_a_pool_of_20_interactive_connections_stays_in_one_session(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    question = pattern_bytes(1000)
    with ExitStack() as stack:
        pool = [stack.enter_context(talking_client(tunnel, "echo")) for _ in range(20)]
        for _ in range(50):
            for client in pool:
                client.sendall(question)
            for client in pool:
                assert receive_exactly(client, len(question)) == question
        stack.enter_context(talking_client(tunnel, "echo"))
        assert lanes(tunnel) == logins(*hops) == [1, 1]


@pytest.mark.sanitized
@pytest.mark.limit(90)
def test_600_connections_at_once_all_work_over_four_sessions_at_most_and_leave_no_descriptor(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = profile(lab, [server])
    before = lab.tunneld.descriptors()
    with ExitStack() as stack:
        clients = [stack.enter_context(tunnel.connect("echo")) for _ in range(600)]
        for client in clients:
            client.sendall(b"x")
        for client in clients:
            assert receive_exactly(client, 1) == b"x"
        (count,) = lanes(tunnel)
        assert 600 / FULL < count <= 4
        for client in clients:
            assert_talks(client)
    status = tunnel.status()
    assert status["last_error"] is None and logins(server) == [count]
    assert status["hops"][0]["lanes"] == count
    threads = before + min(count - 1, THREADS) * DESCRIPTORS_PER_THREAD
    allowed = threads + (count - 1) * DESCRIPTORS_PER_LANE
    wait_until(lambda: lab.tunneld.descriptors() <= allowed, 10, "all connections are gone")
    lab.tunneld.ok("restart", "demo")
    assert lanes(tunnel) == [1]
    wait_until(lambda: lab.tunneld.descriptors() <= threads, 10, "so are the lanes")


@pytest.mark.sanitized
def test_where_no_second_log_in_is_let_in_the_busy_session_serves_and_no_third_is_tried(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = profile(lab, [server])
    server.forbid_all()
    with BulkStream(tunnel):
        assert seconds_of_echo(tunnel) < patience(PATIENCE_SECONDS + 1)
        assert "lane 1 has ended: E-AUTH-REFUSED" in lab.tunneld.log()
        for _ in range(10):
            assert seconds_of_echo(tunnel) < patience(AT_ONCE_SECONDS)
        assert lanes(tunnel) == [1]
        assert attempts(server) == 2 and logins(server) == [1]
        status = tunnel.status()
        assert (status["state"], status["last_error"]) == ("up", None)
    server.authorize(lab.keys["bastion"])
    lab.tunneld.ok("restart", "demo")
    with BulkStream(tunnel), client_of_a_lane(tunnel):
        assert lanes(tunnel) == [2], "a new chain owes nothing to what befell the old one"


@pytest.mark.sanitized
def test_a_lane_whose_handshake_stalls_is_waited_for_no_longer_than_two_seconds(lab: Lab) -> None:
    server = lab.sshd()
    lab.hosts["bastion"]["connect_timeout"] = "4s"
    relay = lab.relay_before(server)
    tunnel = profile(lab, [server])
    relay.stall_new()
    with BulkStream(tunnel):
        assert PATIENCE_SECONDS - 0.1 < seconds_of_echo(tunnel) < patience(PATIENCE_SECONDS + 1)
        wait_until(lambda: "lane 1 has ended: " in lab.tunneld.log(), patience(5), "its deadline passes")
        assert seconds_of_echo(tunnel) < patience(AT_ONCE_SECONDS)
        assert relay.connections == 2 and lanes(tunnel) == [1]


def test_who_waits_for_a_lane_that_comes_late_is_served_by_it(lab: Lab) -> None:
    server = lab.sshd()
    relay = lab.relay_before(server)
    tunnel = profile(lab, [server])
    relay.stall_new()
    with BulkStream(tunnel), ExitStack() as stack:
        waiting = [stack.enter_context(tunnel.connect("echo")) for _ in range(5)]
        wait_until(lambda: relay.connections == 2, 5, "the lane is dialled")
        wait_until(lambda: tunnel.status()["forwards"][0]["held"] == 5, 1, "all wait for it")
        relay.stall_new(False)
        for client in waiting:
            assert_talks(client)
        assert lanes(tunnel) == logins(server) == [2]


@pytest.mark.sanitized
def test_down_closes_the_lanes_as_well(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    with BulkStream(tunnel) as stream, client_of_a_lane(tunnel) as client:
        assert lanes(tunnel) == [2, 2]
        lab.tunneld.ok("down", "demo", "--drain=0s")
        assert ends_with(client, patience(1)) == "reset"
        wait_until(lambda: stream.end == "reset", 5, "the other lane's client is reset")
        assert_all_closed(hops)


@pytest.mark.sanitized
def test_restart_replaces_all_lanes_by_one_new_session(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    before = tunnel.sessions()
    with BulkStream(tunnel), client_of_a_lane(tunnel) as client:
        assert lanes(tunnel) == [2, 2]
        lab.tunneld.ok("restart", "demo")
        assert ends_with(client, patience(1)) == "reset"
        assert lanes(tunnel) == [1, 1] and not set(tunnel.sessions()) & set(before)
    assert_echoes(tunnel, "echo")
    wait_until(lambda: [hop.sessions() for hop in hops] == [1, 1], 5, "the old sessions are closed")


@pytest.mark.sanitized
def test_the_daemon_ends_in_order_with_lanes_in_use(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    with BulkStream(tunnel), client_of_a_lane(tunnel) as client:
        assert lanes(tunnel) == [2, 2]
        lab.tunneld.shutdown()
        assert ends_with(client, patience(1)) == "reset"
    assert_all_closed(hops)


@pytest.mark.sanitized
def test_a_killed_bastion_resets_the_clients_of_all_lanes_and_its_return_brings_lanes_back(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    with BulkStream(tunnel) as stream, client_of_a_lane(tunnel) as client:
        assert lanes(tunnel) == [2, 2]
        hops[0].kill()
        watch = Stopwatch()
        assert ends_with(client, patience(1)) == "reset"
        wait_until(lambda: stream.end == "reset", patience(1), "the other lane's client is reset")
        assert watch.seconds < patience(1)
    hops[0].start()
    assert_echoes(tunnel, "echo")
    assert lanes(tunnel) == [1, 1]
    with BulkStream(tunnel), client_of_a_lane(tunnel):
        assert lanes(tunnel) == [2, 2]


def test_a_lane_that_is_lost_takes_only_its_own_clients_along(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = profile(lab, [server])
    (first,) = children_of(server.pid)
    with BulkStream(tunnel) as stream, client_of_a_lane(tunnel) as client:
        (second,) = set(children_of(server.pid)) - {first}
        send_signal(second, signal.SIGKILL)
        assert ends_with(client, patience(1)) == "reset"
        assert seconds_of_echo(tunnel) < patience(AT_ONCE_SECONDS)
        assert lanes(tunnel) == [1] and logins(server) == [2], "as after one that could not be opened"
        assert not stream.end
    assert tunnel.status()["reconnects"] == 0


@pytest.mark.sanitized
@pytest.mark.parametrize("length", [1, 2])
def test_when_the_chain_is_lost_a_lane_takes_its_place_and_keeps_its_clients(lab: Lab, length: int) -> None:
    hops = lab.chain(length)
    tunnel = profile(lab, hops)
    (first,) = children_of(hops[-1].pid)
    with BulkStream(tunnel) as stream, client_of_a_lane(tunnel) as client:
        send_signal(first, signal.SIGKILL)
        wait_until(lambda: stream.end == "reset", patience(1), "the chain's own client is reset")
        assert_talks(client)
        status = tunnel.status()
        assert status["state"] == "up" and status["reconnects"] == 1
        assert status["last_error"]["code"] == "E-SESSION-LOST"
        assert lanes(tunnel) == [1] * length
        assert_echoes(tunnel, "echo")
        with BulkStream(tunnel), client_of_a_lane(tunnel) as another:
            assert lanes(tunnel) == [2] * length
            assert_talks(client)
            assert_talks(another)
    lab.tunneld.ok("down", "demo")
    assert_all_closed(hops)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_who_connects_after_the_network_has_changed_is_served_by_a_session_that_answers(lab: Lab, number: int) -> None:
    hops = lab.chain(2)
    relay = lab.relay_before(hops[number - 1])
    tunnel = profile(lab, hops)
    with talking_client(tunnel, "echo") as staying:
        relay.strand()
        assert STALL_SECONDS - 1 < seconds_of_echo(tunnel) < patience(STALL_SECONDS + 2 * STALL_LOOK_SECONDS)
        assert seconds_of_echo(tunnel) < patience(AT_ONCE_SECONDS)
        assert tunnel.status()["state"] == "up"
        assert tunnel.status()["hops"][1]["silent_ms"] > 5000
        assert "no answer for" in lab.tunneld.ok("status", tunnel.name).out
        relay.strand(False)
        assert_talks(staying)
    assert tunnel.status()["reconnects"] == 0
    assert "those there do not answer" in lab.tunneld.log()
    wait_until(lambda: lanes(tunnel) == [2, 2], patience(1), "both stand")


@pytest.mark.sanitized
def test_a_session_that_never_answers_again_is_followed_by_the_lane_and_only_its_own_clients_are_reset(lab: Lab) -> None:
    server = lab.sshd()
    lab.hosts["bastion"] |= {"server_alive_interval": "5s", "server_alive_count_max": 3}
    relay = lab.relay_before(server)
    tunnel = profile(lab, [server])
    with talking_client(tunnel, "echo") as old:
        relay.strand()
        with talking_client(tunnel, "echo") as new:
            assert ends_with(old, patience(20)) == "reset"
            assert_talks(new)
            status = tunnel.status()
            assert (status["state"], status["reconnects"]) == ("up", 1)
            assert status["last_error"]["code"] == "E-KEEPALIVE-TIMEOUT"
            assert logins(server) == [2]
            assert_echoes(tunnel, "echo")


@pytest.mark.limit(120)
def test_with_several_dead_lanes_a_client_goes_to_a_new_one_at_once(lab: Lab) -> None:
    hops = lab.chain(2)
    relay = lab.relay_before(hops[0])
    tunnel = profile(lab, hops)
    with ExitStack() as stack:
        for count in (2, 3, 4):
            stack.enter_context(BulkStream(tunnel))
            stack.enter_context(client_of_a_lane(tunnel, count))
        relay.strand()
        assert seconds_of_echo(tunnel) < 3 * STALL_SECONDS, "it has waited in one after the other"
        assert "E-CONNECT-TIMEOUT" not in lab.tunneld.log()


@pytest.mark.limit(120)
def test_a_server_that_is_slow_with_every_opening_serves_after_one_move(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """sshd looks a target's name up in the thread that does everything."""
    slow = SlowNames(lab.folder, 8)
    with monkeypatch.context() as patched:
        for name, value in slow.environment.items():
            patched.setenv(name, value)
        server = lab.sshd()
    target = lab.target(targets.echo)
    tunnel = lab.profile("demo", [server], {"echo": f"target.slow:{target.port}"})
    tunnel.up()
    watch = Stopwatch()
    assert_echoes(tunnel, "echo")
    assert watch.seconds < patience(STALL_SECONDS + 2 * STALL_LOOK_SECONDS + 8)
    assert logins(server) == [2], "moved more than once"


def test_a_slow_target_is_no_reason_for_another_session(lab: Lab) -> None:
    """The server does not answer the opening, and is alive."""
    server = lab.sshd()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as slow, socket.socket() as filler:
        filler.connect(slow.getsockname())  # its queue is full: it takes one more than it was told
        tunnel = lab.profile("demo", [server], {"slow": f"127.0.0.1:{slow.getsockname()[1]}", "echo": lab.target(targets.echo)})
        tunnel.up()
        with tunnel.connect("slow"):
            time.sleep(STALL_SECONDS + 2 * STALL_LOOK_SECONDS)
            assert_echoes(tunnel, "echo")
    assert lanes(tunnel) == [1] and logins(server) == [1]
    assert " opens: " not in lab.tunneld.log()


@pytest.mark.sanitized
@pytest.mark.parametrize("length", [1, 3])
def test_beside_a_bulk_stream_that_goes_on_a_lane_stands_before_anybody_asks(lab: Lab, length: int) -> None:
    hops = lab.chain(length)
    tunnel = profile(lab, hops)
    watch = Stopwatch()
    with BulkStream(tunnel):
        wait_until(lambda: lanes(tunnel) == [2] * length, patience(AHEAD_SECONDS + 2), "the lane stands")
        assert watch.seconds > AHEAD_SECONDS - 1.5
        assert_echoes(tunnel, "echo")
        time.sleep(AHEAD_SECONDS + 1)
        assert lanes(tunnel) == logins(*hops) == [2] * length, "one is enough"


def test_an_answer_of_two_seconds_opens_no_lane(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = lab.profile("demo", hops, {"answer": lab.target(answer_of_two_seconds)})
    tunnel.up()
    with BulkStream(tunnel, "answer", MB):
        time.sleep(AHEAD_SECONDS + 1)
        assert lanes(tunnel) == logins(*hops) == [1, 1]


def test_beside_a_bulk_stream_that_goes_on_a_short_one_opens_no_third_session(lab: Lab) -> None:
    server = lab.sshd()
    forwards = {"paced": lab.target(paced), "answer": lab.target(answer_of_two_seconds)}
    tunnel = lab.profile("demo", [server], forwards)
    tunnel.up()
    with BulkStream(tunnel, "paced", MB):
        wait_until(lambda: lanes(tunnel) == [2], patience(AHEAD_SECONDS + 2), "the lane stands")
        with BulkStream(tunnel, "answer", MB):
            time.sleep(AHEAD_SECONDS + 1)
            assert lanes(tunnel) == logins(server) == [2]


def test_answers_one_after_another_open_no_lane(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = lab.profile("demo", hops, {"answer": lab.target(answer_of_two_seconds)})
    tunnel.up()
    watch = Stopwatch()
    while watch.seconds < AHEAD_SECONDS + 2:
        with BulkStream(tunnel, "answer", MB):
            time.sleep(1)
        wait_until(lambda: tunnel.status()["forwards"][0]["connections"] == 0, 5, "the daemon has seen its end")
    assert lanes(tunnel) == logins(*hops) == [1, 1]


@pytest.mark.limit(90)
def test_where_a_lane_was_refused_none_is_tried_that_nobody_asks_for(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = profile(lab, [server])
    server.forbid_all()
    with BulkStream(tunnel, "paced", MB):
        wait_until(lambda: "lane 1 has ended: " in lab.tunneld.log(), patience(AHEAD_SECONDS + 2), "it was refused")
    time.sleep(RETRY_SECONDS)
    with BulkStream(tunnel, "paced", MB):
        time.sleep(AHEAD_SECONDS + 1)
        assert attempts(server) == 2
        server.authorize(lab.keys["bastion"])
        assert_echoes(tunnel, "echo")
    assert lanes(tunnel) == [2]
    with BulkStream(tunnel, "paced", MB), client_of_a_lane(tunnel, 2), BulkStream(tunnel, "paced", MB):
        wait_until(lambda: lanes(tunnel) == [3], patience(AHEAD_SECONDS + 2), "one that was let in has made up for it")


@pytest.mark.parametrize("how", ["exec", "draining"])
def test_where_nobody_else_may_come_no_lane_is_opened_ahead(lab: Lab, how: str) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    if how == "exec":
        lab.tunneld.ok("down", "demo")
        read = f"exec 3<>/dev/tcp/127.0.0.1/{tunnel.ports['paced']}; timeout {AHEAD_SECONDS + 2} cat <&3 | wc -c"
        done = lab.tunneld.run("exec", "demo", "--", "bash", "-c", read)
        assert int(done.out) > MB
    else:
        with BulkStream(tunnel, "paced", MB) as stream:
            lab.tunneld.ok("down", "demo", f"--drain={AHEAD_SECONDS + 1}s")
            assert stream.end == "reset"
    assert " opens: " not in lab.tunneld.log()


@pytest.mark.limit(130)
def test_a_lane_that_nobody_uses_is_closed_after_a_minute_unless_the_next_client_would_need_it(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = profile(lab, hops)
    pause = threading.Event()
    dump = lab.profile("dump", [lab.sshd("other")], {"paced": lab.target(partial(paced, pause=pause))})
    dump.up()
    before = tunnel.sessions()
    with talking_client(tunnel, "echo") as staying, BulkStream(dump, "paced", MB):
        wait_until(lambda: lanes(dump) == [2], patience(AHEAD_SECONDS + 2), "the lane stands")
        with BulkStream(tunnel), client_of_a_lane(tunnel):
            assert lanes(tunnel) == [2, 2]
            fill_and_leave(tunnel)
        watch = Stopwatch()
        wait_until(lambda: hops[0].sessions() == 1, patience(80), "the lane is closed")
        assert IDLE_SECONDS <= watch.seconds <= patience(IDLE_SECONDS + 3 * LOOK_SECONDS)
        assert lanes(tunnel) == [1, 1] and tunnel.sessions() == before
        assert_talks(staying)
        assert lanes(dump) == [2]
        pause.set()
        time.sleep(LOOK_SECONDS + 3)
        assert lanes(dump) == [2], "its minute begins when the dump pauses"
    assert "-> lost" not in lab.tunneld.log()


@pytest.mark.sanitized
def test_who_may_not_be_held_as_long_as_a_lane_takes_is_served_at_once(lab: Lab) -> None:
    server = lab.sshd()
    relay = lab.relay_before(server)
    tunnel = profile(lab, [server], hold_timeout="1s")
    relay.stall_new()
    with BulkStream(tunnel):
        assert seconds_of_echo(tunnel) < patience(AT_ONCE_SECONDS)
        with talking_client(tunnel, "echo") as client:
            assert ends_with(client, 1.5) == "open"
            client.settimeout(patience(5))
            relay.stall_new(False)
            wait_until(lambda: lanes(tunnel) == [2], patience(5), "the lane has been opened behind them")
            assert_talks(client)
    assert tunnel.status()["last_error"] is None


@pytest.mark.sanitized
@pytest.mark.parametrize("seconds, count", [(1.2, 1), (0, 2)], ids=["a person", "a machine"])
def test_a_log_in_that_takes_the_agent_as_long_as_a_person_is_asked_for_once(
    lab: Lab, seconds: float, count: int
) -> None:
    server = lab.sshd()
    agent = lab.slow_agent(lab.agent(lab.keys["bastion"]), seconds)
    for name in ("identity_file", "identities_only"):
        del lab.hosts["bastion"][name]
    lab.hosts["bastion"]["identity_agent"] = str(agent.socket)
    tunnel = profile(lab, [server])
    with BulkStream(tunnel):
        for _ in range(3):
            assert seconds_of_echo(tunnel) < patience(AT_ONCE_SECONDS)
        assert lanes(tunnel) == logins(server) == [count]
        assert attempts(server) == agent.signatures == count


@pytest.mark.sanitized
def test_anothers_bulk_stream_through_a_shared_bastion_is_avoided_by_a_chain_beside_it(lab: Lab) -> None:
    bastion, own, other = lab.sshd("bastion"), lab.sshd("own"), lab.sshd("other")
    dump = profile(lab, [bastion, own], "dump")
    work = profile(lab, [bastion, other], "work")
    with talking_client(work, "echo") as early, BulkStream(dump) as stream:
        assert logins(bastion, own, other) == [1, 1, 1]
        with client_of_a_lane(work) as late:
            assert lanes(work) == [2, 2]
            assert logins(bastion, other) == [2, 2]
            with client_of_a_lane(dump):
                assert lanes(dump) == [2, 2]
                assert logins(bastion, own, other) == [2, 2, 2], "it shares the second session to the bastion"
            assert_talks(early)
            assert_talks(late)
        assert not stream.end


def test_restart_gives_new_lanes_too_though_another_profile_shares_the_old(lab: Lab) -> None:
    bastion, own, other = lab.sshd("bastion"), lab.sshd("own"), lab.sshd("other")
    dump = profile(lab, [bastion, own], "dump")
    work = profile(lab, [bastion, other], "work")
    with BulkStream(dump), client_of_a_lane(work), client_of_a_lane(dump) as staying:
        assert logins(bastion) == [2]
        lab.tunneld.ok("restart", "work")
        assert logins(bastion) == [3]
        with BulkStream(work), client_of_a_lane(work):
            assert lanes(work) == [2, 2] and logins(bastion) == [4]
        assert_talks(staying)


@pytest.mark.sanitized
def test_a_daemon_that_is_to_end_while_a_lane_opens_ends_in_order(lab: Lab) -> None:
    server = lab.sshd()
    busy = lab.profile("busy", [server], {"endless": lab.target(targets.endless)})
    waiting = lab.profile("waiting", [server], {"echo": lab.target(targets.echo)}, on_demand=True)
    busy.up()
    waiting.up()
    pid = lab.tunneld.pid
    with BulkStream(busy):
        send_signal(pid, signal.SIGSTOP)
        with waiting.connect():  # which needs a lane, as the session that both share is busy
            send_signal(pid, signal.SIGTERM)
            send_signal(pid, signal.SIGCONT)
            wait_until(lambda: not alive(pid), 10, "the daemon has ended")
    assert lab.tunneld.log().endswith("tunneld ended")
