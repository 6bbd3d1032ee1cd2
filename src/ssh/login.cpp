#include "ssh/login.h"

#include <algorithm>
#include <utility>

#include "loop/worker.h"

namespace tunneld::ssh {
namespace {

// An agent that only has to compute is done long before.
constexpr std::uint64_t kPersonMs = 1000;

std::string join(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

}  // namespace

std::string method_names(int methods) {
  std::vector<std::string> names;
  if ((methods & SSH_AUTH_METHOD_PUBLICKEY) != 0) names.emplace_back("publickey");
  if ((methods & SSH_AUTH_METHOD_INTERACTIVE) != 0) names.emplace_back("keyboard-interactive");
  if ((methods & SSH_AUTH_METHOD_PASSWORD) != 0) names.emplace_back("password");
  if ((methods & SSH_AUTH_METHOD_HOSTBASED) != 0) names.emplace_back("hostbased");
  if ((methods & SSH_AUTH_METHOD_GSSAPI_MIC) != 0) names.emplace_back("gssapi-with-mic");
  return join(names, ",");
}

Login::Login(loop::Loop& loop, Session& session, const Host& host, Identities identities)
    : loop_(loop),
      session_(session),
      host_(host),
      identities_(std::move(identities)),
      agent_path_(host.identity_agent.value_or("")),
      problems_(identities_.problems),
      self_(std::make_shared<Login*>(this)) {
  const bool use_agent = !agent_path_.empty() && agent_path_ != "none" &&
                         (!host.identities_only || !identities_.agent_keys.empty());
  const bool agent_first = host.identity_files.empty();
  if (use_agent && agent_first) attempts_.push_back({Attempt::Kind::agent});
  for (std::size_t i = 0; i < identities_.usable.size(); ++i) attempts_.push_back({Attempt::Kind::key, i});
  if (use_agent && !agent_first) attempts_.push_back({Attempt::Kind::agent});
  if (attempts_.empty()) attempts_.push_back({Attempt::Kind::none});
}

Login::~Login() {
  *self_ = nullptr;
}

int Login::step(ssh_session session) {
  while (current_ < attempts_.size()) {
    const Attempt attempt = attempts_[current_];
    int rc = SSH_AUTH_ERROR;
    switch (attempt.kind) {
      case Attempt::Kind::key: rc = try_key(session, identities_.usable[attempt.identity]); break;
      case Attempt::Kind::agent: rc = try_agent(session); break;
      case Attempt::Kind::none: rc = try_none(session); break;
    }
    if (rc == SSH_AUTH_AGAIN || rc == SSH_AUTH_SUCCESS) return rc;
    if ((ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
      note_refused(attempt);
      next_attempt();
      return SSH_AUTH_ERROR;
    }
    if (rc == SSH_AUTH_PARTIAL)
      partial_ = true;
    else
      note_refused(attempt);
    next_attempt();
  }
  return SSH_AUTH_DENIED;
}

void Login::next_attempt() {
  ++current_;
}

int Login::try_key(ssh_session session, const Identity& identity) {
  if (settling_extensions_) {
    const int rc = try_none(session);
    if (rc == SSH_AUTH_AGAIN || rc == SSH_AUTH_SUCCESS) return rc;
    settling_extensions_ = false;
    extensions_settled_ = true;
  }
  // The signature is made and sent at once, without asking whether the key would do: one round trip less.
  const int rc = ssh_userauth_publickey(session, nullptr, identity.key.get());
  // libssh 0.10 chooses the signature's algorithm before it has read the server's EXT_INFO (RFC 8308), and then refuses
  // to use an RSA key at all, without sending anything. A round of "none" brings the EXT_INFO in.
  const bool rsa = identity.type.find("rsa") != std::string::npos;
  if (rc != SSH_AUTH_DENIED || !rsa || extensions_settled_ || ssh_userauth_list(session, nullptr) != 0) return rc;
  settling_extensions_ = true;
  return try_key(session, identity);
}

int Login::try_none(ssh_session session) { return ssh_userauth_none(session, nullptr); }

int Login::try_agent(ssh_session session) {
  switch (agent_state_) {
    case AgentState::idle:
      begin_agent(session);
      if (!agent_) return SSH_AUTH_DENIED;
      ask_agent();
      return SSH_AUTH_AGAIN;
    case AgentState::waiting:
      ask_agent();
      return SSH_AUTH_AGAIN;
    case AgentState::running:
      return SSH_AUTH_AGAIN;
    case AgentState::done:
      return agent_result_;
  }
  return SSH_AUTH_ERROR;
}

void Login::begin_agent(ssh_session session) {
  Result<std::unique_ptr<AgentFilter>> filter =
      AgentFilter::open(loop_, agent_path_, {identities_.agent_keys, host_.identities_only});
  if (!filter) {
    problems_.push_back("ssh-agent at " + agent_path_ + ": " + filter.error().cause);
    return;
  }
  agent_ = std::move(*filter);
  ssh_set_agent_socket(session, agent_->take_client_end().release());
}

// libssh waits for the agent in the middle of its call, for a person perhaps (a touch, a confirmation): a
// worker makes the call. When it is the server's turn the session comes back, so that nothing waits there for
// the network.
void Login::ask_agent() {
  agent_state_ = AgentState::running;
  // Not from within the session's own pump: it must have let go of the session before the worker takes it.
  loop_.defer([self = self_] {
    if (*self == nullptr) return;
    Login& login = **self;
    const std::shared_ptr<SessionCore> core = login.session_.lend();
    if (!core) return;
    const auto result = std::make_shared<int>(SSH_AUTH_ERROR);
    const std::uint64_t began_ms = login.loop_.precise_now_ms();
    loop::run_off_loop(
        login.loop_, [result, core] { *result = ssh_userauth_agent(core->session, nullptr); },
        [result, core, self, began_ms] {
          if (*self == nullptr) return;
          Login& asker = **self;
          const bool ended = *result != SSH_AUTH_AGAIN;
          asker.agent_state_ = ended ? AgentState::done : AgentState::waiting;
          asker.agent_result_ = *result;
          asker.longest_answer_ms_ =
              std::max(asker.longest_answer_ms_, asker.loop_.precise_now_ms() - began_ms);
          asker.session_.take_back(ended);
        });
  });
}

void Login::note_refused(const Attempt& attempt) {
  switch (attempt.kind) {
    case Attempt::Kind::key: {
      const Identity& identity = identities_.usable[attempt.identity];
      refused_.push_back(identity.label + " (" + identity.type + (identity.certificate ? " certificate " : " ") +
                         identity.fingerprint + ")");
      break;
    }
    case Attempt::Kind::agent:
      if (!agent_) break;
      if (agent_->offered().empty()) problems_.push_back("the ssh-agent holds no key that may be used here");
      for (const std::string& key : agent_->offered()) refused_.push_back("agent (" + key + ")");
      break;
    case Attempt::Kind::none: break;
  }
}

bool Login::needed_person() const {
  if (!agent_) return false;
  const auto asks_for_touch = [](const std::string& key) { return key.starts_with("sk-"); };
  return longest_answer_ms_ >= kPersonMs ||
         std::any_of(agent_->offered().begin(), agent_->offered().end(), asks_for_touch);
}

std::string Login::method() const {
  if (current_ >= attempts_.size()) return "publickey";
  switch (attempts_[current_].kind) {
    case Attempt::Kind::key: return "publickey, " + identities_.usable[attempts_[current_].identity].label;
    case Attempt::Kind::agent: return "publickey, agent";
    case Attempt::Kind::none: return "none";
  }
  return "";
}

Error Login::refusal(ssh_session session, const std::string& text) {
  // The server has had enough in the middle of an attempt.
  if (session == nullptr && current_ < attempts_.size()) note_refused(attempts_[current_]);
  const std::string server = host_and_port(host_.hostname, host_.port);
  const std::string methods = session != nullptr ? method_names(ssh_userauth_list(session, nullptr)) : "";
  Error error;
  error.code = refused_.empty() && !partial_ && !problems_.empty() ? ErrorCode::key_unusable : ErrorCode::auth_refused;
  error.message = error.code == ErrorCode::key_unusable ? "no key can be used to log in to " + server + " as " + host_.user
                                                        : server + " refuses to let " + host_.user + " in";
  if (partial_) error.message += " with a key alone";
  std::vector<std::string> parts;
  if (!text.empty()) parts.push_back("the server said: " + text);
  if (!methods.empty()) parts.push_back("it accepts " + methods);
  if (error.code != ErrorCode::key_unusable)
    parts.push_back(refused_.empty() ? "no key could be offered" : "offered: " + join(refused_, ", "));
  if (!problems_.empty())  // first, where they are the reason
    parts.insert(error.code == ErrorCode::key_unusable ? parts.begin() : parts.end(), "not usable: " + join(problems_, "; "));
  error.cause = join(parts, "; ");
  if (partial_)
    error.fix = "this version logs in with keys only; ask for an account there that needs no second factor";
  else if (text.find("Too many authentication failures") != std::string::npos)
    error.fix = "set identity_file for this host to the right key, and identities_only: true, so that no others are tried "
                "(the server lets one try only so many)";
  else if (refused_.empty() && !host_.identity_files.empty())
    error.fix = "mend what is said of the key, or set another identity_file for this host, or add one to your ssh-agent (ssh-add)";
  else if (refused_.empty())
    error.fix = "set identity_file for this host, or add a key to your ssh-agent (ssh-add)";
  else
    error.fix = "add one of these public keys to ~/.ssh/authorized_keys of " + host_.user +
                " there, or set user or identity_file for this host";
  return error;
}

}  // namespace tunneld::ssh
