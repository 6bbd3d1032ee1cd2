// The command line as a whole: from the words to the exit code.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace tunneld::cli {

// `words`: the arguments without the program's name. Sets SIGPIPE and SIGCHLD for the process.
int run(const std::vector<std::string>& words, const Wiring& wiring);

}  // namespace tunneld::cli
