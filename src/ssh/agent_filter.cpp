#include "ssh/agent_filter.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "ssh/library.h"

namespace tunneld::ssh {
namespace {

constexpr std::uint8_t kIdentitiesAnswer = 12;          // SSH_AGENT_IDENTITIES_ANSWER
constexpr std::size_t kMaxMessage = 256 * 1024;         // OpenSSH's limit for agent messages (ssh-agent.c)
constexpr std::uint32_t kMaxIdentities = 1024;          // what libssh takes

std::uint32_t read_u32(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

void append_u32(std::string& text, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(value >> shift & 0xff));
}

void append_string(std::string& text, std::string_view value) {
  append_u32(text, value.size());
  text.append(value);
}

// Takes an SSH string (RFC 4251 section 5) off the front; false when the text is too short.
bool take_string(std::string_view& text, std::string_view& value) {
  if (text.size() < 4) return false;
  const std::size_t size = read_u32(text);
  if (text.size() - 4 < size) return false;
  value = text.substr(4, size);
  text.remove_prefix(4 + size);
  return true;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    // A group of n bytes makes n + 1 digits.
    for (std::size_t j = 0; j < 4; ++j)
      text.push_back(j == 0 || i + j - 1 < bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=');
  }
  return text;
}

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

Result<std::unique_ptr<AgentFilter>> AgentFilter::open(loop::Loop& loop, const std::string& path, AgentPolicy policy) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(unusable(path, "its path is too long"));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd agent(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!agent || ::connect(agent.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(unusable(path, std::strerror(errno)));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(unusable(path, std::strerror(errno)));
  return std::unique_ptr<AgentFilter>(
      new AgentFilter(loop, std::move(agent), UniqueFd(ends[0]), UniqueFd(ends[1]), std::move(policy)));
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
    if (incoming.size() >= 4) {
      const std::size_t size = read_u32(incoming);
      if (size == 0 || size > kMaxMessage) return false;
      if (incoming.size() - 4 >= size) {
        std::string message = incoming.substr(4, size);
        incoming.erase(0, 4 + size);
        if (from_agent && static_cast<std::uint8_t>(message[0]) == kIdentitiesAnswer)
          message = filter_identities(message);
        append_string(outgoing, message);
        continue;
      }
    }
    char buffer[4096];
    const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    incoming.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string AgentFilter::filter_identities(const std::string& message) {
  struct Entry {
    std::string_view blob, comment, type;
    std::size_t rank;
  };
  std::vector<Entry> entries;
  std::string_view rest(message);
  rest.remove_prefix(1);
  const std::uint32_t count = rest.size() >= 4 ? std::min(read_u32(rest), kMaxIdentities) : 0;
  if (rest.size() >= 4) rest.remove_prefix(4);
  for (std::uint32_t i = 0; i < count; ++i) {
    Entry entry{};
    if (!take_string(rest, entry.blob) || !take_string(rest, entry.comment)) break;
    std::string_view inside = entry.blob;
    if (!take_string(inside, entry.type) || !libssh_knows(entry.type)) continue;
    const auto wanted = std::find(policy_.wanted.begin(), policy_.wanted.end(), base64(entry.blob));
    entry.rank = static_cast<std::size_t>(wanted - policy_.wanted.begin());
    if (policy_.only_wanted && wanted == policy_.wanted.end()) continue;
    entries.push_back(entry);
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.rank < b.rank; });
  listed_ = true;
  offered_.clear();
  std::string answer(1, static_cast<char>(kIdentitiesAnswer));
  append_u32(answer, entries.size());
  for (const Entry& entry : entries) {
    append_string(answer, entry.blob);
    append_string(answer, entry.comment);
    offered_.push_back(std::string(entry.type) + " " + std::string(entry.comment));
  }
  return answer;
}

}  // namespace tunneld::ssh
