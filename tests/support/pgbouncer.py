"""PgBouncer before a PostgreSQL cluster: connections to it cost no server process each."""
import os
from pathlib import Path

from .ports import free_port
from .postgres import ROLE, Postgres
from .process import Server

PROGRAM = "/usr/sbin/pgbouncer"
SERVER_CONNECTIONS = 20


class PgBouncer(Server):
    """Listens on 127.0.0.1:port, trusts everyone, and gives each client a server connection for as long as it stays."""

    def __init__(self, folder: Path, server: Postgres) -> None:
        super().__init__(folder, "pgbouncer")
        assert os.access(PROGRAM, os.X_OK), "PgBouncer is not installed"
        self.port = free_port()
        self._server = server
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "session",
            "default_pool_size": SERVER_CONNECTIONS,
        }
        lines = ["[databases]", f"* = host=127.0.0.1 port={server.port} user={ROLE}", "[pgbouncer]"]
        lines += [f"{key} = {value}" for key, value in settings.items()]
        self._settings = folder / "pgbouncer.ini"
        self._settings.write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        return [*self._server.as_account(), PROGRAM, str(self._settings)]

    def ready(self) -> bool:
        return "process up" in self.log()
