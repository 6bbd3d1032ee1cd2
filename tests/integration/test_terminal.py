"""On a terminal: prompts, Ctrl-C, live progress, and a daemon that survives the window."""
import pytest
from support import targets
from support.lab import Lab
from support.ports import answers
from support.process import alive
from support.scale import patience
from support.terminal import CTRL_C, Open
from support.transfers import assert_echoes
from support.wait import Stopwatch, wait_until

INTERRUPTED = 130


@pytest.mark.sanitized
def test_a_person_who_says_yes_to_a_new_key_is_let_through_and_not_asked_again(
    lab: Lab, terminal: Open
) -> None:
    hops = lab.chain(2)
    for hop in hops:
        del lab.hosts[hop.name]["host_keys"]
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo")
    for hop in hops:
        text = window.read_until("(yes/no/[fingerprint])?")
        assert hop.host_keys[0].fingerprint in text
        assert hop.name in text, "the prompt names the hop"
        window.type("YES\n" if hop is hops[0] else "yes\n")
    assert window.wait(patience(20)) == 0, window.text
    assert_echoes(tunnel)
    lab.tunneld.ok("down", "demo")
    tunnel.up()


@pytest.mark.sanitized
@pytest.mark.parametrize("no", ["no\n", "No\n", "perhaps\nno\n", "\n\x04"], ids=["no", "No", "perhaps", "ctrl-d"])
def test_a_person_who_says_no_to_a_new_key_is_refused_and_nothing_is_recorded(
    lab: Lab, terminal: Open, no: str
) -> None:
    server = lab.sshd()
    del lab.hosts["bastion"]["host_keys"]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo")
    question = "(yes/no/[fingerprint])?"
    for line in no.splitlines(keepends=True):
        window.read_until(question)
        window.type(line)
        question = "or the fingerprint:"
    assert window.wait(patience(20)) == 8, window.text
    assert "E-HOST-KEY-UNKNOWN" in window.text
    assert "authenticating user" not in server.log()
    tunnel.fails(12)
    lab.tunneld.fails(12, "up", "demo", "--no-input")


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_ctrl_c_in_up_leaves_nothing_half_open(lab: Lab, terminal: Open, number: int) -> None:
    hops = lab.chain(2)
    relay = lab.relay_before(hops[number - 1])
    relay.blackhole()
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo")
    wait_until(lambda: relay.connections == 1, 10, "the chain has got to the blackhole")
    watch = Stopwatch()
    window.type(CTRL_C)
    assert window.wait(patience(10)) == INTERRUPTED, window.text
    assert watch.seconds < patience(2)
    wait_until(lambda: lab.tunneld.ps()["profiles"] == [], 2, "no profile is left")
    assert not answers(tunnel.port)
    wait_until(lambda: hops[0].sessions() == 0, 5, "no session is left at the bastion")
    relay.cut()
    relay.blackhole(False)
    tunnel.up()
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_who_waits_at_another_terminal_sees_how_far_it_is_and_what_for(lab: Lab, terminal: Open) -> None:
    hops = lab.chain(2)
    del lab.hosts[hops[1].name]["host_keys"]
    lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    lab.profile("neighbour", hops, {"echo": lab.target(targets.echo)})
    asked = terminal("up", "demo")
    asked.read_until("(yes/no/[fingerprint])?")
    waiting = [terminal("up", name) for name in ("demo", "neighbour")]
    for window in waiting:
        window.read_until("Asking a person about the host key of 127.0.0.1")
    assert f"Opening channel to 127.0.0.1:{hops[1].port}... ok" in waiting[0].text, "what was done before it came"
    asked.type("yes\n")
    for window in [asked, *waiting]:
        assert window.wait(patience(20)) == 0, window.text
        assert f"Verifying host key {hops[1].host_keys[0].fingerprint}... ok  accepted, recorded" in window.text


def test_who_is_asked_is_not_asked_twice_when_another_restarts_it(lab: Lab, terminal: Open) -> None:
    server = lab.sshd()
    del lab.hosts["bastion"]["host_keys"]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    asked = terminal("up", "demo")
    asked.read_until("(yes/no/[fingerprint])?")
    restarting = terminal("restart", "demo")
    restarting.read_until("Asking a person")
    asked.type("yes\n")
    for window in (asked, restarting):
        assert window.wait(patience(20)) == 0, window.text
    assert asked.text.count("Are you sure") == 1, asked.text
    assert "Are you sure" not in restarting.text
    assert_echoes(tunnel)


def test_ctrl_c_at_the_prompt_leaves_nothing_half_open(lab: Lab, terminal: Open) -> None:
    server = lab.sshd()
    del lab.hosts["bastion"]["host_keys"]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo")
    window.read_until("yes")
    window.type(CTRL_C)
    assert window.wait(patience(10)) == INTERRUPTED, window.text
    wait_until(lambda: lab.tunneld.ps()["profiles"] == [], 2, "no profile is left")
    assert not answers(tunnel.port)
    wait_until(lambda: server.sessions() == 0, 5, "no session is left at the bastion")


def test_ctrl_c_does_not_take_down_what_was_up_before(lab: Lab, terminal: Open) -> None:
    server = lab.sshd()
    other = lab.sshd("other")
    good = lab.profile("good", [server], {"echo": lab.target(targets.echo)})
    good.up()
    relay = lab.relay_before(other)
    relay.blackhole()
    lab.profile("stuck", [other], {"echo": lab.target(targets.echo)})
    window = terminal("up", "good", "stuck")
    wait_until(lambda: relay.connections == 1, 10, "the second profile has begun")
    window.type(CTRL_C)
    assert window.wait(patience(10)) == INTERRUPTED, window.text
    wait_until(
        lambda: [each["name"] for each in lab.tunneld.ps()["profiles"]] == ["good"], 2, "good alone is up"
    )
    assert_echoes(good)


@pytest.mark.sanitized
def test_the_daemon_survives_the_terminal_that_started_it(lab: Lab, terminal: Open) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo")
    assert window.wait(patience(20)) == 0, window.text
    pid = lab.tunneld.pid
    window.hang_up()
    assert_echoes(tunnel)
    assert alive(pid) and lab.tunneld.pid == pid


def test_a_window_that_is_closed_while_up_waits_leaves_nothing_half_open(lab: Lab, terminal: Open) -> None:
    server = lab.sshd()
    relay = lab.relay_before(server)
    relay.blackhole()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo")
    wait_until(lambda: relay.connections == 1, 10, "up has begun")
    window.hang_up()
    wait_until(lambda: lab.tunneld.ps()["profiles"] == [], 5, "no profile is left")
    assert not answers(tunnel.port)


def test_progress_is_one_line_a_step_and_coloured_only_when_wanted(lab: Lab, terminal: Open) -> None:
    hops = lab.chain(2)
    lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    window = terminal("up", "demo", NO_COLOR="1")
    assert window.wait(patience(20)) == 0, window.text
    for words in (
        f"Connecting to 127.0.0.1:{hops[0].port}... ok",
        f"Opening channel to 127.0.0.1:{hops[1].port}... ok",
        "demo is up",
    ):
        assert words in window.text, window.text
    assert b"\x1b[3" not in window.output and b"\x1b[1;3" not in window.output, window.output


@pytest.mark.sanitized
def test_an_up_that_asks_gives_way_to_one_after_an_edit(lab: Lab, terminal: Open) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    lab.hosts["bastion"].pop("host_keys")
    lab.save()
    window = terminal("up", "demo")
    window.read_until("(yes/no/[fingerprint])?")
    lab.hosts["bastion"]["strict_host_key_checking"] = "accept-new"
    lab.save()
    tunnel.up()
    window.read_until("taken down by another command")
    assert_echoes(tunnel)
