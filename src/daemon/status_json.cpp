#include "daemon/status_json.h"

#include <array>
#include <cmath>
#include <ctime>
#include <optional>

#include "core/control/message.h"
#include "ssh/library.h"

namespace tunneld::daemon {
namespace {

using control::Json;

// A frame is bounded, and a person reads no more.
constexpr std::size_t kMaxSharers = 50;

std::string utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  std::array<char, 32> text;
  ::gmtime_r(&seconds, &parts);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Json hop_json(const Host& host, const ssh::SharedHop* shared, const std::string& profile) {
  Json json = {{"name", host.name},       {"host", host.host},   {"address", nullptr}, {"state", "idle"},
               {"session", nullptr},      {"lanes", 0},          {"rtt_ms", nullptr},
               {"silent_ms", nullptr},    {"shared_by", Json::array()}};
  if (shared == nullptr) return json;
  const ssh::Hop* hop = &shared->hop();
  json["state"] = to_string(hop->state());
  if (!hop->address().empty()) json["address"] = hop->address();
  if (hop->session_number() != 0) json["session"] = hop->session_number();
  if (const std::uint64_t rtt_us = hop->shortest_rtt_us(); rtt_us > 0)
    json["rtt_ms"] = std::round(static_cast<double>(rtt_us) / 10) / 100;
  if (const ssh::Session* session = hop->session(); session != nullptr && session->stalled())
    json["silent_ms"] = session->silent_ms();
  std::vector<std::string> sharers = shared->user_names();
  std::erase(sharers, profile);
  if (sharers.size() > kMaxSharers) sharers.resize(kMaxSharers);
  json["shared_by"] = std::move(sharers);
  return json;
}

Json forward_json(const forward::LocalForward& forward) {
  const forward::ForwardCounters counters = forward.counters();
  return {{"name", forward.forward().name},
          {"type", "local"},
          {"app", forward.forward().app},
          {"listen", to_string(forward.listen_endpoint())},
          {"connect", to_string(forward.forward().connect)},
          {"state", forward.listening() ? "listening" : "not_listening"},
          {"connections", forward.connections()},
          {"held", forward.held()},
          {"total", counters.total},
          {"bytes_in", counters.bytes_in},
          {"bytes_out", counters.bytes_out}};
}

Json error_json(const RecordedError& recorded) {
  Json json = control::to_json(recorded.error);
  json["hop"] = recorded.error.where.hop;
  json["at"] = utc(recorded.at);
  return json;
}

}  // namespace

Json to_json(const Tunnel& tunnel) {
  const Profile& profile = tunnel.profile();
  Json hops = Json::array();
  const ssh::Chain* chain = tunnel.chain();
  std::optional<loop::Visit> visit;
  if (chain != nullptr) visit = chain->visit();
  for (std::size_t i = 0; i < profile.hops.size(); ++i) {
    Json hop = hop_json(profile.hops[i], chain != nullptr ? chain->hop(i) : nullptr, profile.name);
    hop["lanes"] = tunnel.sessions_to(i);
    hops.push_back(std::move(hop));
  }
  Json forwards = Json::array();
  for (const auto& forward : tunnel.forwards()) forwards.push_back(forward_json(*forward));
  return {{"name", profile.name},
          {"description", profile.description},
          {"state", to_string(tunnel.state())},
          {"file", profile.position.file},
          {"since", utc(tunnel.since())},
          {"hops", std::move(hops)},
          {"forwards", std::move(forwards)},
          {"last_error", tunnel.last_error() ? error_json(*tunnel.last_error()) : Json(nullptr)},
          {"next_retry_ms", tunnel.next_retry_ms() ? Json(*tunnel.next_retry_ms()) : Json(nullptr)},
          {"reconnects", tunnel.reconnects()},
          {"fixed_window_bytes", ssh::fixed_window() ? Json(*ssh::fixed_window()) : Json(nullptr)}};
}

}  // namespace tunneld::daemon
