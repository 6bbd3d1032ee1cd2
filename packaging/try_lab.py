"""The show of packaging/try, once tunneld is built: the lab, the profile, `up`, a row, and the end of it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.lab import Lab, Tunnel  # noqa: E402
from support.postgres import ROLE, client_environment, psql  # noqa: E402
from support.proc import command_line  # noqa: E402
from support.process import alive, kill_tree  # noqa: E402
from support.tunneld import binary  # noqa: E402
from support.wait import wait_until  # noqa: E402

KEPT = ROOT / "build" / "try.json"  # what --keep left running, for --end (packaging/try looks for it too)
QUERY = "select 'hello from ' || current_database() || ', through two bastions, at ' || now()::timestamp(0)"


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def show(command: str) -> None:
    print(f"$ {command}", flush=True)


def start_lab(lab: Lab) -> Tunnel:
    say("Step 3 of 5: two bastions and a Postgres, on loopback, in a temporary folder")
    print(f"Everything lives in {lab.folder}; nothing of yours is read or changed.")
    bastions = [lab.sshd("bastion-a"), lab.sshd("bastion-b")]
    for bastion in bastions:
        print(
            f"{bastion.name}: an sshd on 127.0.0.1:{bastion.port}, with a host key and a user key of its own"
        )
    database = lab.postgres()
    print(f"Postgres: 127.0.0.1:{database.port}; it stands for the database that only bastion-b can reach")
    tunnel = lab.profile("prod-db", bastions, {"postgres": database}, description="The orders database")
    lab.profiles["prod-db"]["forwards"]["postgres"]["app"] = "postgresql"
    path = lab.save()
    print(f"\nThe profile, {path}:")
    print("".join(f"    {line}\n" for line in path.read_text().splitlines()), end="")
    return tunnel


def run_show(lab: Lab, tunnel: Tunnel) -> None:
    say("Step 4 of 5: the tunnel")
    show("tunneld up prod-db")
    subprocess.run(lab.tunneld.command("up", "prod-db"), env=lab.tunneld.environment, check=True, timeout=60)
    say("Step 5 of 5: a row, read through both bastions")
    show(f"psql -h 127.0.0.1 -p {tunnel.port} -U {ROLE} postgres -c \"{QUERY}\"")
    print(psql("127.0.0.1", tunnel.port, QUERY), flush=True)


def keep(lab: Lab, tunnel: Tunnel) -> None:
    """Writes down what runs, and says what one can do with it."""
    KEPT.write_text(json.dumps({"folder": str(lab.folder), "pids": [server.pid for server in lab.servers]}))
    mine = {name: lab.tunneld.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    mine |= {"XDG_RUNTIME_DIR": lab.tunneld.environment["XDG_RUNTIME_DIR"]}
    settings = client_environment("127.0.0.1", tunnel.port)
    mine |= {name: settings[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE")}
    say("Left running. In a shell of yours (it sends tunneld and psql to the lab, in that shell only):")
    for name, value in mine.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"export PATH={shlex.quote(str(Path(binary()).parent))}:$PATH")
    print("\nThen, for example:")
    for command, meaning in {
        "psql": "the database, through both bastions",
        "tunneld ps": "what is up",
        "tunneld status prod-db": "every hop and forward",
        "tunneld logs prod-db -f": "what the daemon does, as it does it",
        "tunneld down prod-db": "close it; `tunneld up prod-db` opens it again",
    }.items():
        print(f"  {command:28}# {meaning}")
    print("\nTo stop everything and remove the folder: packaging/try --end", flush=True)


def end() -> int:
    if not KEPT.exists():
        print("Nothing of packaging/try --keep is running.")
        return 0
    kept = json.loads(KEPT.read_text())
    folder = Path(kept["folder"])
    user = folder / "user"
    environment = os.environ | {"HOME": str(user / "home"), "XDG_RUNTIME_DIR": str(user / "run")}
    environment |= {"XDG_CONFIG_HOME": str(user / "config"), "XDG_STATE_HOME": str(user / "state")}
    subprocess.run([binary(), "shutdown"], env=environment, timeout=30, stdin=subprocess.DEVNULL)
    for pid in kept["pids"]:
        if str(folder) in command_line(pid):  # a number that is in use again by somebody else is not ours
            end_server(pid)
    shutil.rmtree(folder, ignore_errors=True)
    KEPT.unlink()
    print(f"Stopped, and {folder} is removed.")
    return 0


def end_server(pid: int) -> None:
    if "postgres" in command_line(pid):
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not alive(pid), 20, "Postgres is gone")
    else:
        kill_tree(pid)


def main() -> int:
    os.environ["TUNNELD_BIN"] = str(ROOT / "build" / "release" / "src" / "cli" / "tunneld")
    if "--end" in sys.argv:
        return end()
    lab = Lab()
    kept = False
    try:
        tunnel = start_lab(lab)
        run_show(lab, tunnel)
        if "--keep" in sys.argv:
            keep(lab, tunnel)
            kept = True
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"\nIt did not work: {error}\n\n{lab.logs()}", file=sys.stderr)
        return 1
    finally:
        if not kept:
            lab.close()
    if not kept:
        say("Done. The tunnel is down, the servers are stopped, the folder is removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
