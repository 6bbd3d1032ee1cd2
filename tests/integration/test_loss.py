"""What happens to clients, listeners and the chain when a hop is lost, and how fast it is all back."""
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest
from support import targets
from support.faulty_relay import DOWN
from support.lab import Lab, Tunnel
from support.ports import answers, refuses
from support.postgres import client_environment
from support.preload import Sleeps
from support.process import send_signal
from support.scale import patience, scaled
from support.sshd import Sshd
from support.stream import ends_with, receive_exactly
from support.transfers import assert_echoes, assert_moves_both_ways, assert_talks, echoes, end_of_new_client, talking_client
from support.wait import Stopwatch, wait_until

RESET_SECONDS = patience(1)
BACK_SECONDS = patience(2)
LOSSES = scaled(normal=12, small=5, full=30)
ALIVE = {"server_alive_interval": "1s", "server_alive_count_max": 2}
SLEEP_SECONDS = patience(5 + 1)
PROBE_SECONDS = patience(10 + 1)
BLACKHOLE_SECONDS = patience(1 * 2 + 1)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_killed_hop_resets_clients_within_a_second_and_is_used_again_two_seconds_after_its_return(
    lab: Lab, number: int
) -> None:
    hops = lab.chain(2)
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    with talking_client(tunnel) as client:
        hops[number - 1].kill()
        assert ends_with(client, RESET_SECONDS) == "reset"
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the profile says that it waits")
    status = tunnel.status()
    assert status["last_error"]["hop"] == f"hop{number}"
    assert status["last_error"]["code"] in ("E-SESSION-LOST", "E-CONNECTION-REFUSED")
    assert answers(tunnel.port), "the port refuses while the chain is down"
    with tunnel.connect() as waiting:
        waiting.sendall(b"held")
        wait_until(lambda: tunnel.status()["forwards"][0]["held"] >= 1, 5, "the client is held")
        hops[number - 1].start()
        watch = Stopwatch()
        assert receive_exactly(waiting, 4) == b"held"
        assert watch.seconds < BACK_SECONDS
    status = tunnel.status()
    assert status["state"] == "up" and status["reconnects"] >= 1
    assert lab.tunneld.pid == pid


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_blackhole_on_one_hop_only_is_seen_in_time_and_the_guilty_hop_named(lab: Lab, number: int) -> None:
    hops = lab.chain(2)
    for hop in hops:
        lab.hosts[hop.name] |= ALIVE
    relay = lab.relay_before(hops[number - 1])
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    tunnel.up()
    with talking_client(tunnel) as client:
        relay.blackhole()
        assert ends_with(client, BLACKHOLE_SECONDS) == "reset"
    error = wait_until(lambda: tunnel.status()["last_error"], 5, "status tells the error")
    assert (error["code"], error["hop"]) == ("E-KEEPALIVE-TIMEOUT", f"hop{number}")
    assert answers(tunnel.port)
    relay.cut()
    relay.blackhole(False)
    assert_echoes(tunnel)


def test_an_idle_chain_notices_a_blackhole_too(lab: Lab) -> None:
    server = lab.sshd()
    lab.hosts["bastion"] |= ALIVE
    relay = lab.relay_before(server)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    relay.blackhole()
    wait_until(lambda: tunnel.status()["state"] != "up", BLACKHOLE_SECONDS + 1, "the loss is seen")
    relay.cut()
    relay.blackhole(False)
    wait_until(lambda: tunnel.status()["state"] == "up", patience(10), "up again with no client asking")


def test_a_slow_link_is_not_a_lost_one(lab: Lab) -> None:
    server = lab.sshd()
    lab.hosts["bastion"] |= ALIVE
    relay = lab.relay_before(server)
    relay.delay(0.3)
    relay.throttle(200_000)
    count = 800_000
    tunnel = lab.profile("demo", [server], {"bulk": lab.target(targets.both_ways(count))})
    tunnel.up()
    assert_moves_both_ways(tunnel, count)
    assert tunnel.status()["reconnects"] == 0


def test_a_cut_connection_resets_clients_and_is_rebuilt_at_once(lab: Lab) -> None:
    hops = lab.chain(2)
    relay = lab.relay_before(hops[0])
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    tunnel.up()
    for _ in range(3):
        with talking_client(tunnel) as client:
            relay.cut()
            assert ends_with(client, RESET_SECONDS) == "reset"
        watch = Stopwatch()
        assert_echoes(tunnel)
        assert watch.seconds < BACK_SECONDS


@pytest.mark.sanitized
@pytest.mark.parametrize("cut_first", [True, False])
def test_a_client_that_comes_in_the_moment_of_the_loss_hides_nothing_of_it(lab: Lab, cut_first: bool) -> None:
    """Both are found by the daemon in one go, in either order: the loss is told as such, the client is served."""
    server = lab.sshd()
    relay = lab.relay_before(server)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    send_signal(pid, signal.SIGSTOP)
    if cut_first:
        relay.cut()
    with tunnel.connect() as client:
        client.sendall(b"x")
        if not cut_first:
            relay.cut()
        send_signal(pid, signal.SIGCONT)
        wait_until(lambda: lab.tunneld.last_error("demo")["code"] == "E-SESSION-LOST", patience(5), "the loss is told")
        assert "E-TARGET-REFUSED" not in lab.tunneld.log()
        assert receive_exactly(client, 1) == b"x"
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_a_client_that_nobody_has_answered_is_served_by_the_next_session(lab: Lab) -> None:
    """As after a laptop has slept: the session is dead, and only its silence tells."""
    server = lab.sshd()
    lab.hosts["bastion"] |= {"server_alive_interval": "1s", "server_alive_count_max": 2}
    relay = lab.relay_before(server)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    with talking_client(tunnel) as earlier:
        relay.blackhole()
        with tunnel.connect() as client:
            client.sendall(b"hello")
            assert ends_with(earlier, patience(5)) == "reset"
            relay.cut()  # the old connection's bytes do not arrive late
            relay.blackhole(False)
            assert receive_exactly(client, 5) == b"hello"
            client.sendall(b"again")
            assert receive_exactly(client, 5) == b"again"


@pytest.mark.sanitized
def test_a_session_that_is_closed_and_found_silent_in_the_same_moment_harms_nobody(lab: Lab) -> None:
    """As after a stall of the machine: the end of the draining and that of the server's time come in one go."""
    lab.sshd()
    lab.hosts["bastion"] |= {"server_alive_interval": "4s", "server_alive_count_max": 1}
    tunnel = lab.profile("demo", ["bastion"], {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    with talking_client(tunnel) as client:
        down = lab.tunneld.start("down", "demo", "--drain=1s")  # before the first ping is due
        wait_until(lambda: tunnel.status()["state"] == "draining", 5, "it waits for the client")
        send_signal(pid, signal.SIGSTOP)
        time.sleep(4.5)
        send_signal(pid, signal.SIGCONT)
        assert ends_with(client, RESET_SECONDS) == "reset"
        out, err = down.communicate(timeout=patience(10))
        assert down.returncode == 0, out + err
    tunnel.up()
    assert_echoes(tunnel)
    assert lab.tunneld.pid == pid


@pytest.mark.sanitized
def test_a_last_hop_that_gets_ready_as_one_before_it_ends_serves_nobody(lab: Lab) -> None:
    """Both are found in one go. What is left of the chain ends at a bastion, which would take clients to whatever listens
    there under the target's address."""
    hops = lab.chain(3)
    relay = lab.relay_before(hops[0])
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    relay.delay_seconds[DOWN] = 0.3  # the log-in's answer is on its way for long enough
    begun = lab.tunneld.log(1000)
    restart = lab.tunneld.start("restart", "demo", "--wait=4s")
    asked = "hop3: verifying_host_key -> authenticating"
    wait_until(lambda: lab.tunneld.log(1000).count(asked) > begun.count(asked), 20, "it logs in to the last hop")
    time.sleep(0.4)
    send_signal(pid, signal.SIGSTOP)
    hops[1].kill_sessions()
    time.sleep(1)  # all has come now
    send_signal(pid, signal.SIGCONT)
    wait_until(lambda: hops[2].sessions() == 0, 5, "the last hop's session has ended with that of the one before")
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert receive_exactly(client, 1) == b"x"
        assert hops[2].sessions() > 0, "served by a host that is not the last hop"
    restart.communicate(timeout=patience(10))


@pytest.mark.sanitized
def test_a_daemon_that_stood_still_itself_does_not_take_its_sessions_for_dead(lab: Lab) -> None:
    hops = lab.chain(2)
    for hop in hops:
        lab.hosts[hop.name] |= {"server_alive_interval": "1s", "server_alive_count_max": 3}
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    tunnel.up()
    with talking_client(tunnel) as client:
        pid = lab.tunneld.pid
        send_signal(pid, signal.SIGSTOP)
        time.sleep(5)
        send_signal(pid, signal.SIGCONT)
        time.sleep(2)
        assert_talks(client)
    assert tunnel.status()["reconnects"] == 0 and "E-KEEPALIVE-TIMEOUT" not in lab.tunneld.log()


def test_after_a_sleep_a_dead_session_is_soon_found_and_a_living_one_kept(lab: Lab) -> None:
    hops = lab.chain(2)  # server_alive_interval x server_alive_count_max: 45 s
    sleeps = Sleeps(lab.folder)
    relay = lab.relay_before(hops[0])
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    lab.tunneld.up("demo", environment=sleeps.environment)
    before = tunnel.sessions()
    sleeps.sleep(3600)
    noticed = "the machine has slept"
    wait_until(lambda: lab.tunneld.log().count(noticed) == 1, SLEEP_SECONDS, "the sleep is noticed")
    relay.blackhole()
    sleeps.sleep(3600)
    with tunnel.connect() as client:
        client.sendall(b"hello")
        wait_until(lambda: "E-KEEPALIVE-TIMEOUT" in lab.tunneld.log(), SLEEP_SECONDS + PROBE_SECONDS, "it is found")
        assert lab.tunneld.last_error("demo")["hop"] == "hop1"
        relay.cut()
        relay.blackhole(False)
        assert receive_exactly(client, 5) == b"hello"
    assert not set(before) & set(tunnel.sessions())
    assert tunnel.status()["reconnects"] == 1


@pytest.mark.sanitized
def test_bastions_that_stand_are_not_logged_in_to_again_while_the_hop_behind_them_is_down(lab: Lab) -> None:
    *bastions, last = lab.chain(3)
    tunnel = lab.profile("demo", [*bastions, last], {"echo": lab.target(targets.echo)}, hold_timeout="30s")
    tunnel.up()
    sessions = tunnel.sessions()[:2]

    def lose_the_last_hop() -> None:
        last.kill()
        wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")

    lose_the_last_hop()
    assert [hop["state"] for hop in tunnel.status()["hops"]] == ["ready", "ready", "idle"]
    with tunnel.connect() as client:
        client.sendall(b"x")
        dials = lambda: lab.tunneld.log().count("E-CONNECTION-REFUSED")
        wait_until(lambda: dials() >= 3, patience(10), "it has dialled in vain")
        lab.tunneld.fails(9, "up", "demo")
        assert [bastion.logins() for bastion in bastions] == [1, 1]
    last.start()
    assert_echoes(tunnel)
    assert tunnel.sessions()[:2] == sessions
    lose_the_last_hop()
    bastions[1].kill()
    for hop in (bastions[1], last):
        hop.start()
    assert_echoes(tunnel)
    assert tunnel.sessions()[0] == sessions[0] and tunnel.sessions()[1] != sessions[1]
    lab.tunneld.ok("down", "demo")
    last.kill()
    lab.tunneld.fails(9, "up", "demo")
    wait_until(lambda: sum(bastion.sessions() for bastion in bastions) == 0, 5, "a failed up leaves nothing behind")


@pytest.mark.sanitized
def test_a_client_that_nobody_has_answered_is_a_reason_to_dial_on_demand(lab: Lab) -> None:
    hops = lab.chain(2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as slow, socket.socket() as filler:
        filler.connect(slow.getsockname())  # the next one waits for a place
        tunnel = lab.profile("demo", hops, {"slow": f"127.0.0.1:{slow.getsockname()[1]}"}, on_demand=True)
        lab.profile("other", hops, {"echo": lab.target(targets.echo)})
        lab.tunneld.up("demo", "other")
        with tunnel.connect() as client:
            client.sendall(b"hello")
            wait_until(lambda: tunnel.status()["hops"][1]["state"] == "ready", 10, "its channel is asked for")
            hops[0].kill_sessions()
            wait_until(lambda: tunnel.status()["reconnects"] == 1, patience(5), "it has dialled again")
            slow.settimeout(20)
            slow.accept()[0].close()  # there is a place now, for what the lost session may have asked for as well
            while True:
                with slow.accept()[0] as served:
                    if said := served.recv(5, socket.MSG_WAITALL):
                        break
            assert said == b"hello"


def test_the_port_never_refuses_while_the_bastion_is_killed_and_comes_back(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, hold_timeout="2s")
    tunnel.up()
    refused: list[bool] = []
    stop = threading.Event()

    def keep_trying() -> None:
        while not stop.is_set():
            if refuses(tunnel.port):
                refused.append(True)

    trier = threading.Thread(target=keep_trying, daemon=True)
    trier.start()
    for _ in range(2):
        server.kill()
        wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
        server.start()
        wait_until(lambda: tunnel.status()["state"] == "up", 10, "it is up again")
    stop.set()
    trier.join()
    assert not refused


def test_a_client_that_waits_longer_than_hold_timeout_is_reset(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, hold_timeout="1s")
    tunnel.up()
    server.kill()
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
    watch = Stopwatch()
    assert end_of_new_client(tunnel, patience(3)) == "reset"
    assert watch.seconds > 0.8
    server.start()
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_a_held_psql_is_answered_within_two_seconds_of_the_bastions_return(lab: Lab) -> None:
    hops = lab.chain(2)
    tunnel = lab.profile("demo", hops, {"postgres": lab.postgres()}, hold_timeout="30s")
    tunnel.up()
    hops[0].kill()
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
    query = subprocess.Popen(
        ["psql", "-XAtqc", "select 6 * 7"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=client_environment("127.0.0.1", tunnel.port),
    )
    wait_until(lambda: tunnel.status()["forwards"][0]["held"] >= 1, 10, "psql is held")
    wait_until(
        lambda: lab.tunneld.last_error("demo")["code"] == "E-CONNECTION-REFUSED", 10, "it has dialled in vain"
    )
    hops[0].start()
    watch = Stopwatch()
    out, _ = query.communicate(timeout=patience(20))
    assert (query.returncode, out.strip()) == (0, "42")
    assert watch.seconds < BACK_SECONDS


def test_a_bastion_that_returns_with_another_key_is_not_trusted(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    server.kill()
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
    server.new_host_keys()
    server.start()
    wait_until(lambda: tunnel.status()["state"] == "needs_action", patience(10), "a person is wanted")
    assert tunnel.status()["last_error"]["code"] == "E-HOST-KEY-CHANGED"
    assert "authenticating user" not in server.log()


def refused_after_a_loss(lab: Lab, server: Sshd, tunnel: Tunnel, spoil: Callable[[], None]) -> None:
    tunnel.up()
    server.kill()
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
    spoil()
    server.start()
    wait_until(lambda: tunnel.status()["state"] == "needs_action", patience(10), "a person is wanted")
    assert tunnel.status()["last_error"]["code"] in ("E-AUTH-REFUSED", "E-KEY-UNUSABLE")
    assert "next        tunneld up demo; or a client" in lab.tunneld.ok("status", "demo").text


def refused_without_its_key(lab: Lab) -> tuple[Sshd, Tunnel, Callable[[], None]]:
    """The third gives the agent its key back."""
    server, key = lab.sshd(), lab.keys["bastion"]
    agent = lab.agent(key)
    del lab.hosts["bastion"]["identity_file"]
    lab.hosts["bastion"] |= {"identity_agent": str(agent.socket), "identities_only": False}
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, hold_timeout="3s")
    refused_after_a_loss(lab, server, tunnel, agent.remove_all)
    return server, tunnel, lambda: agent.add(key)


@pytest.mark.sanitized
def test_a_key_that_the_agent_has_again_serves_the_next_client(lab: Lab) -> None:
    server, tunnel, add_key = refused_without_its_key(lab)
    tries = server.log().count("Connection from")
    assert end_of_new_client(tunnel, patience(6)) == "reset"
    assert server.log().count("Connection from") == tries, "nothing has changed, so nobody is asked"
    add_key()
    assert_echoes(tunnel)
    assert "needs_action -> starting (what it logs in with has changed)" in lab.tunneld.ok("logs", "demo").text


@pytest.mark.sanitized
def test_a_key_file_that_is_there_again_serves_the_next_client(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, hold_timeout="3s")
    key = Path(lab.hosts["bastion"]["identity_file"])
    away = key.with_suffix(".away")
    refused_after_a_loss(lab, server, tunnel, lambda: key.rename(away))
    assert end_of_new_client(tunnel, patience(6)) == "reset"
    key.write_text("no key")
    key.chmod(0o600)
    tries = server.log().count("Connection from")
    assert end_of_new_client(tunnel, patience(6)) == "reset"
    wait_until(lambda: server.log().count("Connection from") == tries + 1, 5, "it has tried with what is there now")
    away.rename(key)
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_clients_that_wait_already_are_served_when_the_agent_has_its_key_again(lab: Lab) -> None:
    _, tunnel, add_key = refused_without_its_key(lab)
    with tunnel.connect() as first, tunnel.connect() as second:
        wait_until(lambda: tunnel.status()["forwards"][0]["held"] == 2, 2, "both wait")
        add_key()
        assert_talks(first)
        assert_talks(second)


def test_a_key_that_changes_and_changes_is_tried_ever_less_often(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, hold_timeout="60s")
    key = Path(lab.hosts["bastion"]["identity_file"])
    refused_after_a_loss(lab, server, tunnel, lambda: key.write_text("no key"))
    tries = server.log().count("Connection from")
    with ExitStack() as clients:
        watch = Stopwatch()
        while watch.seconds < 10:
            key.write_text(f"no key {watch.seconds}")
            clients.enter_context(tunnel.connect())
            time.sleep(0.1)
    assert 2 <= server.log().count("Connection from") - tries <= 4, "after 1, 2, 4 s, not each second"


def test_a_chain_that_is_lost_and_found_again_and_again_leaks_no_descriptor(lab: Lab) -> None:
    hops = lab.chain(2)
    relay = lab.relay_before(hops[0])
    tunnel = lab.profile(
        "demo", hops, {"echo": lab.target(targets.echo)}, reconnect={"initial_delay": "50ms"}
    )
    tunnel.up()
    assert_echoes(tunnel)
    before = lab.tunneld.descriptors()
    for _ in range(LOSSES):
        relay.cut()
        wait_until(
            lambda: echoes(tunnel),
            patience(10),
            "it echoes again; a client in the moment of the cut is reset",
        )
    wait_until(lambda: lab.tunneld.descriptors() <= before, 10, f"descriptors are back to {before}")
