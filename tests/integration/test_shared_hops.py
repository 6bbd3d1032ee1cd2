"""Profiles whose chains begin alike share the sessions of that beginning, and nothing else does."""
import random
import re
import signal
import subprocess
from typing import Any, Sequence

import pytest
from support import targets
from support.faulty_relay import FaultyRelay
from support.lab import Lab, Tunnel
from support.process import children_of, send_signal
from support.scale import patience, scaled
from support.sshd import Sshd, SshServer
from support.stream import ends_with, receive_exactly
from support.terminal import CTRL_C, Open
from support.transfers import assert_echoes, assert_talks, echoes, talking_client
from support.wait import Stopwatch, wait_until

QUESTION = "(yes/no/[fingerprint])?"
ALIVE = {"server_alive_interval": "1s", "server_alive_count_max": 2}


def profiles(lab: Lab, hops: Sequence[SshServer | str], *names: str, **more: Any) -> list[Tunnel]:
    target = lab.target(targets.echo)
    return [lab.profile(name, hops, {"echo": target}, **more) for name in names]


def two_in_a_dial(
    lab: Lab, hops: list[Sshd], number: int
) -> tuple[FaultyRelay, list[Tunnel], list[subprocess.Popen[str]]]:
    """`first` dials the hop of that number, which does not answer, and `second` has come as well."""
    relay = lab.relay_before(hops[number - 1])
    relay.blackhole()
    tunnels = profiles(lab, hops, "first", "second")
    ups = [lab.tunneld.start("up", "first")]
    wait_until(lambda: relay.connections == 1, 10, "the first has got to the blackhole")
    ups.append(lab.tunneld.start("up", "second"))
    wait_until(lambda: len(lab.tunneld.ps()["profiles"]) == 2, 10, "the second waits as well")
    return relay, tunnels, ups


def exec_true(lab: Lab, name: str) -> None:
    """Nobody but this exec wants the profile; afterwards its sessions linger."""
    lab.tunneld.ok("exec", name, "--", "true")
    wait_until(lambda: lab.tunneld.ps()["profiles"] == [], 5, "what exec brought up is down again")


@pytest.fixture
def hops(lab: Lab) -> list[Sshd]:
    return lab.chain(2)


@pytest.mark.sanitized
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_20_profiles_behind_the_same_two_bastions_log_in_once_at_each(
    lab: Lab, hops: list[Sshd], at_once: bool
) -> None:
    own = lab.sshd("own")
    names = [f"p{number:02}" for number in range(20)]
    tunnels = profiles(lab, hops, *names[:19])
    tunnels += profiles(lab, [*hops, own], names[19])
    for each in [names] if at_once else [[name] for name in names]:
        lab.tunneld.up(*each)
    assert [server.logins() for server in (*hops, own)] == [1, 1, 1]
    items = lab.tunneld.ps()["profiles"]
    assert len({tuple(hop["session"] for hop in item["hops"][:2]) for item in items}) == 1
    for item in items:
        for hop in item["hops"][:2]:
            assert hop["shared_by"] == [name for name in names if name != item["name"]]
    assert items[19]["hops"][2]["shared_by"] == []
    for tunnel in tunnels:
        assert_echoes(tunnel)


def test_up_says_whose_session_it_shares(lab: Lab, hops: list[Sshd]) -> None:
    first, second = profiles(lab, hops, "first", "second")
    first.up()
    outcome = second.up()
    for hop in hops:
        assert f"Sharing the session to 127.0.0.1:{hop.port}... ok  with first\n" in outcome.text
    assert "Authenticating" not in outcome.text and "Connecting" not in outcome.text
    text = lab.tunneld.ok("status", "second").out
    assert text.count("shared with first") == 2


@pytest.mark.sanitized
def test_down_of_one_leaves_the_others_and_their_clients_undisturbed(lab: Lab, hops: list[Sshd]) -> None:
    first, second = profiles(lab, hops, "first", "second")
    lab.tunneld.up("first", "second")
    before = second.sessions()
    with talking_client(first) as leaving, talking_client(second) as staying:
        lab.tunneld.ok("down", "first", "--drain=0s")
        assert ends_with(leaving, patience(1)) == "reset"
        assert_talks(staying)
        assert_echoes(second)
        assert second.sessions() == before
        assert [hop["shared_by"] for hop in second.status()["hops"]] == [[], []]
    lab.tunneld.ok("down", "second")
    wait_until(lambda: hops[0].sessions() == 0, 5, "the last user's down closes the sessions at once")


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_bastion_that_is_killed_takes_all_along_and_all_are_back_two_seconds_after_its_return(
    lab: Lab, hops: list[Sshd], number: int
) -> None:
    tunnels = profiles(lab, hops, *(f"p{number}" for number in range(8)))
    lab.tunneld.up(*(tunnel.name for tunnel in tunnels))
    clients = [talking_client(tunnel) for tunnel in tunnels]
    hops[number - 1].kill()
    assert [ends_with(client, patience(1)) for client in clients] == ["reset"] * len(clients)
    for tunnel in tunnels:
        error = wait_until(lambda: tunnel.status()["last_error"], 5, "the loss is told")
        assert error["hop"] == f"hop{number}", error
        assert error["where"]["profile"] == tunnel.name
    waiting = [tunnel.connect() for tunnel in tunnels]
    for client in waiting:
        client.sendall(b"held")
    wait_until(
        lambda: all(item["forwards"][0]["held"] for item in lab.tunneld.ps()["profiles"]), 5, "all are held"
    )
    hops[number - 1].start()
    watch = Stopwatch()
    for client in waiting:
        assert receive_exactly(client, 4) == b"held"
    assert watch.seconds < patience(2)
    for client in clients + waiting:
        client.close()
    assert hops[number - 1].logins() == 1
    assert len({tuple(tunnel.sessions()) for tunnel in tunnels}) == 1


@pytest.mark.parametrize(
    "difference",
    [
        {"host_key_alias": "another"},
        {"strict_host_key_checking": "yes"},
        {"host_keys": "another"},
        {"identity_file": "another"},
        {"identity_agent": "none"},
        {"ciphers": ["aes256-ctr"]},
        ALIVE,
    ],
    ids=lambda difference: ",".join(difference),
)
def test_hosts_that_differ_in_what_they_trust_or_show_are_not_shared(
    lab: Lab, hops: list[Sshd], difference: dict[str, Any]
) -> None:
    bastion, target = hops
    if "host_keys" in difference:
        difference = {"host_keys": [*lab.hosts["hop1"]["host_keys"], "SHA256:" + "A" * 43]}
    if "identity_file" in difference:
        key = lab.key("another")
        bastion.authorize(key)
        difference = {"identity_file": str(key.path)}
    lab.hosts["other"] = lab.hosts["hop1"] | difference
    (first,) = profiles(lab, hops, "first")
    (second,) = profiles(lab, ["other", target], "second")
    lab.tunneld.up("first", "second")
    assert [server.logins() for server in hops] == [2, 2], "the target lies behind another session"
    assert not set(first.sessions()) & set(second.sessions())
    assert all(hop["shared_by"] == [] for hop in second.status()["hops"])


def test_a_profile_that_would_not_be_let_in_is_not_let_in_by_anothers_session(
    lab: Lab, hops: list[Sshd]
) -> None:
    (first,) = profiles(lab, hops, "first")
    first.up()
    refused = {
        "user": ({"user": "nobody-of-that-name"}, 7),
        "key": ({"identity_file": str(lab.key("stranger").path)}, 7),
        "pin": ({"host_keys": ["SHA256:" + "A" * 43]}, 8),
    }
    for name, (difference, code) in refused.items():
        lab.hosts[name] = lab.hosts["hop1"] | difference
        (tunnel,) = profiles(lab, [name, hops[1]], f"with-{name}")
        tunnel.fails(code)
    assert_echoes(first)


def test_one_server_under_two_names_is_shared_and_each_profile_sees_its_own(
    lab: Lab, hops: list[Sshd]
) -> None:
    lab.hosts["edge"] = lab.hosts["hop1"] | {"tags": ["edge"]}
    (first,) = profiles(lab, hops, "first")
    (second,) = profiles(lab, ["edge", hops[1]], "second")
    lab.tunneld.up("first", "second")
    assert first.sessions() == second.sessions()
    assert [tunnel.status()["hops"][0]["name"] for tunnel in (first, second)] == ["hop1", "edge"]
    hops[0].kill()
    for tunnel, name in ((first, "hop1"), (second, "edge")):
        error = wait_until(lambda: tunnel.status()["last_error"], 5, "the loss is told")
        assert error["hop"] == error["where"]["hop"] == name


@pytest.mark.sanitized
def test_exec_within_half_a_minute_of_another_uses_its_sessions(lab: Lab, hops: list[Sshd]) -> None:
    profiles(lab, hops, "demo", "other")
    for name in ("demo", "demo", "other"):
        exec_true(lab, name)
    assert [server.logins() for server in hops] == [1, 1]
    assert hops[0].sessions() == 1


def test_up_after_exec_uses_its_sessions_and_down_then_closes_them(lab: Lab, hops: list[Sshd]) -> None:
    (demo,) = profiles(lab, hops, "demo")
    exec_true(lab, "demo")
    text = demo.up().text
    for hop in hops:
        line = rf"Using the session to 127\.0\.0\.1:{hop.port} again\.\.\. ok  unused for \d s\n"
        assert re.search(line, text), text
    assert [server.logins() for server in hops] == [1, 1]
    lab.tunneld.ok("down", "demo")
    wait_until(lambda: hops[0].sessions() == 0, 5, "no session is left")


def test_sessions_that_nobody_comes_for_are_closed_half_a_minute_later(lab: Lab, hops: list[Sshd]) -> None:
    profiles(lab, hops, "demo")
    watch = Stopwatch()
    exec_true(lab, "demo")
    wait_until(lambda: hops[0].sessions() + hops[1].sessions() == 0, 32, "no session is left")
    assert watch.seconds > 29
    assert "-> lost" not in lab.tunneld.log(), "the inner one is closed before the outer one"


def test_a_lingering_session_that_dies_harms_nobody(lab: Lab, hops: list[Sshd]) -> None:
    (demo,) = profiles(lab, hops, "demo")
    exec_true(lab, "demo")
    hops[0].restart()
    wait_until(lambda: hops[1].sessions() == 0, 5, "what ran through it is gone as well")
    demo.up()
    assert_echoes(demo)
    assert demo.status()["last_error"] is None and hops[0].logins() == 1


def test_lingering_sessions_are_pinged_and_a_silent_one_goes(lab: Lab, hops: list[Sshd]) -> None:
    for hop in hops:
        lab.hosts[hop.name] |= ALIVE
    relay = lab.relay_before(hops[0])
    (demo,) = profiles(lab, hops, "demo")
    exec_true(lab, "demo")
    relay.blackhole()
    wait_until(lambda: "ready -> lost" in lab.tunneld.log(), patience(6), "it is lost")
    relay.cut()
    relay.blackhole(False)
    demo.up()
    assert_echoes(demo)


@pytest.mark.sanitized
@pytest.mark.parametrize("end", ["shutdown", "signal"])
def test_the_daemon_ends_in_order_with_lingering_sessions(lab: Lab, hops: list[Sshd], end: str) -> None:
    profiles(lab, hops, "demo")
    with open(lab.folder / "foreground", "w") as log:
        daemon = lab.tunneld.start("daemon", "--foreground", stdout=log, stderr=log)
    wait_until(lambda: (lab.tunneld.ps()["daemon"] or {}).get("pid") == daemon.pid, 10, "it answers")
    exec_true(lab, "demo")
    assert hops[0].sessions() == 1
    if end == "signal":
        daemon.send_signal(signal.SIGTERM)
    else:
        lab.tunneld.ok("shutdown")
    assert daemon.wait(patience(10)) == 0, (lab.folder / "foreground").read_text()
    wait_until(lambda: hops[0].sessions() == 0, 5, "no session is left")


@pytest.mark.sanitized
def test_restart_dials_anew_and_the_other_profile_keeps_its_sessions(lab: Lab, hops: list[Sshd]) -> None:
    first, second = profiles(lab, hops, "first", "second")
    lab.tunneld.up("first", "second")
    before = second.sessions()
    with talking_client(first) as old, talking_client(second) as other:
        lab.tunneld.ok("restart", "first")
        assert ends_with(old, patience(1)) == "reset"
        assert_talks(other)
    assert not set(first.sessions()) & set(before)
    assert second.sessions() == before
    assert [server.logins() for server in hops] == [2, 2]
    lab.tunneld.ok("restart", "second")
    assert second.sessions() == first.sessions(), "the new ones are there to be shared"
    wait_until(lambda: hops[0].sessions() == 1, 5, "the old session has gone with its last user")
    assert_echoes(first)


@pytest.mark.sanitized
def test_profiles_restarted_together_share_their_new_sessions(lab: Lab, hops: list[Sshd]) -> None:
    first, second = profiles(lab, hops, "first", "second")
    lab.tunneld.up("first", "second")
    before = first.sessions()
    lab.tunneld.ok("restart", "first", "second")
    assert first.sessions() == second.sessions() and not set(first.sessions()) & set(before)
    assert [server.logins() for server in hops] == [2, 2]


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_profile_that_comes_while_the_hop_is_dialled_waits_for_that_dial(
    lab: Lab, hops: list[Sshd], number: int
) -> None:
    relay, (first, second), ups = two_in_a_dial(lab, hops, number)
    wait_until(lambda: second.status()["hops"][number - 1]["state"] != "idle", 10, "it has got there as well")
    relay.blackhole(False)
    outcomes = [up.communicate(timeout=patience(30)) for up in ups]
    assert [up.returncode for up in ups] == [0, 0], outcomes
    assert [server.logins() for server in hops] == [1, 1] and relay.connections == 1
    for _, err in outcomes:
        assert "Authenticating" in err
    if number == 1:  # what was done before it came is told all the same
        assert f"Connecting to 127.0.0.1:{relay.port}... ok" in outcomes[1][1]
    for tunnel in (first, second):
        assert_echoes(tunnel)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_profile_that_leaves_while_the_hop_is_dialled_does_not_take_the_dial_along(
    lab: Lab, hops: list[Sshd], number: int
) -> None:
    relay, (first, second), ups = two_in_a_dial(lab, hops, number)
    lab.tunneld.ok("down", "first")
    ups[0].communicate(timeout=patience(10))
    assert ups[0].returncode == 3
    relay.blackhole(False)
    _, err = ups[1].communicate(timeout=patience(30))
    assert ups[1].returncode == 0, err
    assert relay.connections == 1 and [server.logins() for server in hops] == [1, 1]
    assert_echoes(second)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_hop_that_goes_silent_is_named_for_every_profile_behind_it(
    lab: Lab, hops: list[Sshd], number: int
) -> None:
    for hop in hops:
        lab.hosts[hop.name] |= ALIVE
    relay = lab.relay_before(hops[number - 1])
    tunnels = profiles(lab, hops, "first", "second")
    tunnels += profiles(lab, hops[:1], "bastion-only")
    lab.tunneld.up(*(tunnel.name for tunnel in tunnels))
    clients = [talking_client(tunnel) for tunnel in tunnels]
    relay.blackhole()
    behind = tunnels if number == 1 else tunnels[:2]
    for client in clients[: len(behind)]:
        assert ends_with(client, patience(4)) == "reset"
    for tunnel in behind:
        error = wait_until(lambda: tunnel.status()["last_error"], 5, "status tells the error")
        assert (error["code"], error["hop"]) == ("E-KEEPALIVE-TIMEOUT", f"hop{number}")
        assert error["where"]["profile"] == tunnel.name and error["where"]["hop_number"] == number
    if number == 2:
        assert_talks(clients[2])
        assert tunnels[2].status()["last_error"] is None
    relay.cut()
    relay.blackhole(False)
    for tunnel in tunnels:
        wait_until(lambda: echoes(tunnel), patience(10), "it is back")
    for client in clients:
        client.close()


def test_an_answer_about_a_new_host_key_counts_for_all_who_wait(
    lab: Lab, hops: list[Sshd], terminal: Open
) -> None:
    del lab.hosts["hop1"]["host_keys"]
    first, second = profiles(lab, hops, "first", "second")
    window = terminal("up", "first")
    window.read_until(QUESTION)
    other = lab.tunneld.start("up", "second")  # with nobody to ask
    wait_until(lambda: len(lab.tunneld.ps()["profiles"]) == 2, 10, "the second waits as well")
    window.type("yes\n")
    assert window.wait(patience(20)) == 0, window.text
    _, err = other.communicate(timeout=patience(20))
    assert other.returncode == 0, err
    assert hops[0].logins() == 1
    for tunnel in (first, second):
        assert_echoes(tunnel)


@pytest.mark.sanitized
def test_a_question_whose_asker_leaves_goes_on_to_another_who_can_be_asked(
    lab: Lab, hops: list[Sshd], terminal: Open
) -> None:
    del lab.hosts["hop1"]["host_keys"]
    _, second = profiles(lab, hops, "first", "second")
    leaving = terminal("up", "first")
    leaving.read_until(QUESTION)
    staying = terminal("up", "second")
    wait_until(lambda: len(lab.tunneld.ps()["profiles"]) == 2, 10, "the second waits as well")
    leaving.type(CTRL_C)
    assert leaving.wait(patience(10)) == 130
    staying.read_until(QUESTION)
    staying.type("yes\n")
    assert staying.wait(patience(20)) == 0, staying.text
    assert hops[0].logins() == 1
    assert_echoes(second)


def test_a_question_whose_asker_leaves_fails_those_who_cannot_be_asked(
    lab: Lab, hops: list[Sshd], terminal: Open
) -> None:
    del lab.hosts["hop1"]["host_keys"]
    profiles(lab, hops, "first", "second")
    leaving = terminal("up", "first")
    leaving.read_until(QUESTION)
    other = lab.tunneld.start("up", "second")
    wait_until(lambda: len(lab.tunneld.ps()["profiles"]) == 2, 10, "the second waits as well")
    leaving.type(CTRL_C)
    _, err = other.communicate(timeout=patience(20))
    assert other.returncode == 12 and "E-NEEDS-INPUT" in err
    wait_until(lambda: hops[0].sessions() == 0, 5, "no session is left")


def test_what_a_bastion_did_not_permit_and_now_does_is_found_by_a_session_of_its_own(lab: Lab) -> None:
    """Another profile holds the old session there, for which sshd goes by its old configuration."""
    bastion = lab.sshd("bastion", ["PermitOpen none"])
    inner = lab.sshd("inner")
    lab.profile("local", [bastion], {"echo": lab.target(targets.echo)}).up()
    (through,) = profiles(lab, [bastion, inner], "through")
    assert "E-FORWARD-PROHIBITED" in through.fails(11).text
    bastion.options = []
    bastion.write_config()
    send_signal(bastion.pid, signal.SIGHUP)
    wait_until(lambda: bastion.log().count("Server listening on") == 2, 10, "it has read its configuration")
    through.up()
    assert_echoes(through)
    assert len(children_of(bastion.pid)) == 2 and bastion.logins() == 2


@pytest.mark.sanitized
@pytest.mark.limit(120)
def test_profiles_that_come_and_go_at_random_while_hops_are_cut_end_up_well(
    lab: Lab, hops: list[Sshd]
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    relays = [lab.relay_before(hop) for hop in hops]
    own = lab.sshd("own")
    quick = {"reconnect": {"initial_delay": "50ms", "max_delay": "200ms"}}
    tunnels = profiles(lab, hops, *(f"a{number}" for number in range(4)), **quick)
    tunnels += profiles(lab, [*hops, own], *(f"b{number}" for number in range(4)), **quick)
    running: list[subprocess.Popen[str]] = []
    for _ in range(scaled(normal=150, small=60)):
        name = chance.choice(tunnels).name
        action = chance.choice(
            [
                ["up", name],
                ["up", name, "--no-input"],
                ["exec", name, "--", "true"],
                ["restart", name],
                ["down", name, "--drain=0s"],
            ]
        )
        running.append(lab.tunneld.start(*action, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        if chance.random() < 0.3:
            chance.choice(running).send_signal(signal.SIGINT)
        if chance.random() < 0.2:
            chance.choice(relays).cut()
        if len(running) > 6:
            running.pop(0).wait(patience(40))
    for each in running:
        each.wait(patience(40))
    lab.tunneld.up(*(tunnel.name for tunnel in tunnels))
    for tunnel in tunnels:
        assert_echoes(tunnel)
    lab.tunneld.ok("down", "--all")
    for tunnel in tunnels:
        exec_true(lab, tunnel.name)
    servers = (*hops, own)
    wait_until(lambda: [each.sessions() for each in servers] == [1, 1, 1], 10, "one session each is left")


def test_a_profile_that_backs_off_comes_up_when_anothers_dial_gets_through(lab: Lab) -> None:
    a, b = lab.chain(2)
    for hop in (a, b):
        lab.hosts[hop.name] |= {"connect_timeout": "2s"}
    slow = {"reconnect": {"initial_delay": "60s", "max_delay": "60s"}}
    one = lab.profile("one", [a], {"echo": lab.target(targets.echo)}, **slow)
    two = lab.profile("two", [a, b], {"echo": lab.target(targets.echo)}, **slow)
    lab.tunneld.up("one", "two")
    a.kill()
    for tunnel in (one, two):
        wait_until(lambda: tunnel.status()["state"] == "backing_off", patience(10), "it backs off")
    a.start()
    assert_echoes(two)
    wait_until(lambda: one.status()["state"] == "up", patience(2), "the other need not wait for its own turn")
    assert one.status()["reconnects"] == 1
    lab.tunneld.ok("restart", "one")
    assert one.status()["reconnects"] == 1, "a restart is no loss"
