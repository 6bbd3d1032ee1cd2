// The sessions from you to the target: hop after hop, each inside a channel of the one before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tunneld/host_key.h>
#include <tunneld/profile.h>

#include "loop/loop.h"
#include "loop/timer.h"
#include "ssh/hop.h"

namespace tunneld::ssh {

class ChainObserver {
 public:
  virtual ~ChainObserver() = default;
  // `number` counts from 1.
  virtual void chain_progress(int number, const Host& host, const HopProgress& progress) = 0;
  virtual void chain_hop_changed(int number, const Host& host, HopState from, HopState to, const char* reason) = 0;
  // A host key is to be accepted or not: Chain::answer(). False when nobody can be asked.
  virtual bool chain_asks(const Host& host, const std::string& text, const HostKey& key) = 0;
  virtual void chain_ready() = 0;
  // The chain is down, all of it; `error.where` names the guilty hop. It may be retired, not destroyed, from here.
  virtual void chain_failed(const Error& error) = 0;
};

class Chain : private HopObserver {
 public:
  Chain(loop::Loop& loop, const std::vector<Host>& hops, const std::string& home, const std::string& agent_path,
        HostKeyStore& keys, ChainObserver& observer);
  ~Chain() override;

  void start();
  // Innermost first, without a word to the observer.
  void stop();
  void answer(const std::string& fingerprint, bool accept);

  bool ready() const { return ready_; }
  // The session to the target; null unless ready.
  Session* target() { return ready_ ? hops_.back()->session() : nullptr; }
  const std::vector<std::unique_ptr<Hop>>& hops() const { return hops_; }
  // Of the first hop whose state is asked for by number.
  std::uint64_t session_number(std::size_t hop) const { return session_numbers_[hop]; }

 private:
  void hop_progress(Hop& hop, const HopProgress& progress) override;
  void hop_state_changed(Hop& hop, HopState from, const char* reason) override;
  bool hop_asks(Hop& hop, const std::string& text, const HostKey& key) override;
  void hop_ready(Hop& hop) override;
  void hop_failed(Hop& hop) override;
  void hop_silent(Hop& hop) override;

  std::size_t index_of(const Hop& hop) const;
  void conclude();
  void judge_silence();

  loop::Loop& loop_;
  ChainObserver& observer_;
  std::vector<std::unique_ptr<Hop>> hops_;
  std::vector<std::uint64_t> session_numbers_;
  bool ready_ = false;
  bool stopped_ = false;
  bool concluding_ = false;
  std::size_t suspect_ = 0;            // the hop whose silence is being judged
  std::uint64_t suspected_at_ms_ = 0;  // 0: none is
  loop::Timer judgement_;
  std::shared_ptr<Chain*> self_;
};

}  // namespace tunneld::ssh
