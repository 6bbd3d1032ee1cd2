// errno in words, without strerror's shared buffer.
#pragma once

#include <string>
#include <system_error>

namespace tunneld::trust {

inline std::string errno_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace tunneld::trust
