"""dropbear, the other SSH server that bastions run."""
import os
import subprocess
from pathlib import Path

from .keys import Key, make_key
from .ports import answers, free_port
from .sshd import USER, SshServer

DROPBEAR = "/usr/sbin/dropbear"
DROPBEARCONVERT = "/usr/lib/dropbear/dropbearconvert"


class Dropbear(SshServer):
    """It reads ~/.ssh/authorized_keys of the account and has no option for another file. libnss_wrapper gives
    it a password database where the account's home is this server's folder: the real one stays untouched.
    """

    def __init__(self, folder: Path, name: str = "dropbear") -> None:
        super().__init__(folder, name)
        self.port = free_port()
        self.host_keys: list[Key] = [make_key(folder, "host_ed25519")]
        subprocess.run(
            [DROPBEARCONVERT, "openssh", "dropbear", self.host_keys[0].path, folder / "host.dropbear"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (folder / ".ssh").mkdir(mode=0o700)
        self.authorized_keys = folder / ".ssh" / "authorized_keys"
        self.authorized_keys.touch(mode=0o600)
        (folder / "passwd").write_text(f"{USER}:x:{os.getuid()}:{os.getgid()}:lab:{folder}:/bin/sh\n")
        (folder / "group").write_text(f"{USER}:x:{os.getgid()}:\n")

    def command(self) -> list[str]:
        return [
            "env",
            "LD_PRELOAD=libnss_wrapper.so",
            f"NSS_WRAPPER_PASSWD={self.folder / 'passwd'}",
            f"NSS_WRAPPER_GROUP={self.folder / 'group'}",
            DROPBEAR,
            "-F",
            "-E",
            "-s",
            "-m",
            "-r",
            str(self.folder / "host.dropbear"),
            "-P",
            str(self.folder / "pid"),
            "-p",
            f"127.0.0.1:{self.port}",
        ]

    def ready(self) -> bool:
        return answers(self.port)
