"""Hops that cannot be reached: the exit code, the words, the hop; and what is mended works at once."""
import signal
import socket
import time

import pytest
from support import targets
from support.asyncssh_server import ANSWER_AFTER_SECONDS
from support.expect import assert_error, assert_works_after_mending
from support.lab import Lab, Tunnel
from support.ports import free_port
from support.process import send_signal
from support.scale import patience
from support.sshd import SshServer
from support.stream import ends_with
from support.transfers import assert_echoes
from support.wait import Stopwatch, wait_until

UNREACHABLE = 9
TIMED_OUT = 124


def two_hops(lab: Lab) -> tuple[list[SshServer], Tunnel]:
    hops = lab.chain(2)
    return hops, lab.profile("demo", hops, {"echo": lab.target(targets.echo)})


@pytest.mark.sanitized
def test_a_name_that_nobody_knows(lab: Lab) -> None:
    _, tunnel = two_hops(lab)
    lab.tunneld.environment["RES_OPTIONS"] = "timeout:1 attempts:1"
    lab.hosts["hop1"]["hostname"] = "no-such-bastion.invalid"
    lab.save()
    assert_error(tunnel.fails(UNREACHABLE), "E-NAME-NOT-FOUND", "no-such-bastion.invalid", hop=1, of=2)
    pid = lab.tunneld.pid
    lab.hosts["hop1"]["hostname"] = "localhost"
    lab.save()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
def test_the_first_hop_refuses_the_connection(lab: Lab) -> None:
    hops, tunnel = two_hops(lab)
    hops[0].kill()
    assert_error(tunnel.fails(UNREACHABLE), "E-CONNECTION-REFUSED", f"127.0.0.1:{hops[0].port}", hop=1, of=2)
    pid = lab.tunneld.pid
    hops[0].start()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
def test_the_second_hop_refuses_the_connection(lab: Lab) -> None:
    hops, tunnel = two_hops(lab)
    hops[1].kill()
    assert_error(tunnel.fails(UNREACHABLE), "E-CONNECTION-REFUSED", f"127.0.0.1:{hops[1].port}", hop=2, of=2)
    pid = lab.tunneld.pid
    hops[1].start()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.parametrize("number", [1, 2])
def test_a_hop_that_stays_silent_after_connecting(lab: Lab, number: int) -> None:
    hops, tunnel = two_hops(lab)
    relay = lab.relay_before(hops[number - 1])
    lab.hosts[f"hop{number}"]["connect_timeout"] = "1s"
    lab.save()
    relay.blackhole()
    outcome = tunnel.fails(UNREACHABLE)
    assert_error(outcome, "E-CONNECT-TIMEOUT", f"127.0.0.1:{relay.port}", hop=number, of=2)
    assert outcome.seconds < patience(5)
    pid = lab.tunneld.pid
    relay.cut()
    relay.blackhole(False)
    assert_works_after_mending(lab, tunnel, pid)


def test_a_first_hop_whose_host_answers_no_connection_request(lab: Lab) -> None:
    hops, tunnel = two_hops(lab)
    with socket.socket() as full, socket.socket() as filler, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # Linux queues one more than it is told, and drops what comes after
        port = full.getsockname()[1]
        for each in (filler, second):
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        lab.hosts["hop1"] |= {"port": port, "connect_timeout": "1s"}
        lab.save()
        outcome = tunnel.fails(UNREACHABLE)
        assert_error(outcome, "E-CONNECT-TIMEOUT", f"127.0.0.1:{port}", hop=1, of=2)
        assert outcome.seconds < patience(5)
    pid = lab.tunneld.pid
    lab.hosts["hop1"]["port"] = hops[0].port
    lab.save()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", ["http_server", "smtp_server"])
def test_something_else_than_an_ssh_server_listens(lab: Lab, number: int, kind: str) -> None:
    hops, tunnel = two_hops(lab)
    lab.hosts[f"hop{number}"]["port"] = port = lab.target(getattr(targets, kind)).port
    lab.save()
    assert_error(tunnel.fails(UNREACHABLE), "E-NOT-SSH", f"127.0.0.1:{port}", hop=number, of=2)
    pid = lab.tunneld.pid
    lab.hosts[f"hop{number}"]["port"] = hops[number - 1].port
    lab.save()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    "option", ["KexAlgorithms diffie-hellman-group1-sha1", "Ciphers aes128-cbc", "HostKeyAlgorithms ssh-rsa"]
)
def test_a_server_that_speaks_only_what_we_refuse(lab: Lab, number: int, option: str) -> None:
    hops = lab.chain(2)
    server = hops[number - 1]
    server.options = [option]
    if "HostKey" in option:
        server.new_host_keys("rsa")
        lab.hosts[server.name]["host_keys"] = [server.host_keys[0].fingerprint]
    server.restart()
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    assert_error(tunnel.fails(UNREACHABLE), "E-NO-COMMON-ALGORITHM", option.split()[1], hop=number, of=2)
    pid = lab.tunneld.pid
    server.options = []
    server.restart()
    assert_works_after_mending(lab, tunnel, pid)


def test_a_server_that_goes_away_during_the_handshake(lab: Lab) -> None:
    hops, tunnel = two_hops(lab)
    lab.hosts["hop1"]["port"] = lab.target(targets.banner_and_reset).port
    lab.save()
    outcome = tunnel.fails(UNREACHABLE)
    assert "hop 1 of 2" in outcome.text and "fix:" in outcome.text, outcome
    pid = lab.tunneld.pid
    lab.hosts["hop1"]["port"] = hops[0].port
    lab.save()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
def test_a_bastion_that_closes_the_channel_to_the_next_hop_as_it_confirms_it(lab: Lab) -> None:
    """The confirmation, EOF and CLOSE come in one read, before the first byte has been sent to the hop behind."""
    bastion = lab.asyncssh("bastion", "gone-at-once")
    tunnel = lab.profile("demo", [bastion, lab.sshd("inner")], {"echo": lab.target(targets.echo)})
    other = lab.profile("other", [lab.sshd("elsewhere")], {"echo": lab.target(targets.echo)})
    other.up()
    pid = lab.tunneld.pid
    up = lab.tunneld.start("up", "demo")
    wait_until(lambda: "hop inner: idle -> connecting" in lab.tunneld.log(), patience(5), "the channel is asked for")
    send_signal(pid, signal.SIGSTOP)
    time.sleep(ANSWER_AFTER_SECONDS + 0.3)
    send_signal(pid, signal.SIGCONT)
    watch = Stopwatch()
    _, said = up.communicate(timeout=60)
    assert watch.seconds < patience(2), said
    assert up.returncode == UNREACHABLE and "E-HANDSHAKE-FAILED" in said, said


def test_the_next_address_of_a_name_is_tried_when_the_first_refuses(lab: Lab) -> None:
    """localhost is ::1 and 127.0.0.1; the server listens on the second only."""
    _, tunnel = two_hops(lab)
    lab.hosts["hop1"]["hostname"] = "localhost"
    lab.save()
    tunnel.up()
    assert_echoes(tunnel)


def test_several_profiles_and_the_exit_code_of_the_first_that_failed(lab: Lab) -> None:
    server = lab.sshd()
    echo = lab.target(targets.echo)
    lab.profile("good", [server], {"echo": echo})
    lab.hosts["closed"] = lab.hosts["bastion"] | {"port": free_port()}
    lab.profile("dead", ["closed"], {"echo": echo})
    outcome = lab.tunneld.fails(UNREACHABLE, "up", "good", "dead")
    assert_error(outcome, "E-CONNECTION-REFUSED", profile="dead", hop=1, of=1)
    assert [each["name"] for each in lab.tunneld.ps()["profiles"]] == ["good"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_wait_that_ends_names_the_hop_and_what_it_does(lab: Lab, number: int) -> None:
    hops = lab.chain(2)
    lab.relay_before(hops[number - 1]).blackhole()
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    seconds = int(patience(2))
    outcome = tunnel.fails(TIMED_OUT, "--wait", f"{seconds}s")
    assert_error(outcome, "E-TIMED-OUT", f"demo is not up after {seconds} s", "still handshaking", hop=number, of=2)


def test_a_client_that_was_reset_does_not_hide_why_the_chain_is_down(lab: Lab) -> None:
    server = lab.sshd(start=False)
    relay = lab.relay_before(server)
    lab.hosts["bastion"]["connect_timeout"] = "1s"
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, on_demand=True, hold_timeout="1500ms")
    tunnel.up()
    relay.blackhole()
    with tunnel.connect() as client:
        assert ends_with(client, patience(4)) == "reset"
    wait_until(lambda: "E-HOLD-EXPIRED" in lab.tunneld.log(), 5, "it is logged, right after the reset")
    assert lab.tunneld.last_error("demo")["code"] == "E-CONNECT-TIMEOUT"
