// When to dial again. Pure: randomness is handed in, time is the caller's.
#pragma once

#include <functional>

#include <tunneld/profile.h>

namespace tunneld {

// Exponential with jitter: the n-th delay lies in [d/2, d] with d = min(initial * 2^n, max), so that a hundred laptops
// behind one bastion do not return in step, and none waits longer than max_delay.
class Backoff {
 public:
  // `random_unit` gives numbers in [0, 1).
  Backoff(const Reconnect& reconnect, std::function<double()> random_unit);

  Milliseconds next_delay();
  void reset() { failures_ = 0; }

 private:
  Reconnect reconnect_;
  std::function<double()> random_unit_;
  int failures_ = 0;
};

}  // namespace tunneld
