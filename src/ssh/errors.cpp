#include "ssh/errors.h"

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/sanitize.h"

namespace tunneld::ssh {
namespace {

std::string address_of(const Host& hop) { return host_and_port(hop.hostname, hop.port); }

bool says(const std::string& text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words)
    if (text.find(word) != std::string::npos) return true;
  return false;
}

std::string seconds(long long ms) {
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

// An SSH server, also one that is too busy to become one: sshd then says a line in clear and hangs up, or is cut off
// within its banner. Time mends these.
bool looks_like_sshd(std::string_view first_bytes) {
  constexpr std::string_view kBanner = "SSH-";
  return first_bytes.starts_with(kBanner) || kBanner.starts_with(first_bytes) ||
         first_bytes.find("\nSSH-") != std::string_view::npos || first_bytes.starts_with("Exceeded MaxStartups") ||
         first_bytes.starts_with("Not allowed at this time");
}

constexpr std::uint32_t kProhibited = 1;   // SSH_OPEN_ADMINISTRATIVELY_PROHIBITED
constexpr std::uint32_t kUnknownType = 3;  // SSH_OPEN_UNKNOWN_CHANNEL_TYPE

Error prohibited(const Host& server, const std::string& target) {
  Error error;
  error.code = ErrorCode::forward_prohibited;
  error.message = server.hostname + " refuses to forward to " + target + " (administratively prohibited)";
  error.cause = "its sshd does not allow TCP forwarding for " + server.user + ", or not to this address";
  error.fix = "on " + server.hostname + " set \"AllowTcpForwarding yes\" and, if PermitOpen is set, add " + target +
              "; then reload sshd";
  return error;
}

// Unix sockets have a keyword of their own in sshd_config(5), and PermitOpen says nothing of them.
Error prohibited_socket(const Host& server, const std::string& target) {
  Error error = prohibited(server, target);
  error.cause = "its sshd does not allow forwarding to unix sockets for " + server.user;
  error.fix = "on " + server.hostname + " set \"AllowStreamLocalForwarding yes\"; then reload sshd";
  return error;
}

std::string server_said(const std::string& text) {
  return text.empty() ? "it gave no reason" : "it said: " + sanitize(text);
}

}  // namespace

Error connect_error(const Host& hop, const std::string& address, int error_number) {
  Error error;
  const std::string where = address_of(hop);
  const std::string via = address.empty() || address == where ? "" : " (" + address + ")";
  switch (error_number) {
    case ECONNREFUSED:
      error.code = ErrorCode::connection_refused;
      error.message = where + via + " refuses the connection";
      error.cause = "nothing listens on that port, or a firewall rejects it";
      error.fix = "check host and port of this hop, and that its sshd runs";
      return error;
    case ETIMEDOUT:
      error.code = ErrorCode::connect_timeout;
      error.message = where + via + " does not answer";
      error.cause = "no packet came back";
      error.fix = "check the network, the VPN and firewalls between here and there";
      return error;
    default:
      error.code = ErrorCode::unreachable;
      error.message = where + via + " cannot be reached";
      error.cause = std::strerror(error_number);
      error.fix = "check the network, the VPN and the route to it";
      return error;
  }
}

Error resolve_error(const Host& hop, const std::string& failure) {
  return {ErrorCode::name_not_found, "the name " + hop.hostname + " has no address", {}, failure,
          "check the spelling of hostname, the DNS servers and the VPN"};
}

Error channel_error(const Host& previous, const Host& hop, std::uint32_t reason, const std::string& text) {
  const std::string target = address_of(hop);
  if (reason == kProhibited) return prohibited(previous, target);
  Error error;
  error.cause = server_said(text);
  if (says(text, {"refused"})) {
    error.code = ErrorCode::connection_refused;
    error.message = target + " refuses the connection from " + previous.hostname;
    error.fix = "check host and port of this hop, and that its sshd runs; it is " + previous.hostname +
                " that connects there";
  } else if (says(text, {"resolve", "not known", "No address", "nodename", "Name or service"})) {
    error.code = ErrorCode::name_not_found;
    error.message = previous.hostname + " finds no address for the name " + hop.hostname;
    error.fix = "it is " + previous.hostname + " that looks the name up: use a name or an address that it knows";
  } else if (says(text, {"timed out", "timeout"})) {
    error.code = ErrorCode::connect_timeout;
    error.message = target + " does not answer " + previous.hostname;
    error.fix = "check the firewalls between " + previous.hostname + " and " + hop.hostname;
  } else {
    error.code = ErrorCode::unreachable;
    error.message = previous.hostname + " cannot connect to " + target;
    error.fix = "try it from " + previous.hostname + ": nc -vz " + hop.hostname + " " + std::to_string(hop.port);
  }
  return error;
}

Error target_error(const Host& last, const Endpoint& target, std::uint32_t reason, const std::string& text) {
  const std::string name = to_string(target);
  const bool unix_socket = target.kind == Endpoint::Kind::unix_socket;
  if (reason == kProhibited) return unix_socket ? prohibited_socket(last, name) : prohibited(last, name);
  Error error;
  error.code = ErrorCode::target_refused;
  error.message = last.hostname + " cannot connect to " + name;
  error.cause = reason == kUnknownType && unix_socket
                    ? (text.empty() ? "it does not forward to unix sockets" : sanitize(text))
                    : server_said(text);
  error.fix = "check connect of this forward: it is " + last.hostname + " that connects there";
  // OpenSSH gives no reason when it may not.
  if (unix_socket) error.fix += "; its sshd needs \"AllowStreamLocalForwarding yes\"";
  return error;
}

Error handshake_error(const Host& hop, const std::string& first_bytes, const std::string& text) {
  Error error;
  const std::string where = address_of(hop);
  const std::string first_line = sanitize(first_bytes.substr(0, first_bytes.find_first_of("\r\n")).substr(0, 80));
  if (!first_bytes.empty() && !looks_like_sshd(first_bytes)) {
    error.code = ErrorCode::not_ssh;
    error.message = where + " is not an SSH server";
    error.cause = "it began with: " + first_line;
    error.fix = "check host and port of this hop";
  } else if (says(text, {"no match for method"})) {
    error.code = ErrorCode::no_common_algorithm;
    error.message = where + " and tunneld have no algorithm in common";
    error.cause = sanitize(text.substr(text.find("no match for method")));
    error.fix = says(text, {"encryption"}) && !hop.ciphers.empty()
                    ? "change ciphers of this host in the profile, or Ciphers in its sshd_config"
                    : "update the server, or allow curve25519-sha256, aes128-gcm@openssh.com and an ed25519, ecdsa or "
                      "rsa-sha2 host key in its sshd_config";
  } else {
    error.code = ErrorCode::handshake_failed;
    error.message = where + " broke off the SSH handshake";
    error.cause = first_bytes.empty()                ? "it closed the connection before it said anything (" + sanitize(text) + ")"
                  : first_bytes.starts_with("SSH-") ? sanitize(text)
                                                    : "it said: " + first_line;
    error.fix = "look into the log of its sshd; MaxStartups and access lists end connections like this";
  }
  return error;
}

Error deadline_error(const Host& hop, const char* doing, long long waited_ms) {
  return {ErrorCode::connect_timeout, address_of(hop) + " did not answer in time", {},
          std::string(doing) + " took longer than " + seconds(waited_ms),
          "check the network and firewalls, or raise connect_timeout for this host"};
}

Error lost_error(const Host& hop, const std::string& text) {
  return {ErrorCode::session_lost, "the SSH session to " + address_of(hop) + " ended", {}, sanitize(text),
          "nothing, if it comes back by itself; else look into the log of its sshd"};
}

Error silence_error(const Host& hop, long long silent_ms) {
  return {ErrorCode::keepalive_timeout, address_of(hop) + " has been silent for " + seconds(silent_ms), {},
          "the server or the network to it is gone without a word",
          "check the network; server_alive_interval and server_alive_count_max set how long tunneld waits"};
}

}  // namespace tunneld::ssh
