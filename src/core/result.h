// A value, or the Error that stands in its place. No exception crosses a folder of src/.
#pragma once

#include <utility>

#include <tl/expected.hpp>

#include <tunneld/error.h>

namespace tunneld {

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace tunneld
