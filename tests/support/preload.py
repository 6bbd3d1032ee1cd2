"""Faults of the machine itself, put before the C library's functions of a program that is started with them."""
import os
import subprocess
from pathlib import Path

_STUCK_NAMES = """
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

extern "C" int getaddrinfo(const char *name, const char *service, const addrinfo *hints, addrinfo **found) {
  const char *end = name ? strstr(name, ".stuck") : nullptr;
  if (end && strlen(end) == strlen(".stuck")) {
    while (access("%s", F_OK) != 0) usleep(20000);
    return EAI_NONAME;
  }
  return reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
"""
_SLOW_NAMES = """
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern "C" int getaddrinfo(const char *name, const char *service, const addrinfo *hints, addrinfo **found) {
  const char *end = name ? strstr(name, ".slow") : nullptr;
  if (struct stat seconds; end && strlen(end) == strlen(".slow") && stat("%s", &seconds) == 0) {
    sleep(static_cast<unsigned>(seconds.st_size));
    name = "127.0.0.1";
  }
  return reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
"""
_SLEEPS = """
#include <dlfcn.h>
#include <sys/stat.h>
#include <time.h>

extern "C" int clock_gettime(clockid_t clock, timespec *time) noexcept {
  static const auto real = reinterpret_cast<decltype(&clock_gettime)>(dlsym(RTLD_NEXT, "clock_gettime"));
  struct stat slept;
  const int result = real(clock, time);
  if (clock == CLOCK_BOOTTIME && stat("%s", &slept) == 0) time->tv_sec += slept.st_size;
  return result;
}
"""


class _Preload:
    def __init__(self, folder: Path, name: str, source: str) -> None:
        self.switch = folder / f"{name}.switch"
        library = folder / f"{name}.so"
        command = ["g++", "-xc++", "-", "-shared", "-fPIC", "-o", str(library)]
        subprocess.run(command, input=source % self.switch, text=True, check=True)
        # A sanitized program insists on its runtime as the first library, where it needs to be before the C library only.
        options = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"
        self.environment = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": options}


class StuckNames(_Preload):
    """Names that end with ".stuck" are looked up until answer(), and are not found then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "stuck_names", _STUCK_NAMES)

    def answer(self) -> None:
        self.switch.touch()


class SlowNames(_Preload):
    """Names that end with ".slow" are this machine, and are looked up for so long."""

    def __init__(self, folder: Path, seconds: int) -> None:
        super().__init__(folder, "slow_names", _SLOW_NAMES)
        self.switch.write_bytes(bytes(seconds))


class Sleeps(_Preload):
    """As a machine that sleeps: the clock that counts such time goes on, by sleep()."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "sleeps", _SLEEPS)

    def sleep(self, seconds: int) -> None:
        with open(self.switch, "ab") as switch:
            switch.truncate(switch.tell() + seconds)
