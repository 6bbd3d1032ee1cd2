"""Host keys that are unknown, changed or revoked: refused before any credential leaves, and said why."""
from pathlib import Path

import pytest
from support import targets
from support.expect import assert_error, assert_works_after_mending
from support.keys import hash_names
from support.lab import Lab, Tunnel
from support.sshd import Sshd
from support.transfers import assert_echoes

REFUSED = 8
NEEDS_INPUT = 12


def unpinned(lab: Lab, length: int, **more: str) -> tuple[list[Sshd], Tunnel]:
    """A chain whose profile pins no key."""
    hops = lab.chain(length)
    for hop in hops:
        del lab.hosts[hop.name]["host_keys"]
        lab.hosts[hop.name] |= more
    return hops, lab.profile("demo", hops, {"echo": lab.target(targets.echo)})


def known_hosts(lab: Lab) -> Path:
    return lab.tunneld.home / ".ssh" / "known_hosts"


def own_known_hosts(lab: Lab) -> str:
    path = lab.tunneld.state / "tunneld" / "known_hosts"
    return path.read_text() if path.exists() else ""


def scoped_name(hops: list[Sshd], number: int) -> str:
    """A host behind others is known by its path; [...]:port because the port is not 22."""
    path = "".join(f"[127.0.0.1]:{hop.port}/" for hop in hops[: number - 1])
    return f"[{path}127.0.0.1]:{hops[number - 1].port}"


def assert_no_credential_was_shown(server: Sshd) -> None:
    for word in ("authenticating user", "Accepted", "Failed", "publickey"):
        assert word not in server.log(), server.log()


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_an_unknown_key_is_refused_when_checking_is_strict(lab: Lab, number: int) -> None:
    hops, tunnel = unpinned(lab, 2, strict_host_key_checking="yes")
    server = hops[number - 1]
    for hop in hops[: number - 1]:
        lab.hosts[hop.name]["host_keys"] = [hop.host_keys[0].fingerprint]
    lab.save()
    outcome = tunnel.fails(REFUSED)
    assert_error(outcome, "E-HOST-KEY-UNKNOWN", server.host_keys[0].fingerprint, hop=number, of=2)
    assert_no_credential_was_shown(server)
    pid = lab.tunneld.pid
    for hop in hops:
        lab.hosts[hop.name]["host_keys"] = [hop.host_keys[0].fingerprint]
    lab.save()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
def test_an_unknown_key_needs_a_person_when_there_is_no_terminal(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 1)
    outcome = tunnel.fails(NEEDS_INPUT)
    assert_error(outcome, "E-NEEDS-INPUT", hops[0].host_keys[0].fingerprint, hop=1, of=1)
    assert_no_credential_was_shown(hops[0])
    pid = lab.tunneld.pid
    known_hosts(lab).write_text(hops[0].known_hosts_line())
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
def test_accept_new_records_each_key_under_its_path_and_then_knows_it(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 2, strict_host_key_checking="accept-new")
    tunnel.up()
    assert hops[0].known_hosts_line(name=scoped_name(hops, 1)).strip() in own_known_hosts(lab)
    assert hops[1].known_hosts_line(name=scoped_name(hops, 2)).strip() in own_known_hosts(lab)
    assert not known_hosts(lab).exists(), "the person's own file is not ours to write"
    lab.tunneld.ok("down", "demo")
    for hop in hops:
        lab.hosts[hop.name]["strict_host_key_checking"] = "yes"
    lab.save()
    tunnel.up()
    assert_echoes(tunnel)


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [1, 2])
def test_a_changed_key_is_refused_with_both_fingerprints_and_the_line(lab: Lab, number: int) -> None:
    hops, tunnel = unpinned(lab, 2, strict_host_key_checking="accept-new")
    tunnel.up()
    pid = lab.tunneld.pid
    lab.tunneld.ok("down", "demo")
    server = hops[number - 1]
    server.kill()
    old = server.host_keys[0]
    old_fingerprint = old.fingerprint
    old_files = [(path, path.read_bytes()) for path in (old.path, old.public_path)]
    server.new_host_keys()
    server.start()
    outcome = tunnel.fails(REFUSED)
    own_file = f"{lab.tunneld.state}/tunneld/known_hosts:{number}"
    assert_error(
        outcome,
        "E-HOST-KEY-CHANGED",
        old_fingerprint,
        server.host_keys[0].fingerprint,
        own_file,
        hop=number,
        of=2,
    )
    assert_no_credential_was_shown(server)
    server.kill()
    for path, content in old_files:
        path.write_bytes(content)
    server.start()
    assert_works_after_mending(lab, tunnel, pid)


def test_a_key_of_another_type_than_the_known_one_is_a_changed_key(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 1, strict_host_key_checking="accept-new")
    tunnel.up()
    lab.tunneld.ok("down", "demo")
    hops[0].kill()
    hops[0].new_host_keys("ecdsa")
    hops[0].start()
    assert_error(tunnel.fails(REFUSED), "E-HOST-KEY-CHANGED", hops[0].host_keys[0].fingerprint, hop=1, of=1)
    assert_no_credential_was_shown(hops[0])


def test_a_server_with_several_keys_is_asked_for_the_known_one(lab: Lab) -> None:
    server = lab.sshd(host_key_types=("ed25519", "ecdsa", "rsa"))
    del lab.hosts["bastion"]["host_keys"]
    known_hosts(lab).write_text(server.known_hosts_line(2))
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    assert_echoes(tunnel)


@pytest.mark.parametrize("number", [1, 2])
def test_a_key_that_the_pin_does_not_name_is_refused(lab: Lab, number: int) -> None:
    hops = lab.chain(2)
    pin = lab.key("unrelated").fingerprint
    lab.hosts[f"hop{number}"]["host_keys"] = [pin]
    tunnel = lab.profile("demo", hops, {"echo": lab.target(targets.echo)})
    outcome = tunnel.fails(REFUSED)
    assert_error(outcome, "E-HOST-KEY-CHANGED", hops[number - 1].host_keys[0].fingerprint, hop=number, of=2)
    assert_no_credential_was_shown(hops[number - 1])
    pid = lab.tunneld.pid
    lab.hosts[f"hop{number}"]["host_keys"] = [pin, hops[number - 1].host_keys[0].fingerprint]
    lab.save()
    assert_works_after_mending(lab, tunnel, pid)


@pytest.mark.sanitized
@pytest.mark.parametrize("name", ["*", None])
def test_a_revoked_key_is_refused_even_when_it_is_pinned_or_known(lab: Lab, name: str | None) -> None:
    hops, tunnel = unpinned(lab, 1)
    line = hops[0].known_hosts_line()
    known_hosts(lab).write_text(line + "@revoked " + hops[0].known_hosts_line(name=name))
    outcome = tunnel.fails(REFUSED)
    assert_error(
        outcome, "E-HOST-KEY-REVOKED", hops[0].host_keys[0].fingerprint, f"{known_hosts(lab)}:2", hop=1, of=1
    )
    assert_no_credential_was_shown(hops[0])
    pid = lab.tunneld.pid
    known_hosts(lab).write_text(line)
    assert_works_after_mending(lab, tunnel, pid)


def test_a_damaged_line_of_the_server_lets_accept_new_accept_nothing(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 1, strict_host_key_checking="accept-new")
    names, key_type, blob = hops[0].known_hosts_line().split()[:3]
    for marker, code, exit_code in (("", "E-NEEDS-INPUT", NEEDS_INPUT), ("@revoked ", "E-HOST-KEY-REVOKED", REFUSED)):
        known_hosts(lab).write_text(f"{marker}{names} {key_type} {blob[:-3]}\n")
        assert_error(tunnel.fails(exit_code), code, f"{known_hosts(lab)}:1", hop=1, of=1)
        assert_no_credential_was_shown(hops[0])
    pid = lab.tunneld.pid
    known_hosts(lab).write_text(f"elsewhere {key_type} {blob[:-3]}\n")
    assert_works_after_mending(lab, tunnel, pid)


def test_a_session_whose_key_was_revoked_meanwhile_is_shared_with_nobody_more(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 1, strict_host_key_checking="yes")
    later = lab.profile("later", hops, {"echo": lab.target(targets.echo)})
    line = hops[0].known_hosts_line()
    known_hosts(lab).write_text(line)
    tunnel.up()
    known_hosts(lab).write_text(line + "@revoked " + line)
    outcome = later.fails(REFUSED)
    assert_error(outcome, "E-HOST-KEY-REVOKED", f"{known_hosts(lab)}:2", hop=1, of=1, profile="later")
    assert_echoes(tunnel)


def test_hashed_names_of_earlier_ssh_use_count(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 1, strict_host_key_checking="yes")
    known_hosts(lab).write_text(hops[0].known_hosts_line())
    hash_names(known_hosts(lab))
    assert "127.0.0.1" not in known_hosts(lab).read_text()
    tunnel.up()
    assert_echoes(tunnel)


def test_a_plain_line_counts_behind_a_bastion_only_when_it_matches(lab: Lab) -> None:
    """The same private address may be another machine in another network."""
    hops, tunnel = unpinned(lab, 2, strict_host_key_checking="accept-new")
    lab.hosts["hop1"]["host_keys"] = [hops[0].host_keys[0].fingerprint]
    lab.save()
    other = lab.key("other_machine")
    blob = " ".join(other.public_line.split()[:2])
    known_hosts(lab).write_text(f"[127.0.0.1]:{hops[1].port} {blob}\n")
    assert_error(tunnel.fails(REFUSED), "E-HOST-KEY-CHANGED", other.fingerprint, hop=2, of=2)
    assert_no_credential_was_shown(hops[1])
    known_hosts(lab).write_text(hops[1].known_hosts_line())
    lab.hosts["hop2"]["strict_host_key_checking"] = "yes"
    lab.save()
    tunnel.up()
    assert scoped_name(hops, 2) in own_known_hosts(lab)


def test_host_key_alias_is_the_name_that_is_looked_up(lab: Lab) -> None:
    hops, tunnel = unpinned(lab, 1, strict_host_key_checking="yes", host_key_alias="bastion.prod")
    known_hosts(lab).write_text(hops[0].known_hosts_line(name="bastion.prod"))
    tunnel.up()
    assert_echoes(tunnel)
