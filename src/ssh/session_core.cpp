#include "ssh/session_core.h"

#include <libssh/callbacks.h>
#include <libssh/server.h>

#include <algorithm>
#include <string_view>

#include "ssh/memory_transport.h"

namespace tunneld::ssh {
namespace {

// AEAD and CTR-with-ETM only; AES first, since it is done in hardware where this tool runs.
constexpr const char* kCiphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr";
constexpr const char* kMacs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com";
constexpr const char* kKeyExchanges = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256";
constexpr const char* kHostKeyTypes[] = {"ssh-ed25519",         "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                         "ecdsa-sha2-nistp521", "rsa-sha2-512",        "rsa-sha2-256"};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// Key types to signature algorithms, the known ones first: a server with several keys then shows the one that can be
// checked.
std::string host_key_algorithms(const std::vector<std::string>& known_types) {
  std::vector<std::string> order;
  const auto add = [&order](std::string_view name) {
    if (std::find(order.begin(), order.end(), name) == order.end()) order.emplace_back(name);
  };
  for (const std::string& type : known_types) {
    for (const std::string_view ours : kHostKeyTypes)
      if (ours == type || (type == "ssh-rsa" && ours.starts_with("rsa-"))) add(ours);
  }
  for (const std::string_view ours : kHostKeyTypes) add(ours);
  return join(order);
}

// Every channel that a server opens unasked is refused; without this they would queue without a bound.
int refuse_message(ssh_session, ssh_message, void*) { return 1; }

Error setup_error(ssh_session session, const char* what) {
  return {ErrorCode::no_common_algorithm, std::string("libssh does not accept ") + what + " of this host", {},
          session != nullptr ? ssh_get_error(session) : "out of memory", "check ciphers and user of this host"};
}

}  // namespace

SessionCore::~SessionCore() {
  end();
}

void SessionCore::end() {
  if (session == nullptr) return;
  const TransportOpen open(*transport, {.reading = false, .sending = true});
  if (event != nullptr) {
    // The first sends what waits, the second makes libssh send DISCONNECT at once instead of keeping it.
    for (int call = 0; call < 2; ++call) ssh_event_dopoll(event, 0);
    // The event must let go first: libssh forgets its poll handle when it disconnects, the event would not.
    ssh_event_remove_session(event, session);
    ssh_event_free(event);
  }
  ssh_disconnect(session);
  ssh_free(session);
  session = nullptr;
}

Result<std::shared_ptr<SessionCore>> make_core(std::unique_ptr<Transport> transport,
                                               const SessionOptions& options) {
  auto core = std::make_shared<SessionCore>();
  core->transport = std::move(transport);
  core->session = ssh_new();
  ssh_session session = core->session;
  if (session == nullptr) return fail(setup_error(nullptr, "a session"));
  ssh_set_blocking(session, 0);

  const bool process_config = false;
  const std::string key_types = host_key_algorithms(options.known_key_types);
  const std::string ciphers = options.ciphers.empty() ? kCiphers : join(options.ciphers);
  // libssh wants a host name, of a syntax narrower than the world's (no '_'), but never uses it here.
  const struct {
    ssh_options_e option;
    const void* value;
    const char* what;
  } settings[] = {
      {SSH_OPTIONS_PROCESS_CONFIG, &process_config, "its settings"},
      {SSH_OPTIONS_HOST, "hop", "a host name"},
      {SSH_OPTIONS_USER, options.user.c_str(), "the user name"},
      {SSH_OPTIONS_KNOWNHOSTS, "/dev/null", "its settings"},
      {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null", "its settings"},
      {SSH_OPTIONS_KEY_EXCHANGE, kKeyExchanges, "the key exchanges"},
      {SSH_OPTIONS_HOSTKEYS, key_types.c_str(), "the host key types"},
      {SSH_OPTIONS_CIPHERS_C_S, ciphers.c_str(), "the ciphers"},
      {SSH_OPTIONS_CIPHERS_S_C, ciphers.c_str(), "the ciphers"},
      {SSH_OPTIONS_HMAC_C_S, kMacs, "the MACs"},
      {SSH_OPTIONS_HMAC_S_C, kMacs, "the MACs"},
  };
  for (const auto& setting : settings)
    if (ssh_options_set(session, setting.option, setting.value) != SSH_OK) return fail(setup_error(session, setting.what));

  const int descriptor = core->transport->descriptor();
  if (descriptor < 0)
    return fail({ErrorCode::out_of_descriptors,
                 "no descriptor is left for an SSH session",
                 {},
                 "",
                 "raise ulimit -n"});
  ssh_options_set(session, SSH_OPTIONS_FD, &descriptor);
  ssh_set_counters(session, &core->socket_bytes, &core->raw_bytes);
  ssh_set_message_callback(session, refuse_message, nullptr);
  return core;
}

bool libssh_uses_transports() {
  auto probe = std::make_unique<MemoryTransport>();
  probe->input = "SSH-2.0-probe\r\n";
  const MemoryTransport& seen = *probe;
  SessionOptions options;
  options.user = "probe";
  const Result<std::shared_ptr<SessionCore>> core = make_core(std::move(probe), options);
  if (!core) return false;
  const TransportOpen open(*(*core)->transport, {.reading = true, .sending = true});
  do ssh_connect((*core)->session);
  while ((*core)->transport->take_progress());
  return seen.output.starts_with("SSH-2.0-") && seen.input.empty();
}

std::size_t SendLedger::backlog(const SessionCore& core) {
  const std::uint64_t raw = core.raw_bytes.out_bytes;
  const std::uint64_t raw_since = raw - raw_base_;
  const std::uint64_t queued = given_ > raw_since ? given_ - raw_since : 0;
  if (queued == 0) {
    given_ = 0;
    raw_base_ = raw;
  }
  if ((ssh_get_status(core.session) & SSH_WRITE_PENDING) == 0) {
    socket_raw_base_ = raw;
    socket_packet_base_ = core.raw_bytes.out_packets;
    socket_base_ = core.socket_bytes.out_bytes;
    return queued;
  }
  // Header, padding and tag of a packet (with hmac-sha2-512-etm; 40 with AES-GCM), estimated high: the error is put right
  // whenever the buffer runs empty, and an estimate on the low side would let it grow without a bound.
  constexpr std::uint64_t kPacketOverhead = 88;
  const std::uint64_t made =
      raw - socket_raw_base_ + kPacketOverhead * (core.raw_bytes.out_packets - socket_packet_base_);
  const std::uint64_t sent = core.socket_bytes.out_bytes - socket_base_;
  return queued + (made > sent ? made - sent : 0);
}

}  // namespace tunneld::ssh
