#include "core/relay_state.h"

namespace tunneld {
namespace {

using E = RelayEvent;
using A = RelayAction;
using H = HalfState;

RelayStep ignored(const RelayState& state) { return {Legality::ignored, state, {}, "nothing to do"}; }

RelayStep over(RelayState state, std::initializer_list<A> actions, const char* reason) {
  state.over = true;
  return {Legality::legal, state, actions, reason};
}

// Both directions have ended, or the channel is closed and has brought everything: nothing can come any more.
bool complete(const RelayState& state) {
  return state.download == H::ended && (state.upload == H::ended || state.remote_closed);
}

// The step that ends a direction; it ends the whole when it was the last.
RelayStep after_half(const RelayState& state, A action, const char* reason) {
  RelayStep result{Legality::legal, state, {action}, reason};
  if (complete(state)) {
    result.next.over = true;
    result.actions.push_back(A::close_channel);
    result.actions.push_back(A::close_local);
  }
  return result;
}

RelayStep end_upload(RelayState state) {
  state.upload = H::ended;
  // A closed channel takes no EOF.
  if (state.remote_closed) return {Legality::legal, state, {}, "client ended after the server closed"};
  return after_half(state, A::send_eof, "client has sent everything");
}

RelayStep end_download(RelayState state) {
  state.download = H::ended;
  return after_half(state, A::shutdown_local, "server has sent everything");
}

RelayStep local_eof(RelayState state, const RelayContext& context) {
  if (state.upload != H::open) return ignored(state);
  if (!context.upload_pending) return end_upload(state);
  state.upload = H::ending;
  return {Legality::legal, state, {}, "client ended, bytes wait"};
}

RelayStep remote_eof(RelayState state, const RelayContext& context) {
  if (state.download != H::open) return ignored(state);
  if (!context.download_pending) return end_download(state);
  state.download = H::ending;
  return {Legality::legal, state, {}, "server ended, bytes wait"};
}

RelayStep remote_close(RelayState state) {
  if (state.remote_closed) return ignored(state);
  // Without an EOF before it nobody can say that the stream is whole.
  if (state.download == H::open) return over(state, {A::close_channel, A::reset_local}, "channel closed without EOF");
  state.remote_closed = true;
  if (complete(state)) return over(state, {A::close_channel, A::close_local}, "channel closed");
  return {Legality::legal, state, {}, "channel closed, bytes wait"};
}

}  // namespace

RelayStep step(const RelayState& state, const RelayContext& context, RelayEvent event) {
  if (state.over) return ignored(state);
  switch (event) {
    case E::local_eof: return local_eof(state, context);
    case E::local_reset: return over(state, {A::close_channel, A::close_local}, "client reset");
    case E::upload_flushed: return state.upload == H::ending ? end_upload(state) : ignored(state);
    case E::remote_eof: return remote_eof(state, context);
    case E::remote_close: return remote_close(state);
    case E::download_flushed: return state.download == H::ending ? end_download(state) : ignored(state);
    case E::session_lost: return over(state, {A::reset_local}, "session lost");
  }
  return ignored(state);
}

}  // namespace tunneld
