"""The commands around `up`: what they print, what they give back, what they leave."""
import os
import re
import signal
import socket
import threading
from pathlib import Path

import pytest
from support import proc, targets
from support.lab import Lab, Tunnel
from support.ports import answers, free_port, refuses
from support.scale import patience
from support.stream import ends_with, receive_exactly
from support.transfers import assert_echoes, assert_talks, talking_client
from support.wait import Stopwatch, wait_until


@pytest.fixture
def tunnel(lab: Lab) -> Tunnel:
    return lab.profile("demo", lab.chain(2), {"echo": lab.target(targets.echo)})


@pytest.mark.sanitized
def test_up_prints_each_step_in_order_on_a_line_of_its_own(lab: Lab, tunnel: Tunnel) -> None:
    outcome = tunnel.up()
    hops = [f"127.0.0.1:{lab.hosts[name]['port']}" for name in ("hop1", "hop2")]
    steps = [
        rf"Connecting to {hops[0]}\.\.\. ok +\d+ ms",
        r"Verifying host key SHA256:.*\.\.\. ok +pinned",
        r"Authenticating \S+ \(publickey, .*id_hop1\)\.\.\. ok +\d+ ms",
        rf"Opening channel to {hops[1]}\.\.\. ok +\d+ ms",
        r"Verifying host key SHA256:.*\.\.\. ok +pinned",
        r"Authenticating \S+ \(publickey, .*id_hop2\)\.\.\. ok +\d+ ms",
        rf"Listening on 127\.0\.0\.1:{tunnel.port} -> 127\.0\.0\.1:\d+ \(echo\)",
        r"demo is up",
    ]
    assert re.search("\n.*".join(steps), outcome.text), outcome
    assert "\x1b" not in outcome.text


@pytest.mark.sanitized
def test_up_again_changes_nothing_and_keeps_connections(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    sessions = [hop["session"] for hop in tunnel.status()["hops"]]
    with tunnel.connect() as client:
        tunnel.up()
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    assert [hop["session"] for hop in tunnel.status()["hops"]] == sessions


@pytest.mark.sanitized
def test_up_after_an_edit_uses_the_new_file(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    pid = lab.tunneld.pid
    assert_echoes(tunnel)
    lab.profiles["demo"]["forwards"]["echo"]["connect"] = lab.target(targets.digest_of_request).address
    lab.save()
    tunnel.up()
    with tunnel.connect() as client:
        client.shutdown(socket.SHUT_WR)
        assert len(receive_exactly(client, 64)) == 64
    assert lab.tunneld.pid == pid


def test_up_after_an_edit_of_the_listen_address_moves_the_listener(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    old, tunnel.ports["echo"] = tunnel.port, free_port()
    lab.profiles["demo"]["forwards"]["echo"]["listen"] = f"127.0.0.1:{tunnel.port}"
    lab.save()
    tunnel.up()
    assert_echoes(tunnel)
    assert not answers(old)


@pytest.mark.sanitized
def test_down_names_the_connected_clients_and_frees_the_port(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        outcome = lab.tunneld.ok("down", "demo", "--drain=0s")
        name = Path("/proc/self/comm").read_text().strip()
        for words in (f"127.0.0.1:{client.getsockname()[1]}", name, str(os.getpid()), "echo"):
            assert words in outcome.text, outcome
        assert ends_with(client, 5) in ("eof", "reset")
    assert not answers(tunnel.port)
    lab.tunneld.fails(3, "down", "demo")
    lab.tunneld.fails(3, "status", "demo")


def test_down_waits_for_clients_that_end_within_the_drain_time(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        down = lab.tunneld.start("down", "demo", "--drain=20s")
        assert "waits up to 20 s for 1 connection to end" in down.stderr.readline()
        wait_until(lambda: not answers(tunnel.port), 5, "no new client is let in")
        client.sendall(b"last words")
        assert receive_exactly(client, 10) == b"last words"
    out, err = down.communicate(timeout=10)
    assert down.returncode == 0, out + err


@pytest.mark.sanitized
def test_up_while_it_drains_keeps_the_clients(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    sessions = tunnel.sessions()
    with tunnel.connect() as client:
        client.sendall(b"a")
        assert receive_exactly(client, 1) == b"a"
        down = lab.tunneld.start("down", "demo", "--drain=30s")
        wait_until(lambda: tunnel.status()["state"] == "draining", 5, "it drains")
        tunnel.up()
        out, err = down.communicate(timeout=10)
        assert down.returncode == 130 and "asked for again" in err, out + err
        client.sendall(b"b")
        assert receive_exactly(client, 1) == b"b"
        assert_echoes(tunnel)
    assert tunnel.sessions() == sessions


def test_a_second_down_may_only_shorten_the_draining(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"a")
        assert receive_exactly(client, 1) == b"a"
        watch = Stopwatch()
        downs = [lab.tunneld.start("down", "demo", "--drain=4s")]
        wait_until(lambda: tunnel.status()["state"] == "draining", 5, "it drains")
        downs.append(lab.tunneld.start("down", "demo", "--drain=60s"))
        assert "waits up to" in downs[1].stderr.readline()  # and not a minute
        downs.append(lab.tunneld.start("down", "demo", "--drain=50s"))
        for down in downs:
            down.communicate(timeout=30)
            assert down.returncode == 0
        assert watch.seconds < 4 + patience(3)


@pytest.mark.sanitized
def test_an_interrupted_down_leaves_draining_clients_their_time(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"a")
        assert receive_exactly(client, 1) == b"a"
        down = lab.tunneld.start("down", "demo", "--drain=30s")
        wait_until(lambda: tunnel.status()["state"] == "draining", 5, "it drains")
        down.send_signal(signal.SIGINT)
        _, err = down.communicate(timeout=10)
        assert down.returncode == 130 and "goes down all the same" in err, err
        client.sendall(b"b")
        assert receive_exactly(client, 1) == b"b"
        assert ends_with(client, 0.5) == "open"
    wait_until(lambda: lab.tunneld.ps()["profiles"] == [], 5, "it is down once its last client has left")


@pytest.mark.sanitized
@pytest.mark.parametrize("how", ["an edit", "--port"])
@pytest.mark.parametrize("wanted_by", ["up", "exec"])
def test_what_cannot_listen_replaces_nothing(lab: Lab, tunnel: Tunnel, wanted_by: str, how: str) -> None:
    """A taken port is found out before the tunnel that stands is closed."""
    if wanted_by == "up":
        tunnel.up()
    else:
        running = lab.tunneld.start("exec", "demo", "--", "sleep", "60")
        wait_until(lambda: [each["state"] for each in lab.tunneld.ps()["profiles"]] == ["up"], 10, "it is up")
    with talking_client(tunnel) as client, socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        if how == "an edit":
            lab.profiles["demo"]["forwards"]["more"] = {"listen": f"127.0.0.1:{port}", "connect": "127.0.0.1:9"}
            lab.save()
            outcome = tunnel.fails(10)
        else:
            outcome = tunnel.fails(10, "--port", f"echo={port}")
        assert f"127.0.0.1:{port}" in outcome.err and "demo is left as it was" in outcome.err, outcome
        assert_talks(client)
    assert_echoes(tunnel)
    if wanted_by == "exec":
        running.terminate()
        running.communicate(timeout=10)
    tunnel.up()
    assert_echoes(tunnel)


def test_down_all_takes_everything_down(lab: Lab, tunnel: Tunnel) -> None:
    other = lab.profile("other", ["hop1"], {"echo": lab.target(targets.echo)})
    lab.tunneld.up("demo", "other")
    assert [each["name"] for each in lab.tunneld.ps()["profiles"]] == ["demo", "other"]
    lab.tunneld.ok("down", "--all")
    assert lab.tunneld.ps()["profiles"] == []
    assert not answers(tunnel.port) and not answers(other.port)


@pytest.mark.sanitized
def test_restart_makes_new_sessions_and_keeps_the_listener_bound(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    sessions = [hop["session"] for hop in tunnel.status()["hops"]]
    refused: list[bool] = []
    stop = threading.Event()

    def keep_trying() -> None:
        while not stop.is_set():
            if refuses(tunnel.port):
                refused.append(True)

    trier = threading.Thread(target=keep_trying, daemon=True)
    trier.start()
    for _ in range(3):
        lab.tunneld.ok("restart", "demo")
    stop.set()
    trier.join()
    assert not refused
    assert_echoes(tunnel)
    assert not set(sessions) & {hop["session"] for hop in tunnel.status()["hops"]}


@pytest.mark.sanitized
def test_exec_runs_a_command_with_the_address_and_gives_back_what_it_took(lab: Lab, tunnel: Tunnel) -> None:
    outcome = lab.tunneld.ok("exec", "demo", "--", "env")
    variables = dict(line.split("=", 1) for line in outcome.out.splitlines() if "=" in line)
    for prefix in ("TUNNELD_ECHO", "TUNNELD"):
        assert variables[f"{prefix}_HOST"] == "127.0.0.1"
        assert variables[f"{prefix}_PORT"] == str(tunnel.port)
        assert variables[f"{prefix}_ADDRESS"] == f"127.0.0.1:{tunnel.port}"
    wait_until(lambda: lab.tunneld.ps()["profiles"] == [], 5, "what exec brought up is down again")
    tunnel.up()
    lab.tunneld.ok("exec", "demo", "--", "true")
    assert tunnel.status()["state"] == "up"


@pytest.mark.sanitized
@pytest.mark.parametrize("change", ["--port", "edit"])
def test_exec_leaves_a_profile_that_serves_as_it_is(lab: Lab, tunnel: Tunnel, change: str) -> None:
    if change == "--port":
        tunnel.ports["echo"] = free_port()
        tunnel.up("--port", f"echo={tunnel.port}")
    else:
        tunnel.up()
        lab.profiles["demo"]["forwards"]["echo"]["listen"] = f"127.0.0.1:{free_port()}"
        lab.save()
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert receive_exactly(client, 1) == b"x"
        outcome = lab.tunneld.ok("exec", "demo", "--", "sh", "-c", "echo $TUNNELD_PORT")
        assert outcome.out.strip() == str(tunnel.port)
        assert ("tunneld up demo" in outcome.err) == (change == "edit"), outcome
        client.sendall(b"y")
        assert receive_exactly(client, 1) == b"y"
    assert [each["state"] for each in lab.tunneld.ps()["profiles"]] == ["up"]
    outcome = lab.tunneld.fails(2, "exec", "demo", "--port", f"echo={free_port()}", "--", "true")
    assert f"127.0.0.1:{tunnel.port}" in outcome.err and "tunneld up demo --port echo=" in outcome.err, outcome
    assert_echoes(tunnel)


@pytest.mark.parametrize("change", ["gone", "broken", "its hop is gone", "other files remain"])
def test_exec_uses_a_profile_that_is_up_whatever_has_become_of_its_file(lab: Lab, tunnel: Tunnel, change: str) -> None:
    tunnel.up()
    sessions = tunnel.sessions()
    path = lab.tunneld.profiles / "lab.yaml"
    if change == "broken":
        path.write_text("{{{")
    elif change == "its hop is gone":
        del lab.hosts["hop2"]
        lab.save()
    else:
        path.unlink()
    if change == "other files remain":
        (lab.tunneld.profiles / "other.yaml").write_text("version: 1\n")
    outcome = lab.tunneld.ok("exec", "demo", "--", "sh", "-c", "echo $TUNNELD_PORT")
    assert outcome.out == f"{tunnel.port}\n" and "there is no valid definition of it any more" in outcome.err, outcome
    outcome = lab.tunneld.fails(2, "exec", "demo", "--port", "eco=1", "--", "true")
    assert "has no forward eco" in outcome.err, outcome
    assert tunnel.sessions() == sessions
    lab.tunneld.ok("down", "demo")
    assert lab.tunneld.run("exec", "demo", "--", "true").code in (4, 5)


@pytest.mark.sanitized
def test_nothing_comes_up_while_the_daemon_shuts_down(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    with talking_client(tunnel) as client:
        shutdown = lab.tunneld.start("shutdown", "--drain=30s")
        wait_until(lambda: tunnel.status()["state"] == "draining", 5, "it drains")
        for command in (["up", "demo"], ["exec", "demo", "--", "true"]):
            outcome = lab.tunneld.fails(6, *command)
            assert "the daemon is shutting down" in outcome.err, outcome
        second = lab.tunneld.start("shutdown", "--drain=30s")
        wait_until(lambda: proc.takes_up(second.pid, signal.SIGINT), patience(5), "it talks to the daemon")
        for each in (second, shutdown):  # as long as one of them waits
            lab.tunneld.fails(6, "up", "demo")
            each.send_signal(signal.SIGINT)
            _, err = each.communicate(timeout=10)
            assert each.returncode == 130 and "tunneld shutdown --drain 0s ends it now" in err, err
        tunnel.up()  # it does not shut down any more
        assert_talks(client)
    assert_echoes(tunnel)


def test_exec_changes_nothing_of_a_profile_that_is_kept_and_cannot_be_reached(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    lab.servers[0].kill()
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        for port in (free_port(), busy.getsockname()[1]):
            lab.tunneld.fails(2, "exec", "demo", "--port", f"echo={port}", "--", "true")
    lab.profiles["demo"]["forwards"]["echo"]["listen"] = f"127.0.0.1:{free_port()}"
    lab.save()
    assert "tunneld up demo" in lab.tunneld.fails(9, "exec", "demo", "--", "true").err
    lab.servers[0].start()
    assert_echoes(tunnel)


def test_ports_that_exec_was_given_are_not_those_of_up(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    lab.tunneld.ok("exec", "demo", "--port", "echo=0", "--", "true")
    lab.profiles["demo"]["max_connections"] = 7
    lab.save()
    lab.tunneld.ok("restart", "demo")
    assert_echoes(tunnel)


def test_down_of_one_profile_named_twice_names_each_client_once(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        outcome = lab.tunneld.ok("down", "demo", "demo", "--drain=100ms")
    assert outcome.err.count("closed the connection") == 1 and outcome.err.count("waits up to") == 1, outcome


def test_restart_keeps_the_port_that_up_was_given(lab: Lab, tunnel: Tunnel) -> None:
    from_file, tunnel.ports["echo"] = tunnel.port, free_port()
    tunnel.up("--port", f"echo={tunnel.port}")
    lab.tunneld.ok("restart", "demo")
    assert_echoes(tunnel)
    lab.profiles["demo"]["description"] = "edited"
    lab.profiles["demo"]["max_connections"] = 7
    lab.save()
    lab.tunneld.ok("restart", "demo")
    assert_echoes(tunnel)
    assert not answers(from_file)
    lab.tunneld.ok("up", "demo")
    assert answers(from_file) and not answers(tunnel.port)


def test_up_gives_up_after_the_time_that_it_was_given(lab: Lab, tunnel: Tunnel) -> None:
    outcome = lab.tunneld.fails(124, "up", "demo", "--wait", "0s")
    assert "not up after 0 s" in outcome.err, outcome
    assert lab.tunneld.ps()["profiles"] == []


@pytest.mark.parametrize("verb", [["up", "demo"], ["exec", "demo", "--", "true"]])
def test_a_port_for_a_forward_that_has_none_is_refused(lab: Lab, tunnel: Tunnel, verb: list[str]) -> None:
    lab.profiles["demo"]["forwards"]["files"] = {"listen": f"unix:{lab.folder}/x.sock", "connect": "127.0.0.1:9"}
    lab.save()
    name, *command = verb
    outcome = lab.tunneld.fails(2, name, *command[:1], "--port", "eco=1", *command[1:])
    assert "has no forward eco; it has echo, files" in outcome.err, outcome
    outcome = lab.tunneld.fails(2, name, *command[:1], "--port", "files=1", *command[1:])
    assert "which has no port" in outcome.err, outcome


@pytest.mark.parametrize("code", [0, 3, 77])
def test_exec_gives_the_commands_exit_code(lab: Lab, tunnel: Tunnel, code: int) -> None:
    lab.tunneld.fails(code, "exec", "demo", "--", "sh", "-c", f"exit {code}")


def test_exec_tells_psql_where_to_go(lab: Lab, tunnel: Tunnel) -> None:
    lab.profiles["demo"]["forwards"]["echo"] |= {
        "app": "postgresql",
        "connect": f"127.0.0.1:{lab.postgres().port}",
    }
    lab.save()
    outcome = lab.tunneld.ok(
        "exec", "demo", "--", "psql", "-XAtq", "-U", "lab", "-d", "postgres", "-c", "select 6 * 7"
    )
    assert outcome.out.strip() == "42"


def test_ps_and_status_hold_every_field_of_the_interface(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    document = lab.tunneld.ok("ps", "--json").json()
    assert set(document) >= {"schema", "daemon", "profiles"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["daemon"]["version"])
    profile = document["profiles"][0]
    assert profile == tunnel.status() | {key: profile[key] for key in ("hops", "forwards")}
    assert set(profile) >= {
        "name",
        "state",
        "file",
        "since",
        "hops",
        "forwards",
        "last_error",
        "next_retry_ms",
        "reconnects",
    }
    assert profile["file"] == str(lab.tunneld.profiles / "lab.yaml")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", profile["since"])
    for hop in profile["hops"]:
        assert set(hop) >= {"name", "host", "address", "state", "session", "lanes", "rtt_ms", "shared_by"}
    for forward in profile["forwards"]:
        assert set(forward) >= {
            "name",
            "type",
            "listen",
            "connect",
            "state",
            "connections",
            "held",
            "total",
            "bytes_in",
            "bytes_out",
        }
    for command in (("ps",), ("status", "demo")):
        assert "demo" in lab.tunneld.ok(*command).out


def test_hosts_lists_the_vault(lab: Lab, tunnel: Tunnel) -> None:
    lab.hosts["hop1"]["tags"] = ["edge"]
    lab.save()
    listed = lab.tunneld.ok("hosts").out
    assert "hop1" in listed and "hop2" in listed and "edge" in listed
    assert "hop2" not in lab.tunneld.ok("hosts", "hop1").out
    assert lab.tunneld.ok("hosts", "--json").json()["schema"] == 1


def test_logs_tell_the_story_and_follow_it(lab: Lab, tunnel: Tunnel) -> None:
    tunnel.up()
    assert "hop1" in lab.tunneld.ok("logs", "demo").out
    following = lab.tunneld.start("logs", "demo", "-f")
    try:
        assert following.stdout is not None
        lab.tunneld.ok("down", "demo")
        lines: list[str] = []
        while not any("draining" in line or "down" in line for line in lines):
            line = following.stdout.readline()
            assert line, f"ended early: {lines}"
            lines.append(line)
    finally:
        following.terminate()
        following.communicate()


def test_groups_tags_and_globs_name_several_profiles(lab: Lab, tunnel: Tunnel) -> None:
    lab.profiles["demo"]["tags"] = ["orders"]
    lab.top["groups"] = {"morning": ["demo", "other"]}
    lab.profile("other", ["hop1"], {"echo": lab.target(targets.echo)})
    for names, expected in {"@morning": ["demo", "other"], "@orders": ["demo"], "oth*": ["other"]}.items():
        lab.tunneld.up(names)
        assert [each["name"] for each in lab.tunneld.ps()["profiles"]] == expected
        lab.tunneld.ok("down", "--all")


def test_mistakes_of_usage_have_their_exit_codes(lab: Lab, tunnel: Tunnel) -> None:
    assert "demo" in lab.tunneld.fails(4, "up", "demoo").text, "the nearest name is offered"
    lab.tunneld.fails(4, "up", "@nobody")
    lab.tunneld.fails(2, "up")
    lab.tunneld.fails(2, "no-such-verb")
    lab.tunneld.fails(2, "up", "demo", "--no-such-option")
    lab.tunneld.fails(3, "restart", "demo")


def test_an_on_demand_profile_dials_at_its_first_client(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, on_demand=True)
    outcome = tunnel.up()
    assert "demo is up, and connects with its first client: 127.0.0.1:" in outcome.text, outcome
    assert "demo  up, idle" in lab.tunneld.ok("ps").text
    assert server.sessions() == 0
    assert_echoes(tunnel)
    assert server.sessions() == 1
    assert "idle" not in lab.tunneld.ok("ps").text


def test_an_idle_chain_is_closed_and_dialled_again_for_the_next_client(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)}, idle_timeout="300ms")
    tunnel.up()
    assert_echoes(tunnel)
    wait_until(lambda: server.sessions() == 0, 5, "the chain is closed")
    assert "up -> up (idle)" in lab.tunneld.ok("logs", "demo").text
    assert_echoes(tunnel)


def test_up_gives_up_after_its_wait(lab: Lab) -> None:
    server = lab.sshd()
    relay = lab.relay_before(server)
    relay.blackhole()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(124, "--wait=1s")
    assert "hop 1 of 1" in outcome.text or "127.0.0.1" in outcome.text, outcome
    wait_until(lambda: server.sessions() == 0, 5, "nothing is left at the bastion")
    assert not answers(tunnel.port)
