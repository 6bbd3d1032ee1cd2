#include "forward/client.h"

#include <poll.h>

#include <utility>

#include "ssh/session.h"

namespace tunneld::forward {

Client::Client(loop::Loop& loop, Accepted accepted, ClientOwner& owner)
    : loop_(loop),
      owner_(owner),
      accepted_(std::move(accepted)),
      fd_(accepted_.fd.get()),
      hold_(loop, [this] {
        close_held(true);
        owner_.client_held_too_long(*this);
        end();
      }) {}

Client::~Client() { reset(); }

void Client::hold(std::uint64_t hold_ms) {
  poller_ = std::make_unique<loop::Poller>(loop_, fd_, [this](unsigned) { on_held_error(); });
  poller_->watch(loop::Poller::kError);
  hold_.start(hold_ms);
}

// It gave up waiting. Data, and even its end of stream, are left for the relay.
void Client::on_held_error() {
  pollfd state{fd_, 0, 0};
  ::poll(&state, 1, 0);
  if ((state.revents & POLLERR) == 0) return;
  close_held(false);
  end();
}

void Client::serve(ssh::Session& session, const Endpoint& target) {
  hold_.stop();
  if (poller_) {
    poller_->close();
    loop_.retire(std::move(poller_));
  }
  state_ = State::relayed;
  relay_ = std::make_unique<ssh::Relay>(session.loop(), loop_, std::move(accepted_.fd), static_cast<ssh::RelayOwner&>(*this));
  if (relay_->open(session, target, accepted_.peer_host == "unix" ? "127.0.0.1" : accepted_.peer_host, accepted_.peer_port))
    return;
  relay_->abort(true);
  end();
}

void Client::reset() {
  if (state_ == State::over) return;
  state_ = State::over;
  hold_.stop();
  if (relay_)
    relay_->abort(true);
  else
    close_held(true);
}

void Client::close_held(bool reset) {
  if (poller_) poller_->close();
  if (!accepted_.fd) return;
  if (reset) return close_with_reset(accepted_.fd);
  accepted_.fd.reset();
}

bool Client::leave_session() {
  if (!relay_) return false;
  UniqueFd local = relay_->take_back();
  if (!local) return false;
  relay_unserved(std::move(local));
  return true;
}

void Client::relay_unserved(UniqueFd local) {
  accepted_.fd = std::move(local);
  loop_.retire(std::move(relay_));
  state_ = State::held;
  owner_.client_unserved(*this);
}

void Client::relay_refused(std::uint32_t reason, const std::string& text) {
  owner_.client_refused(*this, reason, text);
  end();
}

void Client::relay_over() { end(); }

void Client::end() {
  if (state_ == State::over) return;
  state_ = State::over;
  hold_.stop();
  owner_.client_ended(*this);
}

std::string Client::peer() const {
  return accepted_.peer_host == "unix" ? "unix" : host_and_port(accepted_.peer_host, accepted_.peer_port);
}

}  // namespace tunneld::forward
