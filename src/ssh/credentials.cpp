#include "ssh/credentials.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <functional>
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

std::string mark_of_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path + " -\n";
  std::string mark = path;
  for (const long long part : {static_cast<long long>(info.st_ino), static_cast<long long>(info.st_size),
                               static_cast<long long>(info.st_mtim.tv_sec), static_cast<long long>(info.st_mtim.tv_nsec),
                               static_cast<long long>(info.st_mode)})
    mark += " " + std::to_string(part);
  return mark + "\n";
}

// The agent's answer, as far as it has come in time: which keys it lists is all the same here.
std::string answer_of_agent(const std::string& path) {
  const Result<UniqueFd> agent = connect_to_agent(path);
  if (!agent) return "";
  std::string request;
  append_string(request, {&kRequestIdentities, 1});
  if (::send(agent->get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return "";
  std::string answer;
  std::array<char, 4096> piece;
  const auto deadline = Clock::now() + kAnswerTimeout;
  while (true) {
    std::string_view whole(answer);
    if (take_string(whole) || answer.size() > kMaxAgentMessage) return answer;
    pollfd waited{agent->get(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || ::poll(&waited, 1, static_cast<int>(left)) != 1) return answer;
    const ssize_t got = ::recv(agent->get(), piece.data(), piece.size(), 0);
    if (got <= 0) return answer;
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

std::uint64_t credentials_mark(const std::vector<Host>& hops, const std::string& home) {
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
  for (const std::string& path : agents) append_string(all, answer_of_agent(path));
  return std::hash<std::string>{}(all);
}

}  // namespace tunneld::ssh
