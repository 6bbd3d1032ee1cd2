#include "forward/local_forward.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ssh/errors.h"

namespace tunneld::forward {

LocalForward::LocalForward(loop::Loop& loop, const Forward& forward, const Host& target_host, std::uint64_t hold_ms,
                           ForwardObserver& observer)
    : loop_(loop), forward_(forward), target_host_(target_host), hold_ms_(hold_ms), observer_(observer) {}

LocalForward::~LocalForward() { reset_clients(); }

Result<void> LocalForward::listen() {
  if (listener_) return {};
  Endpoint endpoint = forward_.listen;
  const bool chosen = endpoint.port == 0 && port_ != 0;
  if (chosen) endpoint.port = port_;
  const auto open = [&] {
    return Listener::open(
        loop_, endpoint, [this](Accepted accepted) { accept(std::move(accepted)); }, [this] { descriptors_are_short(); });
  };
  Result<std::unique_ptr<Listener>> listener = open();
  if (!listener && chosen && listener.error().code == ErrorCode::port_in_use) {
    endpoint.port = 0;
    listener = open();
  }
  if (!listener) {
    Error error = listener.error();
    error.where.forward = forward_.name;
    error.where.position = to_string(forward_.position);
    if (error.code == ErrorCode::port_in_use && endpoint.kind == Endpoint::Kind::tcp)
      error.fix += " (for once: --port " + forward_.name + "=N)";
    return fail(std::move(error));
  }
  listener_ = std::move(*listener);
  port_ = listener_->endpoint().port;
  return {};
}

void LocalForward::accept(Accepted accepted) {
  if (!observer_.forward_admits(*this, accepted)) return close_with_reset(accepted.fd);
  ++ended_.total;
  auto made = std::make_unique<Client>(loop_, std::move(accepted), static_cast<ClientOwner&>(*this));
  Client& client = *made;
  clients_.emplace(&client, std::move(made));
  observer_.forward_client_began(*this);
  if (const ssh::VisitedSession served_by = observer_.forward_session())
    return client.serve(*served_by.session, forward_.connect);
  client.hold(hold_ms_);
  observer_.forward_holds(*this);
}

void LocalForward::descriptors_are_short() {
  Error error{ErrorCode::out_of_descriptors, "further clients of " + to_string(listen_endpoint()) + " have to wait", {},
              "the daemon has as many files and sockets open as it may, but for some that it needs itself",
              "close some connections, or raise the hard limit (ulimit -Hn) and start the daemon anew"};
  error.where.forward = forward_.name;
  observer_.forward_error(*this, std::move(error));
}

void LocalForward::serve_held() {
  std::vector<Client*> waiting;
  for (const auto& [key, client] : clients_)
    if (client->held()) waiting.push_back(client.get());
  for (Client* client : waiting) {
    const ssh::VisitedSession served_by = observer_.forward_session();
    if (!served_by) return;
    if (client->held()) client->serve(*served_by.session, forward_.connect);
  }
}

void LocalForward::end_service() {
  std::vector<Client*> served;
  for (const auto& [key, client] : clients_)
    if (!client->held() && !client->needs_no_session()) served.push_back(client.get());
  for (Client* client : served) {
    if (!clients_.contains(client) || client->leave_session()) continue;
    client->reset();
    client_ended(*client);
  }
}

bool LocalForward::waits_in(const ssh::Session& session) const {
  return std::any_of(clients_.begin(), clients_.end(), [&session](const auto& each) { return each.second->waits_in(session); });
}

void LocalForward::leave_session(const ssh::Session& session) {
  std::vector<Client*> waiting;
  for (const auto& [key, client] : clients_)
    if (client->waits_in(session)) waiting.push_back(client.get());
  for (Client* client : waiting)
    if (clients_.contains(client)) client->move();
}

void LocalForward::reset_clients() {
  while (!clients_.empty()) {
    Client& client = *clients_.begin()->second;
    client.reset();
    client_ended(client);
  }
}

void LocalForward::client_unserved(Client& client) {
  client.hold(hold_ms_);
  observer_.forward_holds(*this);
}

void LocalForward::client_held_too_long(Client&) {
  Error error{ErrorCode::hold_expired, "a client of " + to_string(listen_endpoint()) + " was reset", {},
              "it waited " + std::to_string(hold_ms_) + " ms for the chain (hold_timeout)",
              "mend the chain (see last errors before this one), or raise hold_timeout"};
  error.where.forward = forward_.name;
  observer_.forward_error(*this, std::move(error));
}

void LocalForward::client_refused(Client&, std::uint32_t reason, const std::string& text) {
  Error error = ssh::target_error(target_host_, forward_.connect, reason, text);
  error.where.hop = target_host_.name;
  error.where.forward = forward_.name;
  error.where.position = to_string(forward_.position);
  observer_.forward_error(*this, std::move(error));
}

void LocalForward::client_ended(Client& client) {
  const auto found = clients_.find(&client);
  if (found == clients_.end()) return;
  std::unique_ptr<Client> ended = std::move(found->second);
  clients_.erase(found);
  ended_.bytes_in += ended->bytes_in();
  ended_.bytes_out += ended->bytes_out();
  observer_.forward_client_ended(*this);
  loop_.retire(std::move(ended));
}

std::size_t LocalForward::held() const {
  return static_cast<std::size_t>(
      std::count_if(clients_.begin(), clients_.end(), [](const auto& each) { return each.second->held(); }));
}

ForwardCounters LocalForward::counters() const {
  ForwardCounters counters = ended_;
  for (const auto& [key, client] : clients_) {
    counters.bytes_in += client->bytes_in();
    counters.bytes_out += client->bytes_out();
  }
  return counters;
}

}  // namespace tunneld::forward
