#include "ssh/host_key_errors.h"

namespace tunneld::ssh {
namespace {

std::string server(const Host& host) { return host_and_port(host.hostname, host.port); }

std::string pin_advice(const HostKey& key) {
  return "if that is its key, pin it: host_keys: [\"" + key.fingerprint + "\"]";
}

}  // namespace

HostKeyQuery host_key_query(const Host& host, const std::vector<std::string>& path) {
  return {host.hostname, host.port, host.host_key_alias, path, host.host_keys};
}

std::string host_key_question(const Host& host, const HostKey& key, const std::vector<std::string>& path) {
  std::string text = "The authenticity of host '" + server(host) + "'";
  if (!path.empty()) text += " (behind " + path.back() + ")";
  text += " can't be established.\n" + key.type + " key fingerprint is " + key.fingerprint + ".\n";
  return text + "Are you sure you want to continue connecting (yes/no/[fingerprint])? ";
}

Error refused_key_error(const Host& host, const HostKey& key, const HostKeyVerdict& verdict) {
  Error error;
  const std::string place =
      verdict.file.empty() ? "the profile's host_keys" : verdict.file + ":" + std::to_string(verdict.line);
  if (verdict.status == HostKeyStatus::revoked && verdict.known_fingerprint.empty() && !verdict.problem.empty()) {
    error.code = ErrorCode::host_key_revoked;
    error.message = server(host) + " may show a revoked host key";
    error.cause =
        "it shows " + key.type + " " + key.fingerprint + ", and a @revoked line may mean that one: " + verdict.problem;
    error.fix = "mend the line in " + place + ", or remove it if it was not meant for this key";
    return error;
  }
  if (verdict.status == HostKeyStatus::revoked) {
    error.code = ErrorCode::host_key_revoked;
    error.message = server(host) + " shows a revoked host key";
    error.cause = "the " + key.type + " key " + key.fingerprint + " is marked @revoked in " + place;
    error.fix = "do not connect; ask who runs it for its new key, which it must show instead";
    return error;
  }
  error.code = ErrorCode::host_key_changed;
  error.message = server(host) + " shows another host key than the known one";
  error.cause = "it shows " + key.type + " " + key.fingerprint + "; expected " +
                (verdict.known_type.empty() ? "" : verdict.known_type + " ") + verdict.known_fingerprint + " (" + place +
                ", as " + verdict.name + ")";
  error.fix = verdict.file.empty()
                  ? "a server has a key of each type, and pins must name the " + key.type + " key: ask who runs it, and if this "
                    "is right, put it into host_keys; if it is not, somebody may be in the middle"
                  : "somebody may be in the middle; ask who runs it, and if the new key is right, accept it with: "
                    "ssh-keygen -R '" + verdict.name + "' -f '" + verdict.file + "'";
  return error;
}

Error unknown_key_error(const Host& host, const HostKey& key, const HostKeyVerdict& verdict) {
  return {ErrorCode::host_key_unknown, "the host key of " + server(host) + " is not known", {},
          "strict_host_key_checking is yes, and no known_hosts file has " + verdict.name + "; it shows " + key.type +
              " " + key.fingerprint + (verdict.problem.empty() ? "" : "; " + verdict.problem),
          pin_advice(key)};
}

Error needs_answer_error(const Host& host, const HostKey& key, const std::string& problem) {
  const std::string why = problem.empty() ? "strict_host_key_checking is ask" : problem + ", so that a person must say";
  return {ErrorCode::needs_input, "the host key of " + server(host) + " is not known, and nobody can be asked", {},
          "it shows " + key.type + " " + key.fingerprint + "; " + why + ", and there is no terminal, or --no-input was given",
          "run tunneld up on a terminal once, without --no-input; or " + pin_advice(key)};
}

Error unanswered_error(const Host& host, const HostKey& key) {
  return {ErrorCode::needs_input, "nobody answered whether the host key of " + server(host) + " is right", {},
          "it shows " + key.type + " " + key.fingerprint, "run tunneld up again and answer; or " + pin_advice(key)};
}

Error declined_key_error(const Host& host, const HostKey& key) {
  return {ErrorCode::host_key_unknown, "the host key of " + server(host) + " was not accepted", {},
          "it shows " + key.type + " " + key.fingerprint, pin_advice(key)};
}

Error unsaved_key_error(const Host& host, const std::string& failure) {
  return {ErrorCode::host_key_unsaved, "the host key of " + server(host) + " cannot be recorded", {}, failure,
          "make tunneld's known_hosts writable; an unrecorded key would be asked for at every connection"};
}

}  // namespace tunneld::ssh
