// What went wrong, where, why, and what mends it: the one shape of every error that a person or a tool sees.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tunneld {

// Stable codes. Each has one row in error_table(); the row's name ("E-PORT-IN-USE") is what tools match on.
enum class ErrorCode {
  internal,
  usage,
  interrupted,
  timed_out,
  not_up,
  no_such_profile,
  profile_invalid,
  not_built,
  daemon_unreachable,
  daemon_protocol,
  name_not_found,
  connection_refused,
  unreachable,
  connect_timeout,
  not_ssh,
  no_common_algorithm,
  handshake_failed,
  host_key_unknown,
  host_key_changed,
  host_key_revoked,
  host_key_unsaved,
  auth_refused,
  key_unusable,
  agent_unusable,
  needs_input,
  forward_prohibited,
  target_refused,
  session_lost,
  keepalive_timeout,
  hold_expired,
  port_in_use,
  address_not_local,
  port_permission,
  listen_failed,
  too_many_connections,
  peer_not_allowed,
  out_of_descriptors,
};

// Exit codes of the command line (fixed interface).
enum class ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,
  not_up = 3,
  no_such_profile = 4,
  profile_invalid = 5,
  daemon_unreachable = 6,
  auth_failed = 7,
  host_key_refused = 8,
  hop_unreachable = 9,
  port_taken = 10,
  forward_refused = 11,
  needs_input = 12,
  timed_out = 124,
  interrupted = 130,
};

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;     // "E-PORT-IN-USE"
  ExitCode exit_code;        // what a command that fails with it returns
  bool heals;                // time alone can mend it, so it is retried; otherwise a person must act
  std::string_view meaning;  // one sentence, for `explain` and the man page
};

// Every code once, in the order of the enum.
std::span<const ErrorInfo> error_table();
const ErrorInfo& error_info(ErrorCode code);
std::optional<ErrorCode> error_code_named(std::string_view name);

// Where in the user's world it happened. Empty or 0 means: does not apply.
struct ErrorPlace {
  std::string profile;
  std::string hop;      // the hop's name as the profile writes it
  int hop_number = 0;   // 1-based, counted from you to the target
  int hop_count = 0;
  std::string forward;  // name of the forward
  std::string position; // file:line:column of the profile, hop or forward
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // what: one line, no full stop; names the host or address
  ErrorPlace where;
  std::string cause;    // why: one line; empty when the message says it all
  std::string fix;      // what the person can do: one line
};

// "profile: prod-db, hop 2 of 2 (profiles/prod.yaml:14:12)"; empty for an empty place.
std::string render_place(const ErrorPlace& place);

// The whole error as the command line prints it, several lines, each ended by '\n'.
std::string render_error(const Error& error);

}  // namespace tunneld
