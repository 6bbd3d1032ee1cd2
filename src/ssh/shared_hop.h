// A hop and the chains that use it: what happens to it is told to each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/hop_likeness.h"
#include "loop/loop.h"
#include "ssh/hop.h"

namespace tunneld::ssh {

// The one step of progress of who finds a hop ready.
inline constexpr const char* kSharingStep = "sharing";

class HopUser : public HopObserver {
 public:
  // The profile that it works for.
  virtual const std::string& user_name() const = 0;
};

// Made, found and closed by HopGraph, and outlives the hops behind it.
class SharedHop : private HopObserver {
 public:
  // Hears what happens while nobody uses the hop.
  using Note = std::function<void(const SharedHop& hop, const std::string& text)>;

  // `before`: null for the first hop of a chain.
  SharedHop(loop::Loop& loop, HopLikeness likeness, SharedHop* before, HostKeyStore& keys, Note note);
  ~SharedHop() override;

  // The first who comes starts it; who comes while it is dialled hears of the steps that are done; who finds
  // it ready is told so by the loop.
  void join(HopUser& user);
  // The user hears no more. A question that was put to it goes on to another who can be asked.
  void leave(HopUser& user);
  // Nobody will answer the question that was put to this user.
  void ask_others(const HopUser& user);
  // Nobody joins it any more; who uses it goes on.
  void detach() { detached_ = true; }
  // Only when unused.
  void close();

  Hop& hop() { return hop_; }
  const Hop& hop() const { return hop_; }
  bool is(const SharedHop* before, const HopLikeness& likeness) const {
    return before_ == before && likeness_ == likeness;
  }
  bool joinable() const;
  // By a chain that begins now: the hops before it are joinable as well.
  bool findable() const { return joinable() && (before_ == nullptr || before_->findable()); }
  bool unused() const { return users_.empty() && hops_behind_ == 0; }
  bool used_by_none_but(const HopUser& user) const;
  std::vector<std::string> user_names() const;  // sorted

  // How long a hop that nobody uses may stay is the graph's to say.
  std::uint64_t keep_until_ms() const { return keep_until_ms_; }
  void keep_until(std::uint64_t at_ms) { keep_until_ms_ = at_ms; }

 private:
  void hop_progress(Hop& hop, const HopProgress& progress) override;
  void hop_state_changed(Hop& hop, HopState from, const char* reason) override;
  bool hop_asks(Hop& hop, const std::string& text, const HostKey& key) override;
  void hop_ready(Hop& hop) override;
  void hop_failed(Hop& hop) override;
  void hop_silent(Hop& hop) override;

  bool has(const HopUser* user) const;
  void tell(const std::function<void(HopUser&)>& news);
  void welcome_later(HopUser& user);
  HopProgress sharing(const HopUser& user) const;

  loop::Loop& loop_;
  const HopLikeness likeness_;
  SharedHop* const before_;
  const Note note_;
  std::vector<HopUser*> users_;
  std::size_t hops_behind_ = 0;  // whose sessions run through this one's
  HopUser* asked_ = nullptr;     // who was asked about the host key
  HopSteps steps_;
  bool detached_ = false;
  bool silent_ = false;  // it or a hop before it will be given up
  std::uint64_t left_at_ms_ = 0;
  std::uint64_t keep_until_ms_ = 0;
  Hop hop_;
  std::shared_ptr<SharedHop*> self_;
};

}  // namespace tunneld::ssh
