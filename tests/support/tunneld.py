"""The tunneld under test: its command line run for real, in a home and a runtime folder of its own."""
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from . import proc
from .process import alive, send_signal
from .scale import patience
from .wait import wait_until

LAB_VARIABLE = "TUNNELD_LAB"  # marks every process that a test started, however far it detached itself
PASSED_ON = ("PATH", "LANG", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")


def binary() -> str:
    path = os.environ.get("TUNNELD_BIN", "")
    assert path and os.access(path, os.X_OK), f"TUNNELD_BIN={path!r} is not a program; tests/run sets it"
    return path


@dataclass(frozen=True)
class Outcome:
    args: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert document["schema"] == 1
        return document

    def __str__(self) -> str:
        command = " ".join(self.args)
        head = f"tunneld {command}: exit {self.code} after {self.seconds:.2f} s"
        return f"{head}\n--- out\n{self.out}--- err\n{self.err}---"


class Tunneld:
    """One user's tunneld: at most one daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.config = folder / "config"
        self.state = folder / "state"
        self.runtime = folder / "run"
        self.profiles = self.config / "tunneld" / "profiles"
        for each in (self.home / ".ssh", self.profiles, self.state, self.runtime):
            each.mkdir(parents=True, mode=0o700)
            each.chmod(0o700)
        self.mark = f"{LAB_VARIABLE}={folder}"
        self.environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.environment |= {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.config),
            "TERM": "dumb",
            "XDG_STATE_HOME": str(self.state),
            "XDG_RUNTIME_DIR": str(self.runtime),
            LAB_VARIABLE: str(folder),
        }

    def command(self, *args: str, prefix: Sequence[str] = ()) -> list[str]:
        return [*prefix, binary(), *args]

    def start(
        self, *args: str, prefix: Sequence[str] = (), environment: dict[str, str] | None = None, **more: Any
    ) -> subprocess.Popen[str]:
        """Runs it beside the test; the caller waits for it."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        return subprocess.Popen(
            self.command(*args, prefix=prefix),
            env=self.environment | (environment or {}),
            cwd=self.folder,
            text=True,
            **pipes,
        )

    def run(
        self,
        *args: str,
        timeout: float = 60,
        prefix: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> Outcome:
        begun = time.monotonic()
        process = self.start(*args, prefix=prefix, environment=environment)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"tunneld {' '.join(args)} did not end within {timeout} s\n{out}{err}\n{self.log()}"
            )
        return Outcome(args, process.returncode, out, err, time.monotonic() - begun)

    def ok(self, *args: str, **more: Any) -> Outcome:
        outcome = self.run(*args, **more)
        assert outcome.code == 0, f"{outcome}\n{self.log()}"
        return outcome

    def fails(self, code: int, *args: str, **more: Any) -> Outcome:
        outcome = self.run(*args, **more)
        assert outcome.code == code, f"expected exit code {code}\n{outcome}\n{self.log()}"
        return outcome

    def up(self, *names: str, **more: Any) -> Outcome:
        return self.ok("up", *names, **more)

    def ps(self) -> dict[str, Any]:
        return self.ok("ps", "--json").json()

    def status(self, name: str) -> dict[str, Any]:
        """The profile's element of `profiles`."""
        document = self.ok("status", name, "--json").json()
        assert [each["name"] for each in document["profiles"]] == [name]
        return document["profiles"][0]

    def last_error(self, name: str) -> dict[str, Any]:
        return self.status(name)["last_error"] or {"code": None, "hop": None, "message": None}

    @property
    def pid(self) -> int:
        """The daemon's."""
        pid = self.ps()["daemon"]["pid"]
        assert alive(pid)
        return pid

    def daemon_pids(self) -> list[int]:
        """Every process of this user's tunneld that still lives, whatever became of the control socket."""
        return [pid for pid in proc.processes_with(self.mark) if alive(pid)]

    def rss(self) -> int:
        return proc.rss_bytes(self.pid)

    def descriptors(self) -> int:
        return proc.descriptors(self.pid)

    def kill_daemon(self) -> None:
        """SIGKILL: it cleans nothing up."""
        pid = self.pid
        send_signal(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 5, "the killed daemon is gone")

    def shutdown(self) -> None:
        """Ends the daemon if one runs, and sees it gone."""
        outcome = self.run("ps", "--json")
        daemon = json.loads(outcome.out).get("daemon") if outcome.code == 0 and outcome.out else None
        if not daemon or not daemon.get("pid"):
            return
        pid = int(daemon["pid"])
        ended = self.run("shutdown")
        wait_until(lambda: not alive(pid), patience(10), f"the daemon is gone after shutdown ({ended})")
        assert ended.code == 0, ended

    def close(self) -> None:
        """At the end of a test: an orderly shutdown, then nothing of it may be left."""
        try:
            self.shutdown()
        finally:
            left = self.daemon_pids()
            words = [f"{pid} {proc.command_line(pid)}" for pid in left]
            for pid in left:
                send_signal(pid, signal.SIGKILL)
        assert not left, f"left behind: {words}\n{self.log()}"

    @property
    def log_path(self) -> Path:
        return self.state / "tunneld" / "tunneld.log"

    def log(self, lines: int = 60) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.is_file() else "(no log)"
        return "daemon's log:\n" + "\n".join(text.splitlines()[-lines:])
