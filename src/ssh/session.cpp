#include "ssh/session.h"

#include <libssh/server.h>

#include <algorithm>
#include <utility>

namespace tunneld::ssh {
namespace {

// Bytes that may wait in libssh for one session's transport. Enough to keep a link busy, small enough for 200 clients.
constexpr std::size_t kSendBacklogLimit = 256 * 1024;
// libssh reads 4096 bytes a dopoll: this many are handled before other sessions get their turn.
constexpr int kReadsPerTurn = 64;
// So long silent, and for two round trips: the server is done with the log-in, and nobody waits for an answer.
constexpr std::uint64_t kQuietMs = 100;
constexpr std::uint64_t kPingAnywayMs = 1000;
// How long an answer is awaited in silence before a ping tells a slow target from a dead session.
constexpr std::uint64_t kAwaitedMs = 1000;
// An unanswered ping: longer than a server takes that is busy, or a packet that is sent again, or sshd's look-up of a target's
// name with one dead resolver (5 s, resolv.conf(5)), meanwhile it answers nothing.
constexpr std::uint64_t kStalledMs = 5000;
constexpr std::uint64_t kStalledRoundTrips = 3;
constexpr std::uint32_t kFirstChannelNumber = 43;  // session.c: FIRST_CHANNEL, and the counter is raised before use

HostKey host_key_of(ssh_session session) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) return {};
  const KeyPtr key(raw);
  HostKey result;
  result.type = ssh_key_type_to_char(ssh_key_type(raw));
  if (ssh_key_type(raw) == SSH_KEYTYPE_ECDSA_P256) result.type = "ecdsa-sha2-nistp256";
  if (ssh_key_type(raw) == SSH_KEYTYPE_ECDSA_P384) result.type = "ecdsa-sha2-nistp384";
  if (ssh_key_type(raw) == SSH_KEYTYPE_ECDSA_P521) result.type = "ecdsa-sha2-nistp521";
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(raw, &base64) == SSH_OK) result.blob_base64 = base64;
  ssh_string_free_char(base64);
  result.fingerprint = fingerprint(raw);
  return result;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(loop::Loop& loop, std::unique_ptr<Transport> transport,
                                               const SessionOptions& options, SessionObserver& observer) {
  Result<std::shared_ptr<SessionCore>> core = make_core(std::move(transport), options);
  if (!core) return fail(core.error());
  std::unique_ptr<Session> session(new Session(loop, observer, options.nested));
  session->core_ = std::move(*core);
  // The first call sends our banner; it is made by the loop, so that the observer is not called from here.
  session->core_->transport->start([&made = *session] { made.on_transport(); });
  return session;
}

Session::Session(loop::Loop& loop, SessionObserver& observer, bool nested)
    : loop_(loop),
      observer_(observer),
      nested_(nested),
      self_(std::make_shared<Session*>(this)),
      nudge_(loop, [this] { nudge(); }),
      first_ping_(loop, [this] { ping_when_quiet(); }),
      last_channel_number_(kFirstChannelNumber - 1) {
  on_refusal_ = [this](std::uint32_t number, std::uint32_t reason, const std::string& text) {
    note_refusal(number, reason, text);
  };
}

Session::~Session() {
  *self_ = nullptr;
  shut_down();
}

void Session::on_transport() {
  if (phase_ == Phase::over || phase_ == Phase::lent) return;
  const Use use(*this);
  switch (phase_) {
    case Phase::handshaking: return pump_handshake();
    case Phase::authenticating: return pump_login();
    case Phase::waiting:
    case Phase::ready: return pump_channels();
    case Phase::lent:
    case Phase::over: return;
  }
}

void Session::pump_handshake() {
  Transport& transport = *core_->transport;
  transport.fill();
  constexpr std::size_t kLongestIdentification = 255;  // RFC 4253 section 4.2
  if (first_bytes_.empty()) first_bytes_ = transport.unread().substr(0, kLongestIdentification);
  const TransportOpen open(transport, {.reading = true, .sending = true});
  int rc = SSH_AGAIN;
  do {
    if (!transport.readable()) transport.fill();
    rc = ssh_connect(core_->session);
  } while (rc == SSH_AGAIN && transport.take_progress());
  if (rc == SSH_AGAIN) return;
  if (rc != SSH_OK) {
    failed_ = true;  // settle() ends it
    return;
  }
  core_->event = ssh_event_new();
  ssh_event_add_session(core_->event, core_->session);
  phase_ = Phase::waiting;
  observer_.session_handshaken(host_key_of(core_->session));
}

void Session::authenticate(LoginSteps& steps) {
  const Use use(*this);
  login_ = &steps;
  phase_ = Phase::authenticating;
  pump_login();
}

void Session::pump_login() {
  const std::shared_ptr<SessionCore> core = core_;
  int rc = SSH_AUTH_AGAIN;
  {
    const TransportOpen open(*core->transport, {.reading = true, .sending = true});
    do {
      if (!core->transport->readable()) core->transport->fill();
      rc = login_->step(core->session);
    } while (rc == SSH_AUTH_AGAIN && phase_ == Phase::authenticating && core->transport->take_progress());
  }
  if (rc == SSH_AUTH_AGAIN || phase_ != Phase::authenticating) return;
  if (end_if_dead()) return;
  login_ = nullptr;
  phase_ = rc == SSH_AUTH_SUCCESS ? Phase::ready : Phase::waiting;
  if (phase_ == Phase::ready) become_ready();
  observer_.session_authenticated(rc);
}

void Session::become_ready() {
  last_heard_ms_ = loop_.precise_now_ms();
  core_->transport->session_ready();
  ready_at_ms_ = last_heard_ms_;
  first_ping_.start(kQuietMs);
}

std::shared_ptr<SessionCore> Session::lend() {
  if (phase_ != Phase::authenticating) return nullptr;
  phase_ = Phase::lent;
  core_->transport->lend();
  core_->transport->allow({.reading = true, .sending = true});
  return core_;
}

void Session::take_back(bool go_on) {
  if (phase_ != Phase::lent) return;
  core_->transport->allow({});
  core_->transport->take_back();
  if (phase_ != Phase::lent) return;  // the session before has ended, and this one with it
  const Use use(*this);
  phase_ = Phase::authenticating;
  if (go_on || core_->transport->readable()) pump_login();
}

void Session::pump_channels() {
  const std::shared_ptr<SessionCore> core = core_;
  Transport& transport = *core->transport;
  const std::uint64_t in_before = core->socket_bytes.in_bytes;
  flush_failed_ = false;
  transport.fill();
  for (int i = 0; i < kReadsPerTurn && phase_ != Phase::over && transport.readable(); ++i) {
    const TransportOpen open(transport, {.reading = true, .sending = false});
    if (ssh_event_dopoll(core->event, 0) != SSH_OK) break;
    if (!transport.readable()) transport.fill();
  }
  settle_channels();
  if (phase_ != Phase::over) consider_nudge(core->socket_bytes.in_bytes - in_before);
}

void Session::consider_nudge(std::uint64_t got) {
  const bool inner_nudges = std::exchange(inner_nudges_, false);
  if (!nested_ || phase_ != Phase::ready || got == 0 || inner_nudges) return;
  nudge_policy_.heard(loop_.precise_now_us(), got, core_->raw_bytes.out_packets);
  if (!nudge_.active()) nudge_.start(kLullUs / 1000);
}

void Session::nudge() {
  if (phase_ != Phase::ready) return;
  const std::uint64_t now_us = loop_.precise_now_us();
  const auto due_us = nudge_policy_.due_in_us(now_us, core_->raw_bytes.out_packets, shortest_rtt_us_);
  if (!due_us) return;
  if (*due_us > 0) return nudge_.start((*due_us + 999) / 1000);
  const Use use(*this);
  nudge_policy_.nudged(now_us);
  ssh_send_ignore(core_->session, "");
}

void Session::note_bulk_until(std::uint64_t at_ms) {
  const bool said_just_now = at_ms != 0 && at_ms < bulk_until_ms_ + kBulkSpanMs / 8;
  if (phase_ != Phase::ready || said_just_now) return;
  if (!carries_bulk()) bulk_since_ms_ = loop_.now_ms();
  bulk_until_ms_ = at_ms;
  core_->transport->note_bulk_until(at_ms);
}

std::size_t Session::send_room() {
  const std::size_t waiting = ledger_.backlog(*core_);
  return waiting < kSendBacklogLimit ? kSendBacklogLimit - waiting : 0;
}

// libssh sends only when it has been asked for the answer to the last one (settle_ping), and reads none within the call.
void Session::ping() {
  if (phase_ != Phase::ready || pinging_) return;
  const Use use(*this);
  pinging_ = true;
  ping_packets_ = core_->raw_bytes.in_packets;
  ping_sent_us_ = loop_.precise_now_us();
  ssh_send_keepalive(core_->session);
}

void Session::ping_if_quiet() {
  if (silent_ms() >= kAwaitedMs) ping();
}

std::uint64_t Session::silent_ms() const {
  const std::uint64_t now = loop_.precise_now_ms();
  return now > last_heard_ms_ ? now - last_heard_ms_ : 0;
}

bool Session::stalled() const {
  const std::uint64_t since = std::max(ping_sent_us_ / 1000, last_heard_ms_);
  return pinging_ && loop_.precise_now_ms() >= since + std::max(kStalledMs, kStalledRoundTrips * shortest_rtt_us_ / 1000);
}

void Session::settle_ping() {
  if (!pinging_ || core_->raw_bytes.in_packets == ping_packets_) return;
  ping_packets_ = core_->raw_bytes.in_packets;
  // Sends nothing: while a global request of whatever name is under way, each call for one only looks for its answer.
  // ssh_send_keepalive() would not tell. (It is no ping itself: asyncssh ends the session over an unknown forward.)
  if (ssh_channel_cancel_forward(core_->session, "127.0.0.1", 1) == SSH_AGAIN) return;
  pinging_ = false;
  note_round_trip(ping_sent_us_);
  if (std::exchange(ping_again_, false)) ping();
}

void Session::note_round_trip(std::uint64_t begun_us) {
  const std::uint64_t rtt_us = loop_.precise_now_us() - begun_us;
  if (shortest_rtt_us_ == 0 || rtt_us < shortest_rtt_us_) shortest_rtt_us_ = rtt_us;
}

// What tells the round trip: openings may have waited for a target. Beside something else that is answered a ping would do
// harm, as its own answer, on the way between two servers, would hold the other back until a delayed acknowledgement. A
// stream that never pauses does not wait for those.
void Session::ping_when_quiet() {
  const std::uint64_t now = loop_.precise_now_ms();
  const bool quiet = now >= last_heard_ms_ + std::max(kQuietMs, 2 * shortest_rtt_us_ / 1000);
  if ((!opening_.empty() || !quiet) && now < ready_at_ms_ + kPingAnywayMs) return first_ping_.start(kQuietMs);
  ping_again_ = true;  // the first wakes up both sides
  ping();
}

void Session::settle_soon() {
  if (std::exchange(settling_soon_, true)) return;
  loop_.follow_up([self = self_] {
    if (*self == nullptr) return;
    Session& session = **self;
    session.settling_soon_ = false;
    if (session.phase_ == Phase::over || session.phase_ == Phase::lent) return;
    const Use use(session);
    session.flush();
  });
}

bool Session::sending_pending() const {
  return (ssh_get_status(core_->session) & SSH_WRITE_PENDING) != 0;
}

// What callers have made libssh queue since the last time leaves in one piece.
void Session::flush() {
  if (core_->event == nullptr) return;
  const TransportOpen open(*core_->transport, {.reading = false, .sending = true});
  while (sending_pending() && core_->transport->writable() && !flush_failed_)
    flush_failed_ = ssh_event_dopoll(core_->event, 0) != SSH_OK;
}

// Runs when the outermost user of the session is done with it: tells what callbacks have noted, and asks the
// loop for what libssh needs next. Users may use the session again meanwhile, so it goes round until nothing
// is left.
void Session::settle() {
  if (phase_ == Phase::over || phase_ == Phase::lent) return;
  ++uses_;
  // Users that are told may close, and so bring more news.
  do settle_channels();
  while (phase_ == Phase::ready && (core_->raw_bytes.in_packets != packets_heard_ || !flagged_.empty()));
  if (!end_if_dead()) {
    ask_for_sending();
    ask_for_reading();
  }
  --uses_;
}

// What the pump has left, or a step of the log-in: others have their turn first.
void Session::ask_for_reading() {
  if (phase_ == Phase::over || phase_ == Phase::lent || !core_->transport->readable()) return;
  if (std::exchange(reading_soon_, true)) return;
  loop_.defer([self = self_] {
    if (*self == nullptr) return;
    (*self)->reading_soon_ = false;
    (*self)->on_transport();
  });
}

void Session::ask_for_sending() {
  if (phase_ == Phase::over || phase_ == Phase::lent) return;
  // Before its first byte libssh has nothing pending, but does not begin before it hears that it can send.
  const bool pending = sending_pending() || phase_ == Phase::handshaking;
  const bool blocked = pending && !core_->transport->writable();
  core_->transport->watch_writable(blocked);
  if (sending_pending() && !blocked && core_->event != nullptr && !flush_failed_) settle_soon();
}

// ssh_is_connected() goes on saying yes after a protocol error.
bool Session::is_dead() const {
  return failed_ || (ssh_get_status(core_->session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

bool Session::end_if_dead() {
  if (phase_ == Phase::over) return true;
  if (!is_dead()) return false;
  const SessionEnd end = phase_ == Phase::handshaking ? SessionEnd::handshake
                         : phase_ == Phase::ready     ? SessionEnd::lost
                                                      : SessionEnd::authentication;
  const std::string text = ssh_get_error(core_->session);
  shut_down();
  observer_.session_ended(end, text);
  return true;
}

void Session::shut_down() {
  if (phase_ == Phase::over) return;
  const bool lent = phase_ == Phase::lent;
  phase_ = Phase::over;
  nudge_.stop();
  first_ping_.stop();
  lose_channels();
  // A worker that drives it tears it down when it lets go.
  if (!lent) core_->end();
  core_->transport->leave();
  // Its transport may be what has called us.
  loop_.defer([core = std::move(core_)] {});
}

}  // namespace tunneld::ssh
