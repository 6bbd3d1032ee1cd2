#include <fcntl.h>
#include <unistd.h>

#include "cli/app.h"
#include "daemon/entry.h"

namespace {

// A supervisor may start us with these closed: the next socket would then get their number, and messages for the user.
void open_standard_streams() {
  int fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::dup(fd);
  if (fd >= 0) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  const tunneld::cli::Wiring wiring{.run_daemon = tunneld::daemon::run_daemon,
                                    .open_host_keys = tunneld::daemon::open_host_keys};
  return tunneld::cli::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), wiring);
}
