#include "ssh/credentials.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string_view>

#include "core/ssh_data.h"
#include "ssh/agent_filter.h"
#include "ssh/identities.h"

namespace tunneld::ssh {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kAnswerTimeout(2'000);
constexpr char kRequestIdentities = 11;  // SSH_AGENTC_REQUEST_IDENTITIES, draft-miller-ssh-agent
constexpr char kKeysAnswer = 12;         // SSH_AGENT_IDENTITIES_ANSWER

std::string mark_of_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path + " -\n";
  std::string mark = path;
  for (const long long part : {static_cast<long long>(info.st_ino), static_cast<long long>(info.st_size),
                               static_cast<long long>(info.st_mtim.tv_sec), static_cast<long long>(info.st_mtim.tv_nsec),
                               static_cast<long long>(info.st_mode), static_cast<long long>(info.st_uid),
                               static_cast<long long>(info.st_gid)})
    mark += " " + std::to_string(part);
  return mark + "\n";
}

// The agent's whole answer; empty from an agent that is not there or does not keep to the form, nothing from one that is
// late: how far such an answer has come differs each time.
std::optional<std::string> answer_of_agent(const std::string& path) {
  const Result<UniqueFd> agent = connect_to_agent(path);
  if (!agent) return "";
  std::string request;
  append_string(request, {&kRequestIdentities, 1});
  if (::send(agent->get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return "";
  std::string answer;
  std::array<char, 4096> piece;
  const auto deadline = Clock::now() + kAnswerTimeout;
  while (true) {
    std::string_view rest(answer);
    if (const std::optional<std::string_view> message = take_string(rest)) return std::string(*message);
    if (const std::optional<std::uint32_t> size = take_uint32(rest); size && *size > kMaxAgentMessage) return "";
    pollfd waited{agent->get(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || ::poll(&waited, 1, static_cast<int>(left)) != 1) return std::nullopt;
    const ssize_t got = ::recv(agent->get(), piece.data(), piece.size(), 0);
    if (got <= 0) return "";
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
}

// The keys in it, whatever their order and comments.
std::set<std::string> keys_listed(std::string_view answer) {
  std::set<std::string> keys;
  if (answer.empty() || answer.front() != kKeysAnswer) return keys;
  answer.remove_prefix(1);
  for (std::uint32_t left = take_uint32(answer).value_or(0); left > 0; --left) {
    const std::optional<std::string_view> blob = take_string(answer);
    if (!blob || !take_string(answer)) break;
    keys.emplace(*blob);
  }
  return keys;
}

}  // namespace

std::optional<std::uint64_t> credentials_mark(const std::vector<Host>& hops, const std::string& home) {
  std::set<std::string> files;
  std::set<std::string> agents;
  for (const Host& hop : hops) {
    for (const std::string& path : identity_paths(hop, home)) files.insert({path, path + ".pub", path + "-cert.pub"});
    files.insert(hop.certificate_files.begin(), hop.certificate_files.end());
    const std::string agent = hop.identity_agent.value_or("");
    if (!agent.empty() && agent != "none") agents.insert(agent);
  }
  std::string all;
  for (const std::string& path : files) all += mark_of_file(path);
  for (const std::string& path : agents) {
    const std::optional<std::string> answer = answer_of_agent(path);
    if (!answer) return std::nullopt;
    std::string keys;
    for (const std::string& key : keys_listed(*answer)) append_string(keys, key);
    append_string(all, keys);
  }
  return std::hash<std::string>{}(all);
}

}  // namespace tunneld::ssh
