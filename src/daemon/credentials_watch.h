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

namespace tunneld::daemon {

class CredentialsWatch {
 public:
  CredentialsWatch(loop::Loop& loop, std::function<void()> changed);
  ~CredentialsWatch();
  CredentialsWatch(const CredentialsWatch&) = delete;
  CredentialsWatch& operator=(const CredentialsWatch&) = delete;

  // They were refused as they are now. `hops`: as HopLikeness has them.
  void refused(std::vector<Host> hops, std::string home);
  // Looks, once a second at most; if they have changed since refused(), changed() comes once, by the loop.
  void look();
  void stop();

 private:
  void read();
  void have_read(std::optional<std::uint64_t> mark);

  loop::Loop& loop_;
  const std::function<void()> changed_;
  std::vector<Host> hops_;  // none: nothing was refused
  std::string home_;
  std::optional<std::uint64_t> mark_;
  bool reading_ = false;
  std::uint64_t read_at_ms_ = 0;
  std::uint64_t generation_ = 0;
  std::shared_ptr<CredentialsWatch*> self_;
};

}  // namespace tunneld::daemon
