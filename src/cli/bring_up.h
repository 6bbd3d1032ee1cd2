// `up`, `restart` and the first half of `exec`: the request, and its progress as the person sees it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/context.h"
#include "cli/forwards.h"
#include "cli/interrupts.h"
#include "cli/text.h"
#include "config/loader.h"

namespace tunneld::cli {

struct UpRequest {
  std::string verb = "up";         // or "restart"
  std::vector<std::string> names;  // of profiles
  Milliseconds wait{30'000};
  std::map<std::string, int> ports = {};  // forward to listen port
  bool no_input = false;
  bool lease = false;  // the profiles are held up for as long as the client's connection lives
  // Progress is kept back for this long, and shown only when it takes longer or fails.
  Milliseconds quiet_for{0};
};

struct UpOutcome {
  int exit_code = 0;
  std::map<std::string, std::vector<OpenForward>> up;  // by profile
};

// Errors and progress go to stderr as they come. E-INTERRUPTED after Ctrl-C.
UpOutcome bring_up(Client& client, const UpRequest& request, const config::LoadResult& loaded,
                   const Context& context, Interrupts& interrupts);

// "FWD=N" entries of --port. On a mistake `error` says which.
struct PortsOption {
  std::map<std::string, int> ports;
  std::string error;
};
PortsOption parse_ports(const std::vector<std::string>& entries);

// What is wrong with the request's ports: a forward that its one profile does not have, say. Empty when all is well.
std::string mistake_in_ports(const config::LoadResult& loaded, const UpRequest& request);

// CONTROL.md's args of `up`.
control::Json up_args(const UpRequest& request, const config::LoadResult& loaded, const Context& context,
                      bool interactive);

}  // namespace tunneld::cli
