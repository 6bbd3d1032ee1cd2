// After a refused log-in: whether what the hops are logged in to with has changed, so that `ssh-add`, or a new certificate,
// is all that a person need do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tunneld/profile.h>

#include "loop/loop.h"
#include "loop/timer.h"

namespace tunneld::daemon {

class CredentialsWatch {
 public:
  // `awaited`: whether a client waits, so that looking goes on.
  CredentialsWatch(loop::Loop& loop, std::function<bool()> awaited, std::function<void()> changed);
  ~CredentialsWatch();
  CredentialsWatch(const CredentialsWatch&) = delete;
  CredentialsWatch& operator=(const CredentialsWatch&) = delete;

  // They were refused as they are now. `hops`: as HopLikeness has them.
  void refused(std::vector<Host> hops, std::string home);
  // A client has come. Looks, once a second at most, at least once from now on; if they have changed since refused(), changed()
  // comes once, by the loop. Each change that is refused as well doubles the second, up to a minute: a server counts.
  void look();
  void stop();
  // They are good: the next refusal has nothing to do with former ones.
  void accepted();

 private:
  void arm();
  void read();
  void have_read(std::optional<std::uint64_t> mark);

  loop::Loop& loop_;
  const std::function<bool()> awaited_;
  const std::function<void()> changed_;
  std::vector<Host> hops_;  // none: nothing was refused
  std::string home_;
  std::optional<std::uint64_t> mark_;
  bool reading_ = false;
  std::uint64_t read_at_ms_ = 0;
  std::uint64_t interval_ms_;
  std::uint64_t generation_ = 0;
  std::shared_ptr<CredentialsWatch*> self_;
  loop::Timer due_;
};

}  // namespace tunneld::daemon
