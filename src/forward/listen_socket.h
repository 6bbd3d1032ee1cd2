// Making the sockets that listen, and saying what went wrong.
#pragma once

#include <vector>

#include <tunneld/profile.h>

#include "core/result.h"
#include "core/unique_fd.h"

namespace tunneld::forward {

// One socket an address that the endpoint stands for. Port 0 in `endpoint` is replaced by the one chosen, which is then
// the same for both families.
Result<std::vector<UniqueFd>> listen_on(Endpoint& endpoint);

}  // namespace tunneld::forward
