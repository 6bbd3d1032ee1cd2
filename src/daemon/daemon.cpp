#include "daemon/daemon.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "daemon/down_request.h"
#include "daemon/status_json.h"
#include "daemon/up_request.h"
#include "ssh/library.h"
#include "trust/crypto_version.h"

namespace tunneld::daemon {

using control::Json;
using Kind = control::Reply::Kind;

Daemon::Daemon(const DaemonOptions& options, UniqueFd control_listener, std::optional<trust::PeerOwner> peers,
               std::function<void()> let_go)
    : let_go_(std::move(let_go)),
      log_(options.paths.log, options.log_to_stderr),
      keys_(trust::usual_host_key_files(options.paths.known_hosts, options.paths.home)),
      gatekeeper_(std::move(peers)) {
  hops_ = std::make_unique<ssh::HopGraphs>(
      loop_, keys_, [files = trust::usual_host_key_files(options.paths.known_hosts, options.paths.home)] {
        return std::make_unique<trust::HostKeys>(files);
      },
      [this](const std::string& text) { log_.info("", text); });
  tunnels_ = std::make_unique<TunnelSet>(TunnelServices{loop_, *hops_, gatekeeper_, log_});
  server_ = std::make_unique<ControlServer>(
      loop_, log_, std::move(control_listener),
      [this](const control::Request& request, std::uint64_t client, Replies& replies) {
        return dispatch(request, client, replies);
      },
      [this](std::uint64_t client) {
        if (tunnels_) tunnels_->end_leases(client);
      });
  for (const int number : {SIGTERM, SIGINT})
    signals_.push_back(std::make_unique<loop::SignalWatch>(loop_, number, [this] { stop(); }));
  sleeps_ = std::make_unique<loop::SuspendWatch>(loop_, [this] {
    log_.info("", "the machine has slept: sessions are asked whether they still stand");
    hops_->probe_all();
  });
  log_.info("", std::string("tunneld " TUNNELD_VERSION " started, pid ") + std::to_string(::getpid()) + ", " +
                    ssh::library_version() + ", " + trust::crypto_version());
  if (const auto window = ssh::fixed_window())
    log_.info("", "this libssh fixes receive windows at " + std::to_string(*window) +
                      " bytes: a download gets no further in a round trip");
  for (const std::string& problem : keys_.problems()) log_.warn("", problem);
}

void Daemon::run() {
  loop_.run();
  log_.info("", "tunneld ended");
}

void Daemon::stop() {
  // From the loop, when no request or signal is on the stack any more; what is gone then leaves the loop empty.
  loop_.defer([this] {
    if (!server_) return;  // asked to stop twice
    server_.reset();
    tunnels_.reset();
    hops_->close();
    signals_.clear();
    sleeps_.reset();
    let_go_();
  });
}

std::unique_ptr<Request> Daemon::dispatch(const control::Request& request, std::uint64_t client, Replies& replies) {
  if (request.verb == "up" || request.verb == "restart") {
    if (!ending_.expired()) {
      replies.send(Kind::error, control::to_json(Error{ErrorCode::daemon_unreachable, "the daemon is shutting down", {},
                                                       "tunneld shutdown lets clients end, and then ends it",
                                                       "try again when it has ended; tunneld shutdown ends it now"}));
      return nullptr;
    }
    auto made = std::make_unique<UpRequest>(*tunnels_, loop_, request, client, replies);
    made->start();
    return made;
  }
  if (request.verb == "down" || request.verb == "shutdown") {
    std::function<void()> when_done;
    if (request.verb == "shutdown") {
      std::shared_ptr<void> ending = ending_.lock();  // each that waits will end the daemon
      if (!ending) ending = std::make_shared<bool>();
      ending_ = ending;
      when_done = [this, ending] { stop(); };
    }
    auto made = std::make_unique<DownRequest>(*tunnels_, gatekeeper_, request, replies, std::move(when_done));
    made->start();
    return made;
  }
  report(request, replies);
  return nullptr;
}

void Daemon::report(const control::Request& request, Replies& replies) {
  const Json daemon = {{"daemon", {{"pid", ::getpid()}, {"version", TUNNELD_VERSION}}}};
  if (request.verb == "ps") {
    for (const Tunnel* tunnel : tunnels_->all()) replies.send(Kind::item, to_json(*tunnel));
    return replies.send(Kind::result, daemon);
  }
  if (request.verb == "status") {
    const std::string name = control::get_string(request.args, "name");
    const Tunnel* tunnel = tunnels_->find(name);
    if (tunnel == nullptr) {
      Error error{ErrorCode::not_up, name + " is not up", {}, "", "tunneld up " + name};
      error.where.profile = name;
      return replies.send(Kind::error, control::to_json(error));
    }
    replies.send(Kind::item, to_json(*tunnel));
    return replies.send(Kind::result, daemon);
  }
  replies.send(Kind::error, control::to_json(Error{ErrorCode::daemon_protocol,
                                                   "the daemon does not know the request '" + request.verb + "'", {},
                                                   "it is older than this command",
                                                   "end it with tunneld shutdown; the next up starts the new one"}));
}

}  // namespace tunneld::daemon
