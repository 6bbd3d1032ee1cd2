// Getting a connection to the daemon, and starting one when none runs.
#pragma once

#include <optional>

#include "cli/client.h"
#include "cli/context.h"
#include "core/result.h"

namespace tunneld::cli {

// A connection that speaks our protocol; an empty optional when no daemon runs. A daemon of another version
// is said on stderr (a warning while its protocol is ours, else E-DAEMON-PROTOCOL).
Result<std::optional<Client>> connect_if_running(const Context& context);

// The same, starting a daemon first when none runs: detached, in a session of its own, with no descriptor and
// no signal disposition of ours. Waits up to 10 s until it listens. When several commands start one at once,
// one daemon gets the lock and all commands talk to it.
Result<Client> connect_or_start(const Context& context);

}  // namespace tunneld::cli
