// Stands between libssh and the user's ssh-agent (draft-miller-ssh-agent). libssh offers every key of an agent in the
// agent's order, stops at the first it cannot parse, and blocks while it waits; this one shows it only the keys that the
// profile wants, wanted ones first, and ends its waiting when destroyed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/unique_fd.h"
#include "loop/loop.h"
#include "loop/poller.h"

namespace tunneld::ssh {

constexpr std::size_t kMaxAgentMessage = 256 * 1024;  // OpenSSH's limit (ssh-agent.c)

// A socket that does not block, connected to the agent at `path`. The error says why that is not possible.
Result<UniqueFd> connect_to_agent(const std::string& path);

struct AgentPolicy {
  std::vector<std::string> wanted;  // base64 public key blobs, offered first
  bool only_wanted = false;         // identities_only
};

class AgentFilter {
 public:
  // Connects to the agent at `path`. The error says why that is not possible.
  static Result<std::unique_ptr<AgentFilter>> open(loop::Loop& loop, const std::string& path, AgentPolicy policy);
  ~AgentFilter();
  AgentFilter(const AgentFilter&) = delete;
  AgentFilter& operator=(const AgentFilter&) = delete;

  // The end for libssh, which closes it. Once.
  UniqueFd take_client_end() { return std::move(client_end_); }

  // "ssh-ed25519 alice@laptop", in the order in which libssh has them.
  const std::vector<std::string>& offered() const { return offered_; }

 private:
  AgentFilter(loop::Loop& loop, UniqueFd agent, UniqueFd inner, UniqueFd client, AgentPolicy policy);
  void on_ready();
  bool pump(int from, int to, std::string& incoming, std::string& outgoing, bool from_agent);
  std::string filter_identities(std::string_view message);
  void close();

  UniqueFd agent_;
  UniqueFd inner_;       // our end of the pair whose other end libssh has
  UniqueFd client_end_;
  AgentPolicy policy_;
  std::string from_client_, to_agent_, from_agent_, to_client_;
  std::vector<std::string> offered_;
  loop::Poller agent_poller_;
  loop::Poller inner_poller_;
};

}  // namespace tunneld::ssh
