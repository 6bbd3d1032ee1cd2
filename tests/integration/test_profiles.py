"""Profile files with mistakes: every one is found, where it stands."""
import json
import re

import pytest
from support import targets
from support.lab import Lab

INVALID = 5

# « stands before the wrong word and is taken out: it marks the line and column that tunneld must give.
TWELVE_MISTAKES = """\
version: 1
# Überschrift: Höhen und Tiefen — Spalten zählen Zeichen und nicht Bytes
hosts:
  a: {identity_file: "~/größe ✓", «hostnam: a.example.com}
  b: {identity_file: "~/größe", port: «ssh}
  c: {identity_file: "~/日本語", port: «70000}
  d: {identity_file: "~/größe", strict_host_key_checking: «no}
  e: {identity_file: "~/größe", connect_timeout: «soon}
  f: {identity_file: "~/größe", user: «-rf}
  good: {hostname: good.example.com}
profiles:
  first:
    hops: [good, good-too.example.com, «good]
    description: "Größe"
    «description: "noch einmal"
    forwards:
      one: {listen: "127.0.0.1:5432", connect: "127.0.0.1:5432"}
  second:
    description: "Spaß mit Größen"
    hops: [good]
    forwards: {one: {listen: "127.0.0.1:6000", connect: "db.example.com:1"}, wrong: «6001:x}
    on_demand: «yes
    max_connections: «viele
groups: {morning: [first, «secnod]}
"""


def expected_positions(text: str) -> list[tuple[int, int]]:
    return [(number, line.index("«") + 1) for number, line in enumerate(text.splitlines(), 1) if "«" in line]


def write(lab: Lab, text: str) -> str:
    path = lab.tunneld.profiles / "bad.yaml"
    path.write_text(text.replace("«", ""))
    return str(path)


@pytest.mark.sanitized
def test_twelve_different_mistakes_get_twelve_findings_at_the_right_line_and_column(lab: Lab) -> None:
    expected = expected_positions(TWELVE_MISTAKES)
    assert len(expected) == 12
    path = write(lab, TWELVE_MISTAKES)
    outcome = lab.tunneld.fails(INVALID, "check", path)
    found = re.findall(rf"^{re.escape(path)}:(\d+):(\d+): error: ", outcome.text, re.MULTILINE)
    assert [(int(line), int(column)) for line, column in found] == expected, outcome
    assert outcome.text.count("fix:") >= 12, outcome
    assert "hostname" in outcome.text, "the nearest known key is offered"


def test_findings_are_to_be_had_as_json_and_for_github(lab: Lab) -> None:
    path = write(lab, TWELVE_MISTAKES)
    document = json.loads(lab.tunneld.fails(INVALID, "check", "--format", "json", path).out)
    assert document["schema"] == 1 and len(document["findings"]) == 12
    github = lab.tunneld.fails(INVALID, "check", "--format", "github", path).out
    line, column = expected_positions(TWELVE_MISTAKES)[0]
    assert github.startswith("::error ") and f"line={line}" in github and f"col={column}" in github


def test_the_line_and_a_caret_under_the_word_are_shown(lab: Lab) -> None:
    path = write(lab, TWELVE_MISTAKES)
    lines = lab.tunneld.fails(INVALID, "check", path).text.splitlines()
    at = next(number for number, line in enumerate(lines) if "größe ✓" in line and "hostnam" in line)
    assert lines[at + 1].index("^") == lines[at].index("hostnam")


def test_up_refuses_a_profile_with_mistakes_and_runs_a_good_one(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    lab.profiles["broken"] = {"hops": ["bastion"], "forwards": {"echo": {"lisen": "127.0.0.1:1"}}}
    path = lab.save()
    outcome = lab.tunneld.fails(INVALID, "up", "broken")
    assert f"{path}:" in outcome.text and "listen" in outcome.text, outcome
    assert "has 2 mistakes" in tunnel.up().err
    lab.tunneld.ok("down", "demo")
    # What a section that nobody knows was to say of this profile's hosts is not known.
    path.write_text(path.read_text() + "\nhsots: {bastion: {strict_host_key_checking: yes}}\n")
    outcome = lab.tunneld.fails(INVALID, "up", "demo")
    assert "did you mean `hosts`" in outcome.text, outcome


NOT_BUILT = {
    "dynamic": "profiles: {demo: {hops: [a], forwards: {web: {type: dynamic, listen: \"127.0.0.1:1080\"}}}}",
    "remote": "profiles: {demo: {hops: [a], forwards: {x: {type: remote, listen: \"::1:1\"}}}}",
    "pool": "hosts: {a: {}}\npools: {edge: {members: [a]}}",
    "via": "hosts: {a: {via: {socks5: \"127.0.0.1:1080\"}}}",
    "password": "secrets: {word: {env: WORD}}\nhosts: {a: {password_from: word}}",
}


@pytest.mark.parametrize("feature", NOT_BUILT)
def test_a_key_whose_function_is_not_built_yet_is_refused_and_says_so(lab: Lab, feature: str) -> None:
    path = write(lab, f"version: 1\n{NOT_BUILT[feature]}\n")
    outcome = lab.tunneld.fails(INVALID, "check", path)
    assert f"{path}:" in outcome.text and "not built in this version yet" in outcome.text, outcome


@pytest.mark.parametrize("command", [["check"], ["up", "demo"], ["hosts"]])
def test_a_file_that_cannot_be_read_is_not_taken_for_none(lab: Lab, command: list[str]) -> None:
    (lab.tunneld.profiles / "gone.yaml").symlink_to("nowhere")
    outcome = lab.tunneld.run(*command)
    assert "gone.yaml" in outcome.text and "no profile files yet" not in outcome.text, outcome
    assert outcome.code == (0 if command == ["hosts"] else 5), outcome


@pytest.mark.parametrize("command", [["check"], ["up", "demo"], ["hosts"], ["exec", "demo", "--", "true"]])
@pytest.mark.parametrize("folder", [False, True], ids=["no-folder", "empty-folder"])
def test_who_has_no_profiles_yet_is_told_how_to_begin(lab: Lab, command: list[str], folder: bool) -> None:
    if not folder:
        lab.tunneld.profiles.rmdir()
    outcome = lab.tunneld.fails(4, *command)
    assert "there are no profile files yet" in outcome.err and "version: 1" in outcome.err, outcome


def test_a_named_folder_without_files_does_not_pass_the_check(lab: Lab) -> None:
    assert "there is no file to check" in lab.tunneld.fails(4, "check", str(lab.tunneld.profiles)).err


def test_a_good_file_passes_the_check(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd(start=False)], {"echo": "127.0.0.1:9"})
    lab.tunneld.ok("check")
    lab.tunneld.ok("check", "--strict", str(lab.tunneld.profiles / "lab.yaml"))


def test_includes_defaults_and_variables_make_a_profile(lab: Lab) -> None:
    server = lab.sshd()
    target = lab.target(targets.echo)
    tunnel = lab.profile("demo", [server], {"echo": target})
    host = lab.hosts["bastion"]
    lab.top["defaults"] = {"user": "${LAB_USER:-nobody-at-all}", "identity_file": "${LAB_KEYS}/id_bastion"}
    del host["user"], host["identity_file"]
    lab.save()
    lab.tunneld.fails(INVALID, "up", "demo")
    variables = {"LAB_USER": server.host()["user"], "LAB_KEYS": str(lab.folder / "keys")}
    lab.tunneld.up("demo", environment=variables)
    with tunnel.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"


def test_profiles_can_come_from_the_environment_and_the_command_line(lab: Lab) -> None:
    lab.profile("demo", [lab.sshd(start=False)], {"echo": "127.0.0.1:9"})
    moved = lab.folder / "team.yaml"
    (lab.tunneld.profiles / "lab.yaml").rename(moved)
    lab.tunneld.ok("--profiles", str(moved), "check")
    assert "bastion" in lab.tunneld.ok("--profiles", str(moved), "hosts").out
    assert "bastion" in lab.tunneld.ok("hosts", environment={"TUNNELD_PROFILES": str(moved)}).out
