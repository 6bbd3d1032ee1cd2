"""Starting servers and ending them with every child they made."""
import os
import signal
import subprocess
from pathlib import Path

from .wait import wait_until


def parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = stat.rpartition(")")[2].split()[:2]
    return None if state in "ZX" else int(parent)


def alive(pid: int) -> bool:
    """A zombie counts as gone: it holds nothing any more."""
    return parent_of(pid) is not None


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children_of(pid: int) -> list[int]:
    return [child for child in pids() if parent_of(child) == pid]


def descendants_of(pid: int) -> set[int]:
    parents = {child: parent_of(child) for child in pids()}
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_tree(pid: int) -> None:
    """SIGKILL for a process and all it started; everything is stopped first, so that nothing forks away."""
    stopped: set[int] = set()
    while True:
        fresh = ({pid} | descendants_of(pid)) - stopped
        if not fresh:
            break
        for each in fresh:
            send_signal(each, signal.SIGSTOP)
        stopped |= fresh
    for each in stopped - {pid}:
        send_signal(each, signal.SIGKILL)
    send_signal(pid, signal.SIGKILL)


class Server:
    """A child process with a log. Subclasses give the command and say when it is ready."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.log_path = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Only starts it; wait_ready() waits until it is ready."""
        assert self.process is None, f"{self.name} runs already"
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ
                | {"RES_OPTIONS": "timeout:1 attempts:1"},  # sshd stands still while it resolves
                cwd=self.folder,
            )

    def wait_ready(self) -> None:
        wait_until(self._ready_or_dead, 30, f"{self.name} listens; its log:\n{self.log()}")

    def _ready_or_dead(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
        return self.ready()

    def log(self) -> str:
        """Everything since the last start."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as log:
            log.seek(getattr(self, "_log_start", 0))
            return log.read().decode(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} does not run"
        return self.process.pid

    def kill(self) -> None:
        """As a machine that loses its process: every connection of it dies at once."""
        if self.process is None:
            return
        kill_tree(self.process.pid)
        self.process.wait()
        self.process = None

    stop = kill

    def restart(self) -> None:
        self.kill()
        self.start()
