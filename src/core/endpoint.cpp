#include "core/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tunneld {
namespace {

// White space and controls beyond ASCII that a terminal hides or acts on: C1 controls, the spaces, zero-width
// and bidirectional marks of U+2000 to U+206F, the ideographic space, the byte order mark.
bool has_hidden_character(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto second = static_cast<unsigned char>(text[i + 1]);
    const unsigned char third = i + 2 < text.size() ? static_cast<unsigned char>(text[i + 2]) : 0;
    if (first == 0xC2 && second <= 0xA0) return true;
    if (first == 0xE2 && (second == 0x80 || second == 0x81) &&
        (second == 0x81 || third <= 0x8F || third >= 0xA8))
      return true;
    if (first == 0xE3 && second == 0x80 && third == 0x80) return true;
    if (first == 0xEF && second == 0xBB && third == 0xBF) return true;
  }
  return false;
}

std::optional<Error> check_word(std::string_view word, std::string_view what, std::string_view forbidden) {
  const auto refused = [what](const std::string& message) {
    return Error{ErrorCode::profile_invalid,
                 std::string(what) + " " + message,
                 {},
                 {},
                 "write the plain name, without quotes, spaces or shell characters in it"};
  };
  if (word.empty()) return refused("is empty");
  if (word.front() == '-') return refused("must not begin with '-'");
  for (const char c : word) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return refused("must not hold white space");
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return refused("must not hold control characters");
    if (forbidden.find(c) != std::string_view::npos)
      return refused(std::string("must not hold the character ") + c);
  }
  if (has_hidden_character(word)) return refused("must not hold white space or control characters");
  return std::nullopt;
}

std::string without_brackets(std::string_view host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return std::string(host);
}

// One piece of what stands after ssh -L.
struct Field {
  std::string text;
  bool is_path = false;
};

// Takes a field in brackets off the front of `rest`: literal up to ']', which must end the field.
Result<Field> take_bracketed(std::string_view& rest) {
  const std::size_t end = rest.find(']');
  const bool ends_field = end != std::string_view::npos && (end + 1 == rest.size() || rest[end + 1] == ':');
  if (!ends_field) return refuse("the '[' has no ']' that ends its part", "write an IPv6 address as [::1]");
  Field field{std::string(rest.substr(1, end - 1)), false};
  field.is_path = field.text.find('/') != std::string::npos;
  rest.remove_prefix(end + 1);
  return field;
}

Result<Field> take_plain(std::string_view& rest) {
  Field field;
  std::size_t i = 0;
  for (; i < rest.size() && rest[i] != ':'; ++i) {
    if (rest[i] == '\\') {
      if (++i == rest.size()) return refuse("a '\\' at the end keeps nothing", "take the '\\' away");
      field.text += rest[i];
      continue;
    }
    if (rest.substr(i, 2) == "${") {
      const std::size_t end = rest.find('}', i);
      if (end == std::string_view::npos)
        return refuse("the ${ has no }", "write ${NAME} or ${NAME:-default}");
      field.text += rest.substr(i, end - i + 1);
      field.is_path = true;
      i = end;
      continue;
    }
    if (rest[i] == '/') field.is_path = true;
    field.text += rest[i];
  }
  rest.remove_prefix(i);
  return field;
}

Result<std::vector<Field>> split_fields(std::string_view text) {
  std::vector<Field> fields;
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (true) {
    Result<Field> field = !text.empty() && text.front() == '[' ? take_bracketed(text) : take_plain(text);
    if (!field) return tl::unexpected(field.error());
    fields.push_back(std::move(*field));
    if (text.empty()) return fields;
    text.remove_prefix(1);
  }
}

Result<Endpoint> tcp_endpoint(const std::string& host, std::string_view port_text, PortZero zero) {
  if (auto wrong = check_host_word(host)) return tl::unexpected(*wrong);
  const Result<std::uint16_t> port = parse_port(port_text, zero);
  if (!port) return tl::unexpected(port.error());
  return Endpoint{Endpoint::Kind::tcp, host, *port, {}};
}

Endpoint unix_endpoint(std::string path) {
  return {Endpoint::Kind::unix_socket, {}, 0, std::move(path)};
}

Result<Endpoint> any_endpoint(std::string_view port_text) {
  const Result<std::uint16_t> port = parse_port(port_text, PortZero::allowed);
  if (!port) return tl::unexpected(port.error());
  return Endpoint{Endpoint::Kind::tcp, std::string(kAnyAddress), *port, {}};
}

// getaddrinfo takes 127.1, 0 and 0x7f000001 for IPv4 addresses as well: the four numbers that such a word means. Any other
// of digits and dots can be no name either.
Result<std::string> plain_address(const std::string& host) {
  if (is_ip_address(host)) return host;
  in_addr meant{};
  std::array<char, INET_ADDRSTRLEN> text{};
  if (inet_aton(host.c_str(), &meant) != 0)
    return inet_ntop(AF_INET, &meant, text.data(), static_cast<socklen_t>(text.size()));
  if (!host.empty() && host.find_first_not_of("0123456789.") == std::string::npos)
    return refuse("\"" + host.substr(0, 40) + "\" is no IPv4 address", "write four numbers from 0 to 255, like 127.0.0.1");
  return host;
}

Result<Endpoint> listening_on(const std::string& host, std::string_view port_text) {
  Result<Endpoint> endpoint = tcp_endpoint(host, port_text, PortZero::allowed);
  if (!endpoint) return endpoint;
  const Result<std::string> address = plain_address(endpoint->host);
  if (!address) return tl::unexpected(address.error());
  endpoint->host = *address;
  return endpoint;
}

Result<Endpoint> listen_endpoint(const std::string& bind, const std::string& port) {
  if (bind.empty() || bind == kAnyAddress) return any_endpoint(port);
  return listening_on(bind, port);
}

Result<LocalForwardSpec> both(Result<Endpoint> listen, Result<Endpoint> connect) {
  if (!listen) return tl::unexpected(listen.error());
  if (!connect) return tl::unexpected(connect.error());
  return LocalForwardSpec{std::move(*listen), std::move(*connect)};
}

// The address in one spelling: bytes of inet_pton as text, or the name in lower case.
std::string canonical_host(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6})
    if (inet_pton(family, host.c_str(), bytes.data()) == 1)
      return inet_ntop(family, bytes.data(), text.data(), static_cast<socklen_t>(text.size()));
  std::string name = host;
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

}  // namespace

Result<std::uint16_t> parse_port(std::string_view text, PortZero zero) {
  const std::string fix = zero == PortZero::allowed
                              ? "write a number from 0 to 65535; 0 lets the system choose"
                              : "write a number from 1 to 65535";
  const bool digits = !text.empty() && text.size() <= 5 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  unsigned value = 0;
  if (digits) std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (!digits || leading_zero || value > 65'535 || (value == 0 && zero == PortZero::refused))
    return refuse(
        text.empty() ? "the port is missing" : "\"" + std::string(text.substr(0, 40)) + "\" is not a port",
        fix);
  return static_cast<std::uint16_t>(value);
}

std::optional<Error> check_host_word(std::string_view host) {
  return check_word(host, "a host name", "'`\"$\\;&<>|(){}[],@/*?!#");
}

std::optional<Error> check_user_word(std::string_view user) {
  if (!user.empty() && user.back() == '\\')
    return Error{
        ErrorCode::profile_invalid, "a user name must not end with '\\'", {}, {}, "take the '\\' away"};
  if (user.find_first_of(":/") != std::string_view::npos)
    return Error{ErrorCode::profile_invalid, "a user name must not hold ':' or '/'", {}, {},
                 "write it like \"user@host:port\", or use the keys `user:` and `port:`; a password never stands in a "
                 "profile"};
  return check_word(user, "a user name", "'`\"$;&<>|(){}");
}

Result<Endpoint> parse_endpoint(std::string_view text, PortZero zero) {
  constexpr std::string_view kUnix = "unix:";
  if (text.substr(0, kUnix.size()) == kUnix) {
    if (text.size() == kUnix.size())
      return refuse("the path after unix: is missing", "write unix:/path/of/socket");
    return unix_endpoint(std::string(text.substr(kUnix.size())));
  }
  if (!text.empty() && text.front() == '/')
    return refuse("a unix socket is written with unix: before its path",
                  "write \"unix:" + std::string(text) + "\"");
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.back() == ']')
    return refuse("an address needs a host and a port", "write it like \"127.0.0.1:5432\" or \"unix:/path\"");
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos)
    return refuse("an IPv6 address stands in brackets", "write it like \"[::1]:5432\"");
  const std::string_view port = text.substr(colon + 1);
  if (zero == PortZero::refused) return tcp_endpoint(without_brackets(host), port, zero);
  return host == kAnyAddress ? any_endpoint(port) : listening_on(without_brackets(host), port);
}

Result<LocalForwardSpec> parse_local_forward(std::string_view text) {
  const Result<std::vector<Field>> split = split_fields(text);
  if (!split) return tl::unexpected(split.error());
  const std::vector<Field>& f = *split;
  const auto remote = [](const Field& host, const Field& port) {
    return tcp_endpoint(host.text, port.text, PortZero::refused);
  };
  if (f.size() == 2 && f[1].is_path)
    return both(f[0].is_path ? unix_endpoint(f[0].text) : listen_endpoint("localhost", f[0].text),
                unix_endpoint(f[1].text));
  if (f.size() == 3 && f[0].is_path) return both(unix_endpoint(f[0].text), remote(f[1], f[2]));
  if (f.size() == 3 && f[2].is_path)
    return both(listen_endpoint(f[0].text, f[1].text), unix_endpoint(f[2].text));
  if (f.size() == 3) return both(listen_endpoint("localhost", f[0].text), remote(f[1], f[2]));
  if (f.size() == 4) return both(listen_endpoint(f[0].text, f[1].text), remote(f[2], f[3]));
  return refuse("this is not what ssh -L takes",
                "write \"[bind:]port:host:hostport\", or map the forward: {listen: ..., connect: ...}");
}

Result<HopWord> parse_hop(std::string_view text) {
  HopWord word;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    word.user = std::string(text.substr(0, at));
    if (auto wrong = check_user_word(*word.user)) return tl::unexpected(*wrong);
    text.remove_prefix(at + 1);
  }
  std::string_view host = text;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return refuse("the '[' has no ']'", "write an IPv6 address as [::1]");
    host = text.substr(0, end + 1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (text.find(':', colon + 1) != std::string_view::npos)
      return refuse("an IPv6 address stands in brackets", "write it like \"[::1]\" or \"[::1]:22\"");
    host = text.substr(0, colon);
  }
  std::string_view rest = text.substr(host.size());
  word.host = without_brackets(host);
  if (auto wrong = check_host_word(word.host)) return tl::unexpected(*wrong);
  if (rest.empty()) return word;
  if (rest.front() != ':') return refuse("after ']' comes nothing or a port", "write it like \"[::1]:22\"");
  const Result<std::uint16_t> port = parse_port(rest.substr(1), PortZero::refused);
  if (!port) return tl::unexpected(port.error());
  word.port = *port;
  return word;
}

bool is_ip_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  const std::string address = host.substr(0, host.find('%'));  // fe80::1%eth0
  return inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

std::vector<ListenClaim> listen_claims(const Endpoint& listen) {
  if (listen.kind == Endpoint::Kind::unix_socket) return {{"unix", listen.path}};
  if (listen.port == 0) return {};
  const std::string ipv4 = "4:" + std::to_string(listen.port);
  const std::string ipv6 = "6:" + std::to_string(listen.port);
  const std::string host = canonical_host(listen.host);
  if (host == kAnyAddress) return {{ipv4, ""}, {ipv6, ""}};
  if (host == "0.0.0.0") return {{ipv4, ""}};
  if (host == "::") return {{ipv6, ""}};  // a listener binds it for IPv6 only
  if (host == "localhost") return {{ipv4, "127.0.0.1"}, {ipv6, "::1"}};
  if (!is_ip_address(host)) return {{ipv4, host}, {ipv6, host}};
  return {{host.find(':') == std::string::npos ? ipv4 : ipv6, host}};
}

bool clash(const Endpoint& a, const Endpoint& b) {
  for (const ListenClaim& one : listen_claims(a))
    for (const ListenClaim& other : listen_claims(b))
      if (one.scope == other.scope && (one.address == other.address || one.address.empty() || other.address.empty()))
        return true;
  return false;
}

}  // namespace tunneld
