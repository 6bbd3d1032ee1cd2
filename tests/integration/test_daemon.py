"""The daemon's own life: how it starts, outlives, dies, and is found again."""
import os
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import proc, targets
from support.lab import Lab
from support.ports import answers
from support.preload import StuckNames
from support.process import alive
from support.scale import patience, scaled
from support.transfers import assert_echoes
from support.tunneld import binary
from support.wait import Stopwatch, wait_until

KILLS = scaled(normal=10, small=5, full=20)


def stat_field(pid: int, index: int) -> int:
    """proc(5): field numbers from 1; those after the command's name."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[index - 3])


@pytest.mark.sanitized
def test_killed_again_and_again_the_next_up_works_within_two_seconds(lab: Lab) -> None:
    tunnel = lab.profile("demo", lab.chain(2), {"echo": lab.target(targets.echo)})
    tunnel.up()
    for _ in range(KILLS):
        with tunnel.connect() as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            lab.tunneld.kill_daemon()
        outcome = tunnel.up()
        assert outcome.seconds < patience(2)
        assert_echoes(tunnel)


def test_killed_while_up_waits_the_next_up_works(lab: Lab) -> None:
    server = lab.sshd()
    relay = lab.relay_before(server)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    relay.blackhole()
    waiting = lab.tunneld.start("up", "demo")
    wait_until(lambda: relay.connections == 1, 10, "up has begun")
    lab.tunneld.kill_daemon()
    out, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 6, out + err
    relay.cut()
    relay.blackhole(False)
    tunnel.up()
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_two_ups_at_once_start_one_daemon(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    started = [lab.tunneld.start("up", "demo") for _ in range(8)]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    # Those who lost the race for the lock end by themselves; nobody waits for them.
    wait_until(lambda: lab.tunneld.daemon_pids() == [lab.tunneld.pid], 5, "one daemon is left")
    assert_echoes(tunnel)


def test_the_daemon_is_detached_from_whoever_started_it(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)}).up()
    pid = lab.tunneld.pid
    assert os.getsid(pid) != os.getsid(0)
    assert stat_field(pid, 7) == 0, "it has a controlling terminal"
    assert proc.link(pid, "cwd") == "/"
    for number in (0, 1, 2):
        target = proc.link(pid, f"fd/{number}")
        assert target == "/dev/null" or str(lab.folder) in target, target


@pytest.mark.sanitized
def test_shutdown_ends_it_and_takes_the_socket_and_the_listeners_along(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        lab.tunneld.ok("shutdown")
    wait_until(lambda: not alive(pid), 5, "the daemon is gone")
    assert not answers(tunnel.port)
    assert not list(lab.tunneld.runtime.glob("tunneld/*.sock"))
    wait_until(lambda: server.sessions() == 0, 5, "the bastion has no session left")
    tunnel.up()
    assert_echoes(tunnel)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_a_signal_ends_it_in_order_with_every_handle_closed(lab: Lab, number: int) -> None:
    tunnel = lab.profile("demo", lab.chain(2), {"echo": lab.target(targets.echo)})
    with open(lab.folder / "foreground", "w") as log:
        daemon = lab.tunneld.start("daemon", "--foreground", stdout=log, stderr=log)
    wait_until(lambda: (lab.tunneld.ps()["daemon"] or {}).get("pid") == daemon.pid, 10, "it answers")
    tunnel.up()
    assert lab.tunneld.pid == daemon.pid
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        daemon.send_signal(number)
        assert daemon.wait(patience(10)) == 0, (lab.folder / "foreground").read_text()


def test_a_second_daemon_refuses_to_run_and_the_first_is_untouched(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    outcome = lab.tunneld.run("daemon", "--foreground", timeout=20)
    assert outcome.code != 0 and str(pid) in outcome.text, outcome
    assert lab.tunneld.pid == pid
    assert_echoes(tunnel)


def test_the_runtime_folder_is_private_and_a_symlink_in_its_place_is_refused(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)}).up()
    folder = lab.tunneld.runtime / "tunneld"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "control.sock").stat().st_mode & 0o777 == 0o600
    lab.tunneld.shutdown()
    elsewhere = lab.folder / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert lab.tunneld.run("up", "demo").code == 6
    folder.unlink()
    lab.tunneld.up("demo")


@pytest.mark.sanitized
def test_it_works_with_64_descriptors_and_100_clients(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    lab.tunneld.up("demo", prefix=["prlimit", "--nofile=64:64"])
    clients = []
    for _ in range(100):
        try:
            clients.append(tunnel.connect())
            clients[-1].sendall(b"x")
        except OSError:
            continue
    # Those that it needs itself are not for clients.
    assert lab.tunneld.last_error("demo")["code"] == "E-OUT-OF-DESCRIPTORS"
    lab.tunneld.ok("ps")
    assert 10 < tunnel.status()["forwards"][0]["connections"] < 60
    assert "was reset" not in lab.tunneld.log(), "those who come too many wait"
    for client in clients:
        client.close()
    watch = Stopwatch()
    assert_echoes(tunnel)
    assert watch.seconds < patience(2)


def test_a_state_folder_that_others_may_enter_is_named_as_such(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    tunnel.up()
    lab.tunneld.shutdown()
    folder = lab.tunneld.log_path.parent
    folder.chmod(0o755)
    outcome = tunnel.fails(6)
    assert f"{folder} cannot hold the log" in outcome.err and "control socket" not in outcome.err, outcome
    folder.chmod(0o700)
    tunnel.up()


def test_logs_says_when_the_log_cannot_be_read(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)}).up()
    lab.tunneld.shutdown()
    lab.tunneld.log_path.rename(lab.tunneld.log_path.with_name("kept"))
    assert "Nothing is logged" in lab.tunneld.ok("logs").err
    lab.tunneld.log_path.mkdir()
    outcome = lab.tunneld.fails(1, "logs", "--json")
    assert "cannot be read: it is not a file" in outcome.err and outcome.out == "", outcome


def test_every_reading_command_works_without_a_daemon(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd(start=False)], {"echo": "127.0.0.1:9"})
    assert lab.tunneld.ok("ps", "--json").json()["profiles"] == []
    assert "bastion" in lab.tunneld.ok("hosts").text
    lab.tunneld.fails(3, "status", "demo")
    lab.tunneld.ok("check")
    assert lab.tunneld.daemon_pids() == []


def test_a_client_of_the_control_socket_that_says_nonsense_harms_nobody(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    tunnel.up()
    path = str(lab.tunneld.runtime / "tunneld" / "control.sock")
    for nonsense in (
        b"",
        b"\0\xff\n",
        b"{" * 70_000,
        b"[]\n",
        b'{"tunneld": 99}\n',
        b'{"tunneld": 1}\n{"id": -1}\n',
    ):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(path)
            try:
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except OSError:
                pass
    assert_echoes(tunnel)


HELLO = b'{"tunneld": 1, "version": "test", "pid": 1}\n'


def control_client(lab: Lab) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(lab.tunneld.runtime / "tunneld" / "control.sock"))
    return client


def test_clients_that_only_greet_keep_no_place_from_others(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)}).up()
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(control_client(lab)).sendall(HELLO)
        lab.tunneld.ok("ps")


def test_the_binary_is_one_file_that_needs_no_environment(lab: Lab) -> None:
    done = subprocess.run(
        [binary(), "--version"], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("tunneld 0."), done


def test_many_commands_at_once_are_all_answered(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    tunnel.up()
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(lab.tunneld.run("ps", "--json").code)) for _ in range(20)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert codes == [0] * 20


def test_a_name_look_up_that_hangs_keeps_neither_a_shutdown_nor_the_next_up_waiting(lab: Lab) -> None:
    names = StuckNames(lab.folder)
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    lab.profile("stuck", ["bastion.stuck"], {"echo": lab.target(targets.echo)})
    lab.tunneld.up("demo", environment=names.environment)
    pid = lab.tunneld.pid
    stuck = lab.tunneld.start("up", "stuck")
    wait_until(lambda: "[stuck] hop bastion.stuck: idle -> resolving" in lab.tunneld.log(), 5, "it looks the name up")
    lab.tunneld.ok("shutdown")
    stuck.communicate(timeout=10)
    assert alive(pid), "a look-up cannot be broken off"
    watch = Stopwatch()
    tunnel.up()
    assert watch.seconds < patience(1) and lab.tunneld.pid != pid
    assert_echoes(tunnel)
    names.answer()
    wait_until(lambda: not alive(pid), 5, "the first daemon has gone")
    assert tunnel.status()["state"] == "up"
