"""A resolver that does not answer: for programs that look names up by getaddrinfo(3)."""
import subprocess
from pathlib import Path

SUFFIX = ".stuck"
_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  const char *end = name ? strstr(name, "%s") : 0;
  if (end && end[%d] == 0) {
    while (access("%s", F_OK) != 0) usleep(20000);
    return EAI_NONAME;
  }
  return ((__typeof__(&getaddrinfo))dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
"""


class StuckNames:
    """Names that end with SUFFIX are looked up until answer(), and are not found then."""

    def __init__(self, folder: Path) -> None:
        self._answered = folder / "answered"
        library = folder / "stuck_names.so"
        source = _SOURCE % (SUFFIX, len(SUFFIX), self._answered)
        subprocess.run(
            ["g++", "-xc++", "-", "-shared", "-fPIC", "-o", str(library)], input=source, text=True, check=True
        )
        self.environment = {"LD_PRELOAD": str(library)}

    def answer(self) -> None:
        self._answered.touch()
