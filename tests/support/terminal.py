"""A program on a terminal of its own, as a person runs it."""
import os
import pty
import re
import select
import signal
import time
from typing import Callable, Sequence

from .process import send_signal
from .wait import wait_until

CTRL_C = b"\x03"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


def plain(text: str) -> str:
    """Without escape sequences and carriage returns."""
    return _ESCAPES.sub("", text)


class Terminal:
    """The terminal's shell is the program itself: it leads the session, so that closing hangs it up."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.output = b""
        self.code: int | None = None
        self._read_up_to = 0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_DFL)  # a test run in the background has them ignored
                os.execve(command[0], list(command), environment)
            finally:
                os._exit(127)

    @property
    def text(self) -> str:
        return plain(self.output.decode(errors="replace"))

    def _read(self, seconds: float) -> bool:
        """Takes in what comes within that time; False at the end."""
        if not select.select([self.master], [], [], max(0.0, seconds))[0]:
            return True
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # EIO: the last process has left the terminal
            piece = b""
        self.output += piece
        return bool(piece)

    def read_until(self, wanted: str, within: float = 20) -> str:
        """All of the text so far, once `wanted` has come after what was waited for the last time."""
        deadline = time.monotonic() + within
        while (found := self.text.find(wanted, self._read_up_to)) < 0:
            going_on = self._read(deadline - time.monotonic())
            assert going_on or wanted in self.text[self._read_up_to :], f"ended without {wanted!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {wanted!r} within {within} s:\n{self.text}"
        self._read_up_to = found + len(wanted)
        return self.text

    def type(self, text: str | bytes) -> None:
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def wait(self, within: float = 20) -> int:
        """Reads to the end; the exit code, negative for a signal."""
        deadline = time.monotonic() + within
        while self._read(min(0.05, deadline - time.monotonic())):
            if self._ended():
                break
            assert time.monotonic() < deadline, f"still running after {within} s:\n{self.text}"
        wait_until(self._ended, deadline - time.monotonic(), f"it has ended, after:\n{self.text}")
        while self._read(0) and select.select([self.master], [], [], 0)[0]:
            pass
        assert self.code is not None
        return self.code

    def _ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == self.pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def hang_up(self) -> None:
        """The window is closed."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.hang_up()
        if self.code is None:
            send_signal(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.code = -signal.SIGKILL


Open = Callable[..., Terminal]  # the fixture `terminal`: tunneld's arguments, and its environment's changes
