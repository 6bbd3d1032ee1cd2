// A value, or the Error that stands in its place. No exception crosses a folder of src/.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include <tunneld/error.h>

namespace tunneld {

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// What a profile says is wrong; its place is added by whoever knows it.
inline tl::unexpected<Error> refuse(std::string message, std::string fix) {
  return fail({ErrorCode::profile_invalid, std::move(message), {}, {}, std::move(fix)});
}

}  // namespace tunneld
