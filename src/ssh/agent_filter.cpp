#include "ssh/agent_filter.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/ssh_data.h"
#include "ssh/library.h"

namespace tunneld::ssh {
namespace {

constexpr std::uint8_t kIdentitiesAnswer = 12;          // SSH_AGENT_IDENTITIES_ANSWER
constexpr std::uint32_t kMaxIdentities = 1024;          // what libssh takes

// What libssh's agent code can make a key of; it would stop at anything else.
bool libssh_knows(std::string_view type) {
  constexpr std::string_view kSuffix = "-cert-v01@openssh.com";
  if (type.ends_with(kSuffix)) type.remove_suffix(kSuffix.size());
  if (type.starts_with("sk-")) return type.starts_with("sk-ssh-ed25519") || type.starts_with("sk-ecdsa-sha2-nistp256");
  return type == "ssh-ed25519" || type == "ssh-rsa" || type.starts_with("ecdsa-sha2-nistp");
}

Error unusable(const std::string& path, const std::string& cause) {
  return {ErrorCode::agent_unusable, "the ssh-agent at " + path + " cannot be used", {}, cause,
          "start it, or set identity_agent: none"};
}

}  // namespace

Result<UniqueFd> connect_to_agent(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(unusable(path, "its path is too long"));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd agent(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!agent || ::connect(agent.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(unusable(path, std::strerror(errno)));
  return agent;
}

Result<std::unique_ptr<AgentFilter>> AgentFilter::open(loop::Loop& loop, const std::string& path, AgentPolicy policy) {
  Result<UniqueFd> agent = connect_to_agent(path);
  if (!agent) return fail(agent.error());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(unusable(path, std::strerror(errno)));
  return std::unique_ptr<AgentFilter>(
      new AgentFilter(loop, std::move(*agent), UniqueFd(ends[0]), UniqueFd(ends[1]), std::move(policy)));
}

AgentFilter::AgentFilter(loop::Loop& loop, UniqueFd agent, UniqueFd inner, UniqueFd client, AgentPolicy policy)
    : agent_(std::move(agent)),
      inner_(std::move(inner)),
      client_end_(std::move(client)),
      policy_(std::move(policy)),
      agent_poller_(loop, agent_.get(), [this](unsigned) { on_ready(); }),
      inner_poller_(loop, inner_.get(), [this](unsigned) { on_ready(); }) {
  agent_poller_.watch(loop::Poller::kReadable);
  inner_poller_.watch(loop::Poller::kReadable);
}

AgentFilter::~AgentFilter() { close(); }

void AgentFilter::close() {
  agent_poller_.close();
  inner_poller_.close();
  agent_.reset();
  inner_.reset();
}

void AgentFilter::on_ready() {
  if (!pump(inner_.get(), agent_.get(), from_client_, to_agent_, false) ||
      !pump(agent_.get(), inner_.get(), from_agent_, to_client_, true))
    return close();  // libssh sees the end of the stream and gives up
  const auto interest = [](bool may_read, bool must_write) {
    return (may_read ? loop::Poller::kReadable : 0u) | (must_write ? loop::Poller::kWritable : 0u);
  };
  agent_poller_.watch(interest(to_client_.empty(), !to_agent_.empty()));
  inner_poller_.watch(interest(to_agent_.empty(), !to_client_.empty()));
}

// Moves whole messages (a length of 4 bytes, then that many). False when a side has ended or does not keep to the form.
bool AgentFilter::pump(int from, int to, std::string& incoming, std::string& outgoing, bool from_agent) {
  for (;;) {
    while (!outgoing.empty()) {
      const ssize_t sent = ::send(to, outgoing.data(), outgoing.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      outgoing.erase(0, static_cast<std::size_t>(sent));
    }
    std::string_view rest(incoming);
    if (const std::optional<std::string_view> message = take_string(rest)) {
      if (message->empty() || message->size() > kMaxAgentMessage) return false;
      const bool keys = from_agent && static_cast<std::uint8_t>(message->front()) == kIdentitiesAnswer;
      append_string(outgoing, keys ? filter_identities(*message) : *message);
      incoming.erase(0, incoming.size() - rest.size());
      continue;
    }
    if (const std::optional<std::uint32_t> size = take_uint32(rest); size && *size > kMaxAgentMessage) return false;
    char buffer[4096];
    const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    incoming.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string AgentFilter::filter_identities(std::string_view message) {
  struct Entry {
    std::string_view blob, comment, type;
    std::size_t rank;
  };
  std::vector<Entry> entries;
  std::string_view rest = message.substr(1);
  const std::uint32_t count = std::min(take_uint32(rest).value_or(0), kMaxIdentities);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::optional<std::string_view> blob = take_string(rest);
    const std::optional<std::string_view> comment = take_string(rest);
    if (!blob || !comment) break;
    std::string_view inside = *blob;
    Entry entry{*blob, *comment, take_string(inside).value_or(""), 0};
    if (!libssh_knows(entry.type)) continue;
    const auto wanted = std::find(policy_.wanted.begin(), policy_.wanted.end(), encode_base64(entry.blob));
    entry.rank = static_cast<std::size_t>(wanted - policy_.wanted.begin());
    if (policy_.only_wanted && wanted == policy_.wanted.end()) continue;
    entries.push_back(entry);
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.rank < b.rank; });
  offered_.clear();
  std::string answer(1, static_cast<char>(kIdentitiesAnswer));
  append_uint32(answer, static_cast<std::uint32_t>(entries.size()));
  for (const Entry& entry : entries) {
    append_string(answer, entry.blob);
    append_string(answer, entry.comment);
    offered_.push_back(std::string(entry.type) + " " + std::string(entry.comment));
  }
  return answer;
}

}  // namespace tunneld::ssh
