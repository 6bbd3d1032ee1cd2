#include "cli/app.h"
#include "daemon/entry.h"

int main(int argc, char** argv) {
  const tunneld::cli::Wiring wiring{.run_daemon = tunneld::daemon::run_daemon,
                                    .open_host_keys = tunneld::daemon::open_host_keys};
  return tunneld::cli::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), wiring);
}
