// A tunnel as `ps --json` and `status --json` show it (CONTROL.md, items of `ps` and `status`).
#pragma once

#include "core/control/json.h"
#include "daemon/tunnel.h"

namespace tunneld::daemon {

control::Json to_json(const Tunnel& tunnel);

}  // namespace tunneld::daemon
