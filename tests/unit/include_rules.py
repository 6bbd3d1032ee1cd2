#!/usr/bin/python3
"""Which folder of src/ may include which: the table of src/README.md, kept by a test.

    include_rules.py ROOT    checks ROOT/include and ROOT/src
    include_rules.py         checks itself: a made-up tree with every kind of mistake must give every finding
"""
import re
import sys
import tempfile
from pathlib import Path

# A folder to the folders it may use, besides itself and the public headers of include/tunneld.
MAY_USE: dict[str, set[str]] = {
    "core": set(),
    "config": {"core"},
    "loop": {"core"},
    "ssh": {"core", "loop"},
    "trust": {"core", "loop"},
    "forward": {"core", "loop", "ssh"},
    "daemon": {"core", "config", "loop", "ssh", "trust", "forward"},
    "cli": {"core", "config"},
}
# Of the daemon, the command line knows only how it is started.
ALLOWED_HEADERS: dict[str, set[str]] = {"cli": {"daemon/entry.h"}}

# Libraries that one folder wraps for all others.
WRAPPED = {
    "libuv": (re.compile(r"uv\.h|uv/.*"), "loop"),
    "libssh": (re.compile(r"libssh/.*"), "ssh"),
    "yaml-cpp": (re.compile(r"yaml-cpp/.*"), "config"),
    "OpenSSL": (re.compile(r"openssl/.*"), "trust"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
STD_HEADER = re.compile(r"[a-z_0-9]+")  # <vector>; a C or system header has a dot or a slash
SYSTEM_TYPES = {"sys/types.h"}
SUFFIXES = {".h", ".cpp"}


def includes_of(path: Path) -> list[tuple[int, str]]:
    lines = path.read_text(errors="replace").splitlines()
    matches = ((number, INCLUDE.match(line)) for number, line in enumerate(lines, 1))
    return [(number, match.group(1) or match.group(2)) for number, match in matches if match]


def fault_of(folder: str, header: str) -> str | None:
    """Why this folder may not include that; None when it may. `folder`: "include" for the public headers."""
    for library, (pattern, owner) in WRAPPED.items():
        if pattern.fullmatch(header) and folder != owner:
            return f"only src/{owner} may use {library}"
    if folder == "include":
        if header.startswith("tunneld/") or STD_HEADER.fullmatch(header) or header in SYSTEM_TYPES:
            return None
        return "a public header may include the standard library and public headers only"
    used = header.split("/")[0]
    if used not in MAY_USE or "/" not in header or used == folder or used in MAY_USE[folder]:
        return None
    if header in ALLOWED_HEADERS.get(folder, set()):
        return None
    return f"src/{folder} may not use src/{used}"


def findings(root: Path) -> list[str]:
    found = []
    for folder, place in [("include", root / "include"), *((name, root / "src" / name) for name in MAY_USE)]:
        for path in sorted(place.rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            for line, header in includes_of(path):
                if header.startswith("."):
                    fault: str | None = "includes are written from src/ or include/, never relative"
                else:
                    fault = fault_of(folder, header)
                if fault:
                    found.append(f"{path.relative_to(root)}:{line}: {header}: {fault}")
    for place in sorted((root / "src").iterdir()):
        if place.is_dir() and place.name not in MAY_USE:
            found.append(f"{place.relative_to(root)}: a folder that the table does not know")
    return found


def check_myself() -> list[str]:
    """The mistakes that were missed, and the good lines that were blamed."""
    bad = {
        "include/tunneld/a.h": "uv.h",
        "include/tunneld/b.h": "core/x.h",
        "src/core/a.h": "loop/x.h",
        "src/core/b.cpp": "uv.h",
        "src/loop/a.cpp": "libssh/libssh.h",
        "src/config/a.cpp": "ssh/x.h",
        "src/daemon/a.cpp": "yaml-cpp/yaml.h",
        "src/ssh/a.cpp": "trust/x.h",
        "src/cli/a.cpp": "daemon/tunnel.h",
        "src/forward/a.cpp": "openssl/evp.h",
        "src/trust/a.cpp": "../core/x.h",
        "src/newcomer/a.cpp": "vector",
    }
    good = {
        "include/tunneld/z.h": "tunneld/error.h",
        "include/tunneld/y.h": "vector",
        "src/loop/z.h": "uv.h",
        "src/core/z.h": "tunneld/error.h",
        "src/ssh/z.h": "libssh/callbacks.h",
        "src/cli/z.cpp": "daemon/entry.h",
        "src/daemon/z.cpp": "forward/x.h",
        "src/trust/z.cpp": "openssl/evp.h",
        "src/core/y.cpp": "sys/stat.h",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, header in {**bad, **good}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"// a comment\n#include <{header}>\n")
        found = findings(root)
    blamed = {line.split(":")[0] for line in found}
    expected = {name for name in bad if "newcomer" not in name} | {"src/newcomer"}
    return [f"missed: {name}" for name in expected - blamed] + [
        f"wrongly blamed: {name}" for name in blamed - expected
    ]


def main() -> int:
    found = findings(Path(sys.argv[1])) if len(sys.argv) > 1 else check_myself()
    print("\n".join(found) or "the includes keep to the table")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
