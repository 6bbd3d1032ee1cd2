"""An SSH server written with asyncssh, for what sshd and dropbear cannot be made to do.

As a module: class AsyncsshServer. As a script (this very file): the server, with a behaviour's name.
"""
import asyncio
import sys
import warnings
from pathlib import Path

# What it can be told to do with channels and logins.
BEHAVIOURS = {
    "good": "forwards what it is asked for",
    "close-without-eof": "answers forwards itself: greets, then sends CLOSE with no EOF at the first data",
    "refuse": "refuses each forward as a target that cannot be reached",
    "shortage": "refuses each forward for a shortage of resources",
    "silent-open": "never answers a request for a forward",
    "last-words": "answers forwards itself: greets the first, and sends DISCONNECT in the same go; greets the others",
    "gone-at-once": "confirms each forward, and sends EOF and CLOSE in the same go",
    "unasked": "opens channels towards the client after each login, and prints what became of them",
    "slow-auth": "takes a minute over each public key",
}
GREETING = b"hello from a server that does not say goodbye\n"
ANSWER_AFTER_SECONDS = 0.5  # where it is one go, so that whoever asks for the forward can be stopped before that comes
SLOW_AUTH_SECONDS = 60


def _server_class(behaviour: str) -> type:
    import asyncssh

    class CloseWithoutEof(asyncssh.SSHTCPSession):
        def connection_made(self, chan: asyncssh.SSHTCPChannel) -> None:
            self._channel = chan

        def session_started(self) -> None:
            self._channel.write(GREETING)

        def data_received(self, data: bytes, datatype: object) -> None:
            self._channel.close()

        def eof_received(self) -> bool:
            return True

    greeted = []

    class LastWords(CloseWithoutEof):
        def session_started(self) -> None:
            super().session_started()
            greeted.append(self)
            if len(greeted) == 1:
                self._channel.get_connection()._send_disconnect(asyncssh.DISC_BY_APPLICATION, "bye", "en")

    class GoneAtOnce(CloseWithoutEof):
        def session_started(self) -> None:
            self._channel.write_eof()
            self._channel.close()

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self._connection = conn

        def begin_auth(self, username: str) -> bool:
            return True

        async def validate_slowly(self) -> None:
            await asyncio.sleep(SLOW_AUTH_SECONDS)

        def auth_completed(self) -> None:
            if behaviour == "unasked":
                asyncio.get_event_loop().create_task(self._open_unasked())

        async def _open_unasked(self) -> None:
            attempts = {
                "forwarded-tcpip": lambda: self._connection.create_connection(
                    asyncssh.SSHTCPSession, "127.0.0.1", 9, "127.0.0.1", 9
                ),
                "auth-agent": lambda: self._connection.create_agent_channel().open(asyncssh.SSHUNIXSession),
                "x11": lambda: self._connection.create_x11_channel().open(
                    asyncssh.SSHTCPSession, "127.0.0.1", 6000
                ),
            }
            for kind, attempt in attempts.items():
                try:
                    await attempt()
                    print(f"unasked {kind}: accepted", flush=True)
                except Exception as error:  # every way of being refused is what is asked for
                    print(f"unasked {kind}: refused ({type(error).__name__}: {error})", flush=True)

        def _decide(self) -> object:
            if behaviour == "close-without-eof":
                return CloseWithoutEof()
            if behaviour == "last-words":
                return self._later(LastWords)
            if behaviour == "gone-at-once":
                return self._later(GoneAtOnce)
            if behaviour == "refuse":
                raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused")
            if behaviour == "shortage":
                raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "out of pty's, as it were")
            if behaviour == "silent-open":
                return self._never()
            return True

        async def _later(self, answer: type) -> object:
            await asyncio.sleep(ANSWER_AFTER_SECONDS)
            return answer()

        async def _never(self) -> None:
            await asyncio.get_event_loop().create_future()

        def connection_requested(self, host: str, port: int, origin: str, origin_port: int) -> object:
            return self._decide()

        def unix_connection_requested(self, path: str) -> object:
            return self._decide()

    if behaviour == "slow-auth":

        async def validate_public_key(self: Server, username: str, key: object) -> bool:
            await self.validate_slowly()
            return True

        Server.validate_public_key = validate_public_key
        Server.public_key_auth_supported = lambda self: True
    return Server


async def _serve(behaviour: str, port: int, host_key: str, authorized_keys: str) -> None:
    import asyncssh

    keys = {} if behaviour == "slow-auth" else {"authorized_client_keys": authorized_keys}
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_factory=_server_class(behaviour),
        server_host_keys=[host_key],
        allow_scp=False,
        **keys,
    )
    print("listening", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
else:
    from .keys import make_key
    from .ports import free_port
    from .sshd import SshServer

    PYTHON = "/usr/bin/python3"  # Debian's, the one that has asyncssh

    class AsyncsshServer(SshServer):
        def __init__(self, folder: Path, name: str = "asyncssh", behaviour: str = "good") -> None:
            assert behaviour in BEHAVIOURS
            super().__init__(folder, name)
            self.behaviour = behaviour
            self.port = free_port()
            self.host_keys = [make_key(folder, "host_ed25519")]
            self.authorized_keys = folder / "authorized_keys"
            self.authorized_keys.touch()

        def command(self) -> list[str]:
            return [
                PYTHON,
                "-W",
                "ignore",
                __file__,
                self.behaviour,
                str(self.port),
                str(self.host_keys[0].path),
                str(self.authorized_keys),
            ]

        def ready(self) -> bool:
            return "listening\n" in self.log()
