"""Credentials that a hop does not accept, and forwards that it does not allow."""
import pytest
from support import targets
from support.expect import assert_error, assert_works_after_mending
from support.lab import Lab
from support.ports import free_port
from support.scale import patience
from support.transfers import assert_echoes, end_of_new_client
from support.wait import wait_until

AUTH_FAILED = 7
FORWARD_REFUSED = 11
WITHIN_SECONDS = patience(1)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_key_that_is_not_accepted(lab: Lab, number: int) -> None:
    hops = lab.chain(2)
    server = hops[number - 1]
    server.forbid_all()
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    key = lab.keys[server.name]
    assert_error(tunnel.fails(AUTH_FAILED), "E-AUTH-REFUSED", "publickey", key.path.name, hop=number, of=2)
    pid = lab.tunneld.pid
    server.authorize(key)
    assert_works_after_mending(lab, tunnel, pid)


def test_a_server_that_has_enough_of_the_agents_many_keys(lab: Lab) -> None:
    server = lab.sshd(options=["MaxAuthTries 3"])
    agent = lab.agent(*(lab.key(f"other{number}") for number in range(5)))
    del lab.hosts["bastion"]["identities_only"]
    lab.hosts["bastion"] |= {"identity_agent": str(agent.socket)}
    del lab.hosts["bastion"]["identity_file"]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(AUTH_FAILED)
    assert_error(outcome, "E-AUTH-REFUSED", "Too many authentication failures", "offered: agent (", hop=1, of=1)
    assert "identities_only: true" in outcome.err and "no key could be offered" not in outcome.err, outcome


def test_a_server_that_offers_only_passwords(lab: Lab) -> None:
    server = lab.sshd(options=["PasswordAuthentication yes", "PubkeyAuthentication no"])
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    assert_error(tunnel.fails(AUTH_FAILED), "E-AUTH-REFUSED", "password", hop=1, of=1)


def test_a_key_file_that_does_not_exist(lab: Lab) -> None:
    server = lab.sshd()
    path = lab.keys["bastion"].path
    missing = path.with_name("id_missing")
    lab.hosts["bastion"]["identity_file"] = str(missing)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(AUTH_FAILED)
    assert "hop 1 of 1" in outcome.text and missing.name in outcome.text, outcome
    pid = lab.tunneld.pid
    missing.write_bytes(path.read_bytes())
    missing.chmod(0o600)
    assert_works_after_mending(lab, tunnel, pid)


def test_a_key_file_that_others_may_read(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    path = lab.keys["bastion"].path
    path.chmod(0o644)
    outcome = tunnel.fails(AUTH_FAILED)
    assert_error(outcome, "E-KEY-UNUSABLE", "no key can be used", "others may read it; chmod 600 it", hop=1, of=1)
    assert "refuses" not in outcome.err and "set identity_file for this host, or add" not in outcome.err, outcome
    pid = lab.tunneld.pid
    path.chmod(0o600)
    assert_works_after_mending(lab, tunnel, pid)


def test_an_agent_that_does_not_answer(lab: Lab) -> None:
    server = lab.sshd()
    lab.hosts["bastion"] |= {"identity_agent": str(lab.folder / "no-agent")}
    for name in ("identity_file", "identities_only"):
        del lab.hosts["bastion"][name]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(AUTH_FAILED)
    assert "hop 1 of 1" in outcome.text and "no-agent" in outcome.text, outcome


@pytest.mark.limit(60)
def test_a_login_that_takes_for_ever_meets_its_deadline(lab: Lab) -> None:
    server = lab.asyncssh(behaviour="slow-auth")
    lab.hosts["asyncssh"]["connect_timeout"] = "2s"
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(9)
    assert "hop 1 of 1" in outcome.text, outcome
    assert outcome.seconds < patience(20)


@pytest.mark.sanitized
@pytest.mark.parametrize(
    "option", ["AllowTcpForwarding no", "PermitOpen 127.0.0.1:1", "DisableForwarding yes"]
)
def test_a_bastion_that_forbids_the_way_to_the_next_hop(lab: Lab, option: str) -> None:
    bastion, inner = lab.sshd("bastion", [option]), lab.sshd("inner")
    tunnel = lab.profile("demo", [bastion, inner], {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(FORWARD_REFUSED)
    assert_error(
        outcome,
        "E-FORWARD-PROHIBITED",
        f"127.0.0.1:{inner.port}",
        "AllowTcpForwarding",
        "PermitOpen",
        hop=2,
        of=2,
    )
    pid = lab.tunneld.pid
    bastion.options = []
    bastion.restart()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
def test_a_target_that_refuses_resets_its_client_and_the_chain_lives(lab: Lab) -> None:
    hops = lab.chain(2)
    port = free_port()
    tunnel = lab.profile("demo", hops, {"gone": f"127.0.0.1:{port}", "echo": lab.target(targets.echo)})
    tunnel.up()
    pid = lab.tunneld.pid
    sessions = [hop["session"] for hop in tunnel.status()["hops"]]
    assert end_of_new_client(tunnel, WITHIN_SECONDS, "gone") == "reset"
    wait_until(
        lambda: lab.tunneld.last_error("demo")["code"] == "E-TARGET-REFUSED", 2, "status names the error"
    )
    assert lab.tunneld.last_error("demo")["hop"] == "hop2"
    assert f"127.0.0.1:{port}" in lab.tunneld.last_error("demo")["message"]
    assert_echoes(tunnel, "echo")
    lab.target(targets.echo, port=port)
    assert_echoes(tunnel, "gone")
    assert [hop["session"] for hop in tunnel.status()["hops"]] == sessions
    assert lab.tunneld.pid == pid


def test_a_last_hop_that_forbids_the_target_resets_the_client_and_says_so(lab: Lab) -> None:
    hops = [lab.sshd("bastion"), lab.sshd("inner", ["AllowTcpForwarding no"])]
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    tunnel.up()
    assert end_of_new_client(tunnel, WITHIN_SECONDS) == "reset"
    wait_until(
        lambda: lab.tunneld.last_error("demo")["code"] == "E-FORWARD-PROHIBITED", 2, "status names the error"
    )
    assert lab.tunneld.last_error("demo")["hop"] == "inner"


@pytest.mark.parametrize("behaviour", ["refuse", "shortage"])
def test_any_refusal_of_a_channel_resets_the_client(lab: Lab, behaviour: str) -> None:
    tunnel = lab.profile("demo", [lab.asyncssh(behaviour=behaviour)], {"echo": "127.0.0.1:9"})
    tunnel.up()
    for _ in range(20):
        assert end_of_new_client(tunnel, WITHIN_SECONDS) == "reset"
    assert tunnel.status()["state"] == "up"


def test_a_target_that_cannot_be_resolved_resets_its_client_and_the_chain_lives(lab: Lab) -> None:
    tunnel = lab.profile(
        "demo", [lab.sshd()], {"gone": "no-such-database.invalid:5432", "echo": lab.target(targets.echo)}
    )
    tunnel.up()
    assert end_of_new_client(tunnel, 40, "gone") == "reset"
    assert_echoes(tunnel, "echo")
