"""A PostgreSQL cluster in a folder, forgotten afterwards."""
import getpass
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from .ports import free_port
from .process import Server

ROLE = "lab"


def _program(name: str) -> str:
    """Debian keeps the server's programs out of PATH, one folder a version: the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    path = str(found[-1]) if found else shutil.which(name)
    assert path, f"PostgreSQL's {name} is not installed"
    return path


class Postgres(Server):
    """Listens on 127.0.0.1:port and on a unix socket in its folder; trusts everyone; durability off."""

    def __init__(self, folder: Path, name: str = "postgres") -> None:
        super().__init__(folder, name)
        self.port = free_port()
        self.data = folder / "data"
        self.account = "postgres" if os.getuid() == 0 else getpass.getuser()
        if os.getuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam(self.account)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                *self.as_account(),
                _program("initdb"),
                "-D",
                str(self.data),
                "-U",
                ROLE,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ],
            check=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def as_account(self) -> list[str]:
        """What goes before a command so that it runs as the account that the cluster belongs to."""
        if os.getuid() != 0:
            return []
        return ["setpriv", f"--reuid={self.account}", f"--regid={self.account}", "--clear-groups"]

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": 100,
            "autovacuum": "off",
        }
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [*self.as_account(), _program("postgres"), "-D", str(self.data), *flags]

    def ready(self) -> bool:
        return "database system is ready to accept connections" in self.log()

    @property
    def socket_path(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def stop(self) -> None:
        """Immediate shutdown: it takes its shared memory along, which SIGKILL would not."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    kill = stop


def client_environment(host: str, port: int | str) -> dict[str, str]:
    """For psql and pgbench: this address and nothing from the person's own settings."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return keep | {
        "PGHOST": host,
        "PGPORT": str(port),
        "PGUSER": ROLE,
        "PGDATABASE": "postgres",
        "PGCONNECT_TIMEOUT": "60",
        "PGSSLMODE": "disable",
        "PSQLRC": "/dev/null",
        "PGPASSFILE": "/dev/null/none",
    }


def psql(host: str, port: int | str, query: str, timeout: float = 60) -> str:
    """The rows, unaligned. A failure is an AssertionError with psql's words."""
    done = subprocess.run(
        ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", query],
        timeout=timeout,
        env=client_environment(host, port),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"psql ended with {done.returncode}: {done.stderr}"
    return done.stdout.strip()
