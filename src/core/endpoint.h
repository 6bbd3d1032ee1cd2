// The small languages of addresses in a profile: ports, host:port, unix:/path, what `ssh -L` takes,
// user@host:port. Pure text: nothing is resolved, nothing is expanded. Errors have code profile_invalid, a
// message and a fix.
#pragma once

#include <tunneld/profile.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace tunneld {

enum class PortZero { refused, allowed };

// Decimal digits only, no sign, no leading zero; 1 to 65535, or 0 where it is allowed.
Result<std::uint16_t> parse_port(std::string_view text, PortZero zero);

// A host name or address that can neither be taken for an option nor hold what a shell or a log would act on:
// not empty, no leading '-', no white space, quotes, ';', '$', control characters or the other shell
// characters that OpenSSH's valid_hostname (ssh.c) refuses. User names likewise (valid_ruser), but '@' and a
// '\' inside are allowed.
std::optional<Error> check_host_word(std::string_view host);
std::optional<Error> check_user_word(std::string_view user);

// "host:port", "[v6]:port" or "unix:PATH"; "*" as host where port 0 is allowed, too. PATH is kept as it
// stands (it may begin with ~ or ${NAME}). Where port 0 is allowed, which is to listen, an IPv4 address in another
// spelling (127.1, 0) becomes its four numbers.
Result<Endpoint> parse_endpoint(std::string_view text, PortZero zero);

struct LocalForwardSpec {
  Endpoint listen;  // without a bind address: "localhost"; with an empty one or "*": kAnyAddress
  Endpoint connect;
};

// Every interface, IPv4 as well: what `ssh -L '*:80:...'` means by '*'.
inline constexpr std::string_view kAnyAddress = "*";

// [bind:]port:host:hostport, [bind:]port:path, path:host:hostport, path:path, as OpenSSH's parse_forward
// (readconf.c) takes them: a field in brackets is literal, '\' keeps the next character, a field with '/' is
// a path. ${...} is one piece whatever it holds and stands for a path. Unlike ssh, port 0 is allowed and
// service names are not.
Result<LocalForwardSpec> parse_local_forward(std::string_view text);

struct HopWord {
  std::optional<std::string> user;
  std::string host;  // without brackets
  std::optional<std::uint16_t> port;
};

// [user@]host[:port]; an IPv6 address stands in brackets. The last '@' divides.
Result<HopWord> parse_hop(std::string_view text);

bool is_ip_address(const std::string& host);

// What a listener takes of this machine. Two claims clash when their scopes are equal and their addresses are
// equal or one of them is empty. `localhost` claims 127.0.0.1 and ::1; kAnyAddress claims every address of
// both families; a name claims itself in both; port 0 claims nothing.
struct ListenClaim {
  std::string scope;    // address family and port, or "unix"
  std::string address;  // in one spelling; empty: every address
};
std::vector<ListenClaim> listen_claims(const Endpoint& listen);
bool clash(const Endpoint& a, const Endpoint& b);

}  // namespace tunneld
