#include "trust/port_owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "trust/private_dir.h"

namespace tunneld::trust {
namespace {

using V6Bytes = std::array<unsigned char, 16>;

// IPv4 is kept as IPv4-mapped IPv6, as the kernel lets both meet on one port.
struct LocalAddress {
  V6Bytes bytes{};
  bool is_v4() const {
    constexpr V6Bytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::equal(kMapped.begin(), kMapped.begin() + 12, bytes.begin());
  }
  bool is_any() const {
    const auto start = bytes.begin() + (is_v4() ? 12 : 0);
    return std::all_of(start, bytes.end(), [](unsigned char byte) { return byte == 0; });
  }
  bool operator==(const LocalAddress&) const = default;
};

LocalAddress from_v4(const void* four_bytes) {
  LocalAddress address;
  address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(&address.bytes[12], four_bytes, 4);
  return address;
}

std::optional<LocalAddress> parse_numeric(std::string_view text) {
  const std::string host(text.substr(0, text.find('%')));
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return from_v4(&v4);
  LocalAddress address;
  if (::inet_pton(AF_INET6, host.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

struct TcpLine {
  LocalAddress address;
  std::uint16_t port = 0;
  unsigned state = 0;
  uid_t uid = 0;
  std::uint64_t inode = 0;
};

template <typename Number>
bool parse_hex(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return error == std::errc() && end == text.data() + text.size();
}

// "0100007F:1538": each 8 digits are a word of the address in this machine's byte order.
bool parse_end(std::string_view text, LocalAddress& address, std::uint16_t& port) {
  constexpr std::size_t kWordDigits = 8;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !parse_hex(text.substr(colon + 1), port)) return false;
  if (colon != kWordDigits && colon != 4 * kWordDigits) return false;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / kWordDigits; ++i)
    if (!parse_hex(text.substr(i * kWordDigits, kWordDigits), words[i])) return false;
  if (colon == kWordDigits)
    address = from_v4(words.data());
  else
    std::memcpy(address.bytes.data(), words.data(), sizeof words);
  return true;
}

std::optional<TcpLine> parse_tcp_line(const std::string& text) {
  std::istringstream fields(text);
  std::string slot, local, remote, state, queues, timer, retransmits, timeout;
  TcpLine line;
  fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> line.uid >> timeout >>
      line.inode;
  if (!fields || !parse_hex(state, line.state) || !parse_end(local, line.address, line.port))
    return std::nullopt;
  return line;
}

// How surely `listener` is what stands in the way of `wanted`: 0 not at all, more is surer.
int closeness(const LocalAddress& listener, const LocalAddress& wanted) {
  if (listener == wanted) return 4;
  if (listener.is_any() && listener.is_v4() == wanted.is_v4()) return 3;
  if (wanted.is_any() && listener.is_v4() == wanted.is_v4()) return 2;
  // [::] takes IPv4 as well unless the socket is IPV6_V6ONLY, which /proc does not tell.
  const bool any_v6 = (listener.is_any() && !listener.is_v4()) || (wanted.is_any() && !wanted.is_v4());
  return any_v6 ? 1 : 0;
}

std::string process_name(pid_t pid) {
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(comm, name);
  return name;
}

std::string user_name(uid_t uid) {
  std::array<char, 16 * 1024> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? entry.pw_name : "";
}

SocketOwner describe(uid_t uid, std::uint64_t inode) {
  SocketOwner owner;
  owner.uid = uid;
  owner.user = user_name(uid);
  for (auto& [number, process] : find_processes({inode})) {
    owner.pid = process.pid;
    owner.name = std::move(process.name);
  }
  return owner;
}

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

template <typename Function>
void for_each_entry(const std::string& path, Function function) {
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
  if (!dir) return;
  while (const dirent* entry = ::readdir(dir.get())) function(entry->d_name);
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  for_each_entry("/proc", [&pids](std::string_view name) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  });
  std::sort(pids.begin(), pids.end());
  return pids;
}

// The inode of a socket, as a link in /proc/PID/fd names it: "socket:[1234]". 0 for anything else.
std::uint64_t socket_inode(std::string_view link_text) {
  constexpr std::string_view kPrefix = "socket:[";
  if (!link_text.starts_with(kPrefix)) return 0;
  std::uint64_t inode = 0;
  std::from_chars(link_text.data() + kPrefix.size(), link_text.data() + link_text.size(), inode);
  return inode;
}

}  // namespace

std::string to_string(const SocketOwner& owner) {
  if (owner.pid != 0) return owner.name + " (pid " + std::to_string(owner.pid) + ")";
  if (!owner.user.empty()) return "a process of user " + owner.user;
  return "a process of uid " + std::to_string(owner.uid);
}

std::map<std::uint64_t, Process> find_processes(std::set<std::uint64_t> inodes) {
  std::map<std::uint64_t, Process> found;
  inodes.erase(0);
  for (const pid_t pid : inodes.empty() ? std::vector<pid_t>{} : all_pids()) {
    const std::string fds = "/proc/" + std::to_string(pid) + "/fd";
    for_each_entry(fds, [&](const char* name) {
      std::array<char, 64> target{};
      const ssize_t length = ::readlink((fds + "/" + name).c_str(), target.data(), target.size());
      if (length <= 0) return;
      const std::uint64_t inode = socket_inode({target.data(), static_cast<std::size_t>(length)});
      if (inodes.erase(inode) > 0) found[inode] = {pid, process_name(pid)};
    });
    if (inodes.empty()) break;
  }
  return found;
}

std::optional<SocketOwner> find_listener(std::string_view address, std::uint16_t port) {
  std::vector<LocalAddress> wanted;
  for (const std::string_view text : {address == "localhost" ? "127.0.0.1" : address,
                                      address == "localhost" ? std::string_view("::1") : std::string_view()})
    if (const auto numeric = parse_numeric(text)) wanted.push_back(*numeric);

  TcpLine best;
  int best_closeness = 0;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    for (std::string text; std::getline(lines, text);) {
      const auto line = parse_tcp_line(text);
      if (!line || line->state != TCP_LISTEN || line->port != port) continue;
      for (const LocalAddress& one : wanted) {
        const int is = closeness(line->address, one);
        if (is <= best_closeness) continue;
        best_closeness = is;
        best = *line;
      }
    }
  }
  if (best_closeness == 0) return std::nullopt;
  return describe(best.uid, best.inode);
}

std::optional<SocketOwner> find_unix_listener(const std::string& path) {
  constexpr unsigned kAcceptsConnections = 0x10000;  // __SO_ACCEPTCON of linux/net.h
  struct stat status {};
  const uid_t uid = ::stat(path.c_str(), &status) == 0 ? status.st_uid : 0;
  std::ifstream lines("/proc/net/unix");
  for (std::string text; std::getline(lines, text);) {
    std::istringstream fields(text);
    std::string slot, references, protocol, flags_text, type, state, name;
    std::uint64_t inode = 0;
    fields >> slot >> references >> protocol >> flags_text >> type >> state >> inode;
    std::getline(fields >> std::ws, name);
    unsigned flags = 0;
    if (name.empty() || !parse_hex(flags_text, flags) || (flags & kAcceptsConnections) == 0) continue;
    if (name == path || name == path + std::string(kBindSuffix)) return describe(uid, inode);
  }
  return std::nullopt;
}

}  // namespace tunneld::trust
