#include <tunneld/error.h>

#include <array>

namespace tunneld {
namespace {

using enum ExitCode;

constexpr std::array kTable = std::to_array<ErrorInfo>({
    {ErrorCode::internal, "E-INTERNAL", failed, false, "tunneld itself is at fault."},
    {ErrorCode::usage, "E-USAGE", usage, false, "The command line is not understood."},
    {ErrorCode::interrupted, "E-INTERRUPTED", interrupted, false, "A signal, Ctrl-C or another command ended it: an up ends a down."},
    {ErrorCode::timed_out, "E-TIMED-OUT", timed_out, false, "The command's own time limit passed."},
    {ErrorCode::not_up, "E-NOT-UP", not_up, false, "The profile is not up."},
    {ErrorCode::no_such_profile, "E-NO-SUCH-PROFILE", no_such_profile, false,
     "No profile, group or tag has this name."},
    {ErrorCode::profile_invalid, "E-PROFILE-INVALID", profile_invalid, false, "A profile file has mistakes."},
    {ErrorCode::not_built, "E-NOT-BUILT", profile_invalid, false,
     "The profile uses a key whose function this version does not have yet."},
    {ErrorCode::daemon_unreachable, "E-DAEMON-UNREACHABLE", daemon_unreachable, false,
     "The daemon does not run, does not answer or cannot be started."},
    {ErrorCode::daemon_protocol, "E-DAEMON-PROTOCOL", daemon_unreachable, false,
     "The command and the daemon do not understand each other."},
    {ErrorCode::name_not_found, "E-NAME-NOT-FOUND", hop_unreachable, true,
     "A host name resolves to no address."},
    {ErrorCode::connection_refused, "E-CONNECTION-REFUSED", hop_unreachable, true,
     "Nothing listens at a hop's address and port."},
    {ErrorCode::unreachable, "E-HOP-UNREACHABLE", hop_unreachable, true,
     "The network, or the hop before, has no way to this hop."},
    {ErrorCode::connect_timeout, "E-CONNECT-TIMEOUT", hop_unreachable, true,
     "A hop did not answer within connect_timeout."},
    {ErrorCode::not_ssh, "E-NOT-SSH", hop_unreachable, false, "Something answers there, but not an SSH server."},
    {ErrorCode::no_common_algorithm, "E-NO-COMMON-ALGORITHM", hop_unreachable, false,
     "Client and server share no key exchange, cipher, MAC or host key algorithm."},
    {ErrorCode::handshake_failed, "E-HANDSHAKE-FAILED", hop_unreachable, true,
     "The SSH key exchange did not complete."},
    {ErrorCode::host_key_unknown, "E-HOST-KEY-UNKNOWN", host_key_refused, false,
     "Nothing is known of this server's host key, and it was not accepted."},
    {ErrorCode::host_key_changed, "E-HOST-KEY-CHANGED", host_key_refused, false,
     "The server shows another host key than the one that is known or pinned."},
    {ErrorCode::host_key_revoked, "E-HOST-KEY-REVOKED", host_key_refused, false,
     "The server shows a host key that is marked @revoked."},
    {ErrorCode::host_key_unsaved, "E-HOST-KEY-UNSAVED", host_key_refused, false,
     "An accepted host key could not be written to tunneld's known_hosts."},
    {ErrorCode::auth_refused, "E-AUTH-REFUSED", auth_failed, false,
     "The server accepted none of the credentials offered."},
    {ErrorCode::key_unusable, "E-KEY-UNUSABLE", auth_failed, false,
     "A key or certificate file cannot be read or used."},
    {ErrorCode::agent_unusable, "E-AGENT-UNUSABLE", auth_failed, false, "The ssh-agent cannot be used."},
    {ErrorCode::needs_input, "E-NEEDS-INPUT", needs_input, false,
     "A person must answer a question, and none can be asked."},
    {ErrorCode::forward_prohibited, "E-FORWARD-PROHIBITED", forward_refused, false,
     "A server's configuration does not allow this forward."},
    {ErrorCode::target_refused, "E-TARGET-REFUSED", forward_refused, true,
     "The last hop could not connect to a forward's target."},
    {ErrorCode::session_lost, "E-SESSION-LOST", hop_unreachable, true, "An SSH session ended unasked."},
    {ErrorCode::keepalive_timeout, "E-KEEPALIVE-TIMEOUT", hop_unreachable, true,
     "A hop was silent for server_alive_interval times server_alive_count_max."},
    {ErrorCode::hold_expired, "E-HOLD-EXPIRED", hop_unreachable, true,
     "A client waited hold_timeout for the chain and was reset."},
    {ErrorCode::port_in_use, "E-PORT-IN-USE", port_taken, true, "Another process listens on a local address."},
    {ErrorCode::address_not_local, "E-ADDRESS-NOT-LOCAL", failed, false,
     "A listen address belongs to no interface of this machine."},
    {ErrorCode::port_permission, "E-PORT-PERMISSION", failed, false,
     "This user may not listen on that port or path."},
    {ErrorCode::listen_failed, "E-LISTEN-FAILED", failed, false, "A local listener could not be opened."},
    {ErrorCode::too_many_connections, "E-TOO-MANY-CONNECTIONS", failed, true,
     "A profile's max_connections are in use."},
    {ErrorCode::peer_not_allowed, "E-PEER-NOT-ALLOWED", failed, false,
     "A client of another user connected to a listener."},
    {ErrorCode::out_of_descriptors, "E-OUT-OF-DESCRIPTORS", failed, true,
     "The process may open no more files or sockets."},
});

}  // namespace

std::span<const ErrorInfo> error_table() { return kTable; }

const ErrorInfo& error_info(ErrorCode code) { return kTable[static_cast<std::size_t>(code)]; }

std::optional<ErrorCode> error_code_named(std::string_view name) {
  for (const ErrorInfo& info : kTable)
    if (info.name == name) return info.code;
  return std::nullopt;
}

std::string render_place(const ErrorPlace& place) {
  std::string text;
  if (!place.profile.empty()) text = "profile: " + place.profile;
  if (place.hop_number > 0) {
    text += (text.empty() ? "" : ", ") + std::string("hop ") + std::to_string(place.hop_number);
    if (place.hop_count > 0) text += " of " + std::to_string(place.hop_count);
  }
  if (!place.forward.empty()) text += (text.empty() ? "" : ", ") + std::string("forward ") + place.forward;
  if (!place.position.empty()) text = text.empty() ? "at " + place.position : text + " (" + place.position + ")";
  return text;
}

std::string render_error(const Error& error) {
  std::string text = "error[" + std::string(error_info(error.code).name) + "]: " + error.message + "\n";
  if (const std::string place = render_place(error.where); !place.empty()) text += "  " + place + "\n";
  if (!error.cause.empty()) text += "  cause:   " + error.cause + "\n";
  if (!error.fix.empty()) text += "  fix:     " + error.fix + "\n";
  return text;
}

}  // namespace tunneld
