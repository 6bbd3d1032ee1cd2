// The OpenSSL that the process runs on, for the log.
#pragma once

#include <string>

namespace tunneld::trust {

// "OpenSSL 3.0.17 1 Jul 2025"
std::string crypto_version();

}  // namespace tunneld::trust
