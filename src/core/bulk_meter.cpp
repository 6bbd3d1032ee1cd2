#include "core/bulk_meter.h"

#include <algorithm>

namespace tunneld {

bool BulkMeter::bulk(std::uint64_t now_ms) const {
  const std::uint64_t elapsed_ms = now_ms - span_began_ms_;
  if (elapsed_ms >= 2 * kBulkSpanMs) return false;
  // Past the span's end its successor is empty so far, and lives on what the span was.
  return span_is_bulk() || (elapsed_ms < kBulkSpanMs && span_before_was_bulk_);
}

bool BulkMeter::span_is_bulk() const {
  const auto [less, more] = std::minmax(down_bytes_, up_bytes_);
  return more >= kBulkBytes + kOneSided * less;
}

void BulkMeter::begin_span(std::uint64_t now_ms) {
  const bool follows = now_ms - span_began_ms_ < 2 * kBulkSpanMs;
  span_before_was_bulk_ = follows && span_is_bulk();
  // The successor begins where the span ended, not now: else a late byte would keep the channel bulk longer.
  span_began_ms_ = follows ? span_began_ms_ + kBulkSpanMs : now_ms;
  down_bytes_ = 0;
  up_bytes_ = 0;
}

}  // namespace tunneld
