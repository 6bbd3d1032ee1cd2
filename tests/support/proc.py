"""What the kernel says of a process. A daemon that keeps its memory from other processes (PR_SET_DUMPABLE 0)
shows part of it to root only; a normal user asks through sudo then."""
import os
import subprocess
from pathlib import Path

from .process import pids


def _as_root(*command: str, check: bool = True) -> str:
    prefix = [] if os.getuid() == 0 else ["sudo", "-n"]
    return subprocess.run([*prefix, *command], check=check, capture_output=True, text=True).stdout


def _status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no {field}")


def rss_bytes(pid: int) -> int:
    """Resident memory."""
    return _status_bytes(pid, "VmRSS")


def peak_rss_bytes(pid: int) -> int:
    return _status_bytes(pid, "VmHWM")


def takes_up(pid: int, number: int) -> bool:
    """It keeps the signal from ending it (SigBlk), to read it when it has time."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigBlk:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    raise AssertionError(f"process {pid} has no SigBlk")


def pss_bytes(pid: int) -> int:
    """Memory with each shared page divided by the number of its users."""
    path = f"/proc/{pid}/smaps_rollup"
    try:
        text = Path(path).read_text()
    except PermissionError:
        text = _as_root("cat", path)
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def descriptors(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    try:
        return len(os.listdir(folder))
    except PermissionError:
        return len(_as_root("ls", folder).split())


def link(pid: int, name: str) -> str:
    """Where /proc/PID/`name` points: cwd, fd/1, ..."""
    path = f"/proc/{pid}/{name}"
    try:
        return os.readlink(path)
    except PermissionError:
        return _as_root("readlink", path).strip()


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is not ours to read
        return []


def processes_with(variable: str) -> list[int]:
    """Processes that were started with this NAME=VALUE in their environment."""
    if os.getuid() == 0:
        return [pid for pid in pids() if variable.encode() in _environment(pid)]
    find = 'grep -lsxzF -- "$1" /proc/[0-9]*/environ'
    paths = _as_root("sh", "-c", find, "sh", variable, check=False).split()
    return [int(path.split("/")[2]) for path in paths]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"


def unread_bytes(server_port: int) -> int:
    """What has come over TCP connections to this port of the loopback, and their clients have not read (proc(5))."""
    total = 0
    with open("/proc/net/tcp") as table:
        for line in table.readlines()[1:]:
            remote, queues = line.split()[2], line.split()[4]
            if int(remote.rpartition(":")[2], 16) == server_port:
                total += int(queues.rpartition(":")[2], 16)
    return total
