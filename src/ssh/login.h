// Logging in to one hop (RFC 4252): which credentials are shown, in which order, and what to say when none is accepted.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <tunneld/profile.h>

#include "loop/loop.h"
#include "ssh/agent_filter.h"
#include "ssh/identities.h"
#include "ssh/session.h"

namespace tunneld::ssh {

// Order: the keys of identity_file, then the agent's; without identity_file the agent's first, as ssh does. With nothing
// at all to show, method "none", whose refusal tells what the server would take.
class Login : public LoginSteps {
 public:
  Login(loop::Loop& loop, Session& session, const Host& host, Identities identities);
  ~Login() override;

  int step(ssh_session session) override;

  // The agent is being asked: it may wait for a person (a touch, a confirmation).
  bool asking_agent() const { return agent_state_ == AgentState::running; }
  // The agent took as long as a person does, or may have used a key that asks for a touch.
  bool needed_person() const;
  // What let us in, or is being tried: "publickey, ~/.ssh/id_work", "publickey, agent".
  std::string method() const;
  // The error for a log-in that ended in SSH_AUTH_DENIED or in the end of the session (`session` null, `text` says how).
  Error refusal(ssh_session session, const std::string& text);

 private:
  struct Attempt {
    enum class Kind { key, agent, none } kind;
    std::size_t identity = 0;
  };
  int try_key(ssh_session session, const Identity& identity);
  int try_agent(ssh_session session);
  int try_none(ssh_session session);
  void begin_agent(ssh_session session);
  void ask_agent();
  void next_attempt();
  void note_refused(const Attempt& attempt);

  loop::Loop& loop_;
  Session& session_;
  const Host& host_;
  Identities identities_;
  std::string agent_path_;
  std::vector<Attempt> attempts_;
  std::size_t current_ = 0;
  bool settling_extensions_ = false;  // see try_key
  bool extensions_settled_ = false;
  bool partial_ = false;            // a key was accepted, and the server wants more
  std::vector<std::string> refused_;
  std::vector<std::string> problems_;

  std::unique_ptr<AgentFilter> agent_;
  // waiting: for the server, with the session on the loop.
  enum class AgentState { idle, running, waiting, done } agent_state_ = AgentState::idle;
  int agent_result_ = SSH_AUTH_ERROR;
  std::uint64_t longest_answer_ms_ = 0;  // of the agent
  std::shared_ptr<Login*> self_;  // null inside when this is gone
};

// "publickey,password"
std::string method_names(int methods);

}  // namespace tunneld::ssh
