#include "ssh/hop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string_view>
#include <utility>

#include "loop/worker.h"
#include "ssh/errors.h"
#include "ssh/host_key_errors.h"
#include "ssh/socket_transport.h"

namespace tunneld::ssh {
namespace {

constexpr std::uint64_t kQuestionTimeoutMs = 110'000;  // below the 120 s that sshd gives a log-in (LoginGraceTime)
constexpr std::uint64_t kAgentTimeoutMs = 60'000;      // a key in an agent may wait for a touch
// The originator that ssh -W names for a channel that belongs to no client (RFC 4254 section 7.2).
constexpr const char* kOwnOrigin = "127.0.0.1";
constexpr std::uint16_t kOwnOriginPort = 65'535;

void set_up_tcp(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

std::uint64_t next_session_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

}  // namespace

void HopSteps::note(const HopProgress& progress) {
  const bool goes_on = !steps_.empty() && steps_.back().state == HopProgress::State::started;
  if (goes_on && std::string_view(steps_.back().step) == progress.step)
    steps_.back() = progress;
  else
    steps_.push_back(progress);
}

Hop::Hop(loop::Loop& loop, const Host& host, HopSetting setting, HostKeyStore& keys, HopObserver& observer)
    : loop_(loop),
      host_(host),
      setting_(std::move(setting)),
      keys_(keys),
      observer_(observer),
      deadline_(loop, [this] { event(HopEvent::deadline); }),
      self_(std::make_shared<Hop*>(this)) {}

Hop::~Hop() {
  *self_ = nullptr;
  tear_down();
}

void Hop::start(Hop* previous) {
  previous_ = previous;
  event(HopEvent::start);
}

void Hop::stop() { event(HopEvent::stop); }

void Hop::give_up(Error error) { fail_with(std::move(error)); }

std::vector<std::string> Hop::path_behind() const {
  std::vector<std::string> path = setting_.path;
  path.push_back(path_component(host_));
  return path;
}

void Hop::event(HopEvent event) {
  if (event == HopEvent::deadline && state_ == HopState::authenticating && login_ && login_->asking_agent() &&
      loop_.precise_now_ms() - step_began_ms_ < kAgentTimeoutMs)
    return deadline_.start(kAgentTimeoutMs);
  if (event == HopEvent::deadline) {
    const char* doing = state_ == HopState::resolving        ? "looking up its name"
                        : state_ == HopState::handshaking    ? "the SSH handshake"
                        : state_ == HopState::authenticating ? "the log-in"
                                                             : "connecting";
    error_ = state_ == HopState::needs_input ? unanswered_error(host_, key_)
                                             : deadline_error(host_, doing, host_.connect_timeout.count());
  }
  const HopStep result = step(state_, HopContext{previous_ == nullptr}, event);
  if (result.legality != Legality::legal) return;
  const HopState from = std::exchange(state_, result.next);
  arm_deadline();
  observer_.hop_state_changed(*this, from, result.reason);
  for (const HopAction action : result.actions) perform(action);
}

// Each waiting state has one deadline.
void Hop::arm_deadline() {
  const auto timeout = static_cast<std::uint64_t>(std::max<long long>(host_.connect_timeout.count(), 1));
  switch (state_) {
    case HopState::resolving:
    case HopState::connecting:
    case HopState::handshaking:
    case HopState::authenticating: return deadline_.start(timeout);
    case HopState::needs_input: return deadline_.start(kQuestionTimeoutMs);
    case HopState::verifying_host_key:
    case HopState::idle:
    case HopState::ready:
    case HopState::closing:
    case HopState::lost: return deadline_.stop();
  }
}

void Hop::perform(HopAction action) {
  switch (action) {
    case HopAction::resolve: return resolve();
    case HopAction::connect: return connect();
    case HopAction::handshake: return handshake();
    case HopAction::verify_host_key: return verify_host_key();
    case HopAction::ask: return ask();
    case HopAction::authenticate: return authenticate();
    case HopAction::announce_ready:
      liveness_ = std::make_unique<Liveness>(loop_, *session_, host_, [this] { observer_.hop_silent(*this); });
      return observer_.hop_ready(*this);
    case HopAction::announce_failure:
      step_ended(HopProgress::State::failed, "");
      return observer_.hop_failed(*this);
    case HopAction::announce_loss: return observer_.hop_failed(*this);
    case HopAction::tear_down: return tear_down();
  }
}

void Hop::resolve() {
  const bool standard_port = host_.port == 22;
  step_started("connecting",
               "Connecting to " + (standard_port ? host_.hostname : host_and_port(host_.hostname, host_.port)));
  resolve_ = std::make_unique<loop::Resolve>(loop_, host_.hostname, host_.port, [this](loop::Resolution resolution) {
    loop_.retire(std::move(resolve_));
    if (!resolution.failure.empty()) return fail_with(resolve_error(host_, resolution.failure));
    addresses_ = std::move(resolution.addresses);
    event(HopEvent::resolved);
  });
}

void Hop::connect() {
  if (previous_ == nullptr)
    connect_tcp();
  else
    open_channel();
}

void Hop::connect_tcp() {
  connector_ = std::make_unique<loop::Connector>(loop_, addresses_, [this](loop::Connection connection) {
    loop_.retire(std::move(connector_));
    address_ = loop::to_string(connection.address);
    if (!connection.fd) return fail_with(connect_error(host_, address_, connection.error));
    set_up_tcp(connection.fd.get());
    transport_ = std::make_unique<SocketTransport>(loop_, std::move(connection.fd));
    step_ended(HopProgress::State::ok, "");
    event(HopEvent::connected);
  });
}

void Hop::open_channel() {
  address_ = host_and_port(host_.hostname, host_.port);
  step_started("opening_channel", "Opening channel to " + address_);
  auto transport = std::make_unique<ChannelTransport>(loop_, static_cast<TransportOwner&>(*this));
  ChannelTransport& made = *transport;
  transport_ = std::move(transport);
  const Endpoint target{Endpoint::Kind::tcp, host_.hostname, host_.port, ""};
  if (!made.open(*previous_->session(), target, kOwnOrigin, kOwnOriginPort))
    fail_with(lost_error(previous_->host(), ""));
}

void Hop::transport_opened() {
  step_ended(HopProgress::State::ok, "");
  event(HopEvent::connected);
}

void Hop::transport_refused(std::uint32_t reason, const std::string& text) {
  fail_with(channel_error(previous_->host(), host_, reason, text));
}

void Hop::transport_over() {
  fail_with(lost_error(host_, how_lost("")));
}

void Hop::handshake() {
  step_started("handshaking", "Exchanging keys with " + host_.hostname);
  SessionOptions options;
  options.user = host_.user;
  options.ciphers = host_.ciphers;
  options.known_key_types = keys_.known_types(host_key_query(host_, setting_.path));
  options.nested = previous_ != nullptr;
  Result<std::unique_ptr<Session>> session = Session::open(loop_, std::move(transport_), options, *this);
  if (!session) return fail_with(session.error());
  session_ = std::move(*session);
  session_number_ = next_session_number();
}

void Hop::session_handshaken(const HostKey& key) {
  step_ended(HopProgress::State::ok, "");
  key_ = key;
  event(HopEvent::handshaken);
}

void Hop::verify_host_key() {
  step_started("verifying_host_key", verifying_text());
  const HostKeyVerdict verdict = keys_.check(host_key_query(host_, setting_.path), key_);
  switch (verdict.status) {
    case HostKeyStatus::pinned: return accept_host_key(false, "pinned");
    case HostKeyStatus::known: return accept_host_key(false, "known");
    case HostKeyStatus::known_unscoped: return accept_host_key(true, "known");
    case HostKeyStatus::unknown: return handle_unknown_key(verdict);
    case HostKeyStatus::changed:
    case HostKeyStatus::revoked: return fail_with(refused_key_error(host_, key_, verdict));
  }
}

bool Hop::still_trusted() const {
  if (state_ != HopState::ready) return true;
  const HostKeyStatus status = keys_.check(host_key_query(host_, setting_.path), key_).status;
  return status != HostKeyStatus::revoked && status != HostKeyStatus::changed;
}

void Hop::handle_unknown_key(const HostKeyVerdict& verdict) {
  // With a known_hosts file that cannot be read, unknown may be changed: only a person may say yes.
  key_problem_ = verdict.problem;
  if (!key_problem_.empty() && host_.strict_host_key_checking == StrictHostKeyChecking::accept_new)
    return event(HopEvent::key_unknown);
  switch (host_.strict_host_key_checking) {
    case StrictHostKeyChecking::accept_new: return accept_host_key(true, "new, recorded");
    case StrictHostKeyChecking::ask: return event(HopEvent::key_unknown);
    case StrictHostKeyChecking::yes: return fail_with(unknown_key_error(host_, key_, verdict));
  }
}

void Hop::ask() {
  const std::string question = host_key_question(host_, key_, setting_.path);
  if (!observer_.hop_asks(*this, question, key_)) return fail_with(needs_answer_error(host_, key_, key_problem_));
  // Who waits at another terminal sees what for.
  progress_.text = "Asking a person about the host key of " + host_.hostname;
  observer_.hop_progress(*this, progress_);
}

// The deadline stays that of the first question: the server waits for us since then.
void Hop::ask_again() {
  if (state_ == HopState::needs_input) ask();
}

void Hop::answer(const std::string& fingerprint, bool accept) {
  if (state_ != HopState::needs_input || fingerprint != key_.fingerprint) return;
  progress_.text = verifying_text();
  if (accept)
    accept_host_key(true, "accepted, recorded");
  else
    fail_with(declined_key_error(host_, key_));
}

void Hop::accept_host_key(bool record, const char* detail) {
  if (record) {
    const std::string failure = keys_.record(host_key_query(host_, setting_.path), key_);
    // A key that was known all the same is as good unrecorded; one that nobody knew would be asked for again and again.
    if (!failure.empty() && std::string_view(detail) != "known") return fail_with(unsaved_key_error(host_, failure));
  }
  step_ended(HopProgress::State::ok, detail);
  event(HopEvent::key_accepted);
}

void Hop::authenticate() {
  step_started("authenticating", "Authenticating " + host_.user);
  auto identities = std::make_shared<Identities>();
  loop::run_off_loop(
      loop_, [identities, host = host_, home = setting_.home] { *identities = load_identities(host, home); },
      [self = self_, identities, generation = generation_] {
        Hop* hop = *self;
        if (hop == nullptr || hop->generation_ != generation || hop->state_ != HopState::authenticating) return;
        hop->login_ = std::make_unique<Login>(hop->loop_, *hop->session_, hop->host_, std::move(*identities));
        hop->session_->authenticate(*hop->login_);
      });
}

void Hop::session_authenticated(int result) {
  if (result != SSH_AUTH_SUCCESS) return fail_with(login_->refusal(session_->raw(), ""));
  progress_.text = "Authenticating " + host_.user + " (" + login_->method() + ")";
  needed_person_ = login_->needed_person();
  loop_.retire(std::move(login_));
  step_ended(HopProgress::State::ok, "");
  event(HopEvent::authenticated);
}

void Hop::session_ended(SessionEnd end, const std::string& text) {
  switch (end) {
    case SessionEnd::handshake: return fail_with(handshake_error(host_, session_->first_bytes(), text));
    case SessionEnd::authentication:
      // Only a server that says so has refused us; a connection that breaks meanwhile is one that time can mend.
      return fail_with(login_ && text.find("SSH_MSG_DISCONNECT") != std::string::npos ? login_->refusal(nullptr, text)
                                                                                     : lost_error(host_, how_lost(text)));
    case SessionEnd::lost: return fail_with(lost_error(host_, how_lost(text)));
  }
}

// What libssh says of a transport that has ended is no help to anybody.
std::string Hop::how_lost(const std::string& text) const {
  const bool server_has_spoken = text.find("SSH_MSG_DISCONNECT") != std::string::npos;
  if (previous_ == nullptr || server_has_spoken) return text;
  return "the connection to it through " + previous_->host().hostname + " was closed";
}

void Hop::fail_with(Error error) {
  if (state_ == HopState::lost || state_ == HopState::closing || state_ == HopState::idle) return;
  error_ = std::move(error);
  event(HopEvent::failed);
}

// Innermost first is the graph's order; within a hop the session goes before the channel that carries it.
void Hop::tear_down() {
  ++generation_;
  deadline_.stop();
  resolve_.reset();
  connector_.reset();
  if (transport_) {
    transport_->leave();
    loop_.retire(std::move(transport_));
  }
  if (liveness_) {
    liveness_->stop();
    loop_.retire(std::move(liveness_));
  }
  if (login_) loop_.retire(std::move(login_));
  if (session_) {
    session_->shut_down();
    loop_.retire(std::move(session_));
  }
}

std::string Hop::verifying_text() const {
  return "Verifying host key " + key_.fingerprint;
}

void Hop::step_started(const char* step, std::string text) {
  step_began_ms_ = loop_.precise_now_ms();
  progress_ = {HopProgress::State::started, step, std::move(text), "", 0};
  observer_.hop_progress(*this, progress_);
}

void Hop::step_ended(HopProgress::State state, std::string detail) {
  if (progress_.state != HopProgress::State::started) return;
  progress_.state = state;
  progress_.elapsed_ms = loop_.precise_now_ms() - step_began_ms_;
  if (state == HopProgress::State::ok && detail.empty()) detail = std::to_string(progress_.elapsed_ms) + " ms";
  progress_.detail = std::move(detail);
  observer_.hop_progress(*this, progress_);
}

}  // namespace tunneld::ssh
