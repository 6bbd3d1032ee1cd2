#include "cli/profile_view.h"

#include <algorithm>
#include <array>

#include <tunneld/error.h>

#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

using control::get_integer;
using control::get_string;
using control::Json;

constexpr std::array<std::string_view, 10> kProfileKeys = {
    "name",     "state",      "file",          "since",      "hops",
    "forwards", "last_error", "next_retry_ms", "reconnects", "fixed_window_bytes"};
constexpr std::array<std::string_view, 8> kHopKeys = {"name",    "host",  "address", "state",
                                                      "session", "lanes", "rtt_ms",  "shared_by"};
constexpr std::array<std::string_view, 10> kForwardKeys = {
    "name", "type", "listen", "connect", "state", "connections", "held", "total", "bytes_in", "bytes_out"};
constexpr std::array<std::string_view, 4> kErrorKeys = {"code", "hop", "message", "at"};

template <std::size_t N>
void complete(Json& object, const std::array<std::string_view, N>& keys) {
  if (!object.is_object()) return;
  for (const std::string_view key : keys)
    if (!object.contains(key)) object[std::string(key)] = nullptr;
}

template <std::size_t N>
void complete_each(Json& object, std::string_view list, const std::array<std::string_view, N>& keys) {
  if (const auto it = object.find(list); it != object.end() && it->is_array())
    for (Json& element : *it) complete(element, keys);
}

std::vector<Json> elements(const Json& object, std::string_view key) {
  const Json* list = control::find(object, key);
  return list && list->is_array() ? std::vector<Json>(list->begin(), list->end()) : std::vector<Json>{};
}

std::string shown(const Json& object, std::string_view key, const std::string& otherwise = "-") {
  const std::string text = sanitize(get_string(object, key));
  return text.empty() ? otherwise : text;
}

std::string number(const Json& object, std::string_view key) {
  const auto value = get_integer(object, key);
  return value ? std::to_string(*value) : "-";
}

std::string since_text(const Json& object, std::string_view key, WallTime now) {
  const auto time = parse_time(get_string(object, key));
  return time ? duration_text(now - *time) : "-";
}

// It is up without a session: on demand, or unused for idle_timeout.
bool is_idle(const Json& item) {
  const std::string state = get_string(item, "state");
  const std::vector<Json> hops = elements(item, "hops");
  return (state == "up" || state == "degraded") && !hops.empty() && get_string(hops.front(), "state") == "idle";
}

std::string state_text(const std::string& state, bool color) {
  if (state == "up" || state == "ready" || state == "listening") return colored(state, Color::green, color);
  if (state == "needs_action" || state == "lost") return colored(state, Color::red, color);
  return colored(state, Color::yellow, color);
}

// "E-HOP-UNREACHABLE at edge: message, 3 min ago"; empty when there is none.
std::string last_error_text(const Json& item, WallTime now, bool color) {
  const Json* error = control::find(item, "last_error");
  if (!error || !error->is_object()) return "";
  const std::string hop = shown(*error, "hop", "");
  std::string text = colored(shown(*error, "code"), Color::red, color) + (hop.empty() ? "" : " at " + hop) +
                     ": " + shown(*error, "message", "");
  if (parse_time(get_string(*error, "at"))) text += ", " + since_text(*error, "at", now) + " ago";
  return text;
}

std::string remedy_text(const Json& error) {
  std::string text;
  for (const auto& [key, label] : {std::pair{"forward", "forward"}, {"cause", "cause"}, {"fix", "fix"}})
    if (const std::string value = shown(error, key, ""); !value.empty())
      text += "              " + std::string(label) + ": " + value + "\n";
  return text;
}

std::string retry_text(const Json& item) {
  const auto next = get_integer(item, "next_retry_ms");
  return next ? "retry in " + duration_text(Milliseconds(*next)) : "";
}

// What gets it going again.
std::string next_text(const Json& item) {
  if (get_string(item, "state") != "needs_action") return retry_text(item);
  const Json* error = control::find(item, "last_error");
  const auto code = error != nullptr ? error_code_named(get_string(*error, "code")) : std::nullopt;
  const bool is_login = code && error_info(*code).exit_code == ExitCode::auth_failed;
  return "tunneld up " + shown(item, "name") + (is_login ? "; or a client, when keys or ssh-agent have changed" : "");
}

std::string hop_details(const Json& hop) {
  std::vector<std::string> parts;
  if (const auto session = get_integer(hop, "session"))
    parts.push_back("session " + std::to_string(*session));
  if (const auto silent = get_integer(hop, "silent_ms"))
    parts.push_back("no answer for " + duration_text(Milliseconds(*silent / 1000 * 1000)));
  if (const auto lanes = get_integer(hop, "lanes"); lanes.value_or(0) > 1)
    parts.push_back(count_text(*lanes, "lane"));
  if (const Json* rtt = control::find(hop, "rtt_ms"); rtt && rtt->is_number())
    parts.push_back("rtt " + rtt->dump() + " ms");
  if (const auto shared = control::get_strings(hop, "shared_by"); !shared.empty())
    parts.push_back("shared with " + sanitize(join(shared, ", ")));
  return join(parts, ", ");
}

std::string forward_details(const Json& forward) {
  const auto count = [&](std::string_view key) { return get_integer(forward, key).value_or(0); };
  std::vector<std::string> parts = {count_text(count("connections"), "client")};
  if (count("held") > 0) parts.push_back(std::to_string(count("held")) + " held");
  parts.push_back(std::to_string(count("total")) + " so far");
  parts.push_back(bytes_text(count("bytes_in")) + " in");
  parts.push_back(bytes_text(count("bytes_out")) + " out");
  return join(parts, ", ");
}

std::string indented(const std::string& text, const std::string& indent) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    result += indent + text.substr(at, end - at + 1);
    at = end + 1;
  }
  return result;
}

std::string hops_text(const Json& item) {
  std::vector<std::vector<std::string>> rows;
  int index = 0;
  for (const Json& hop : elements(item, "hops")) {
    const std::string name = shown(hop, "name");
    const std::string host = shown(hop, "host", "");
    rows.push_back({std::to_string(++index), host.empty() || host == name ? name : name + " (" + host + ")",
                    shown(hop, "address"), shown(hop, "state"), hop_details(hop)});
  }
  return rows.empty() ? "" : "  hops\n" + indented(table_text(rows), "    ");
}

std::string forwards_text(const Json& item) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& forward : elements(item, "forwards"))
    rows.push_back({shown(forward, "name"), shown(forward, "listen") + " -> " + shown(forward, "connect"),
                    shown(forward, "state"), forward_details(forward)});
  return rows.empty() ? "" : "  forwards\n" + indented(table_text(rows), "    ");
}

void add_ps_rows(std::vector<std::vector<std::string>>& rows, const Json& item, WallTime now) {
  std::vector<Json> forwards = elements(item, "forwards");
  if (forwards.empty()) forwards.push_back(Json::object());
  bool first = true;
  for (const Json& forward : forwards) {
    rows.push_back({first ? shown(item, "name") : "", first ? shown(item, "state") + (is_idle(item) ? ", idle" : "") : "",
                    shown(forward, "listen"), shown(forward, "connect"), number(forward, "connections"),
                    first ? since_text(item, "since", now) : ""});
    first = false;
  }
}

}  // namespace

Json profiles_json(const Json& daemon, const std::vector<Json>& items) {
  Json profiles = Json::array();
  for (Json item : items) {
    complete(item, kProfileKeys);
    complete_each(item, "hops", kHopKeys);
    complete_each(item, "forwards", kForwardKeys);
    complete(item["last_error"], kErrorKeys);
    profiles.push_back(std::move(item));
  }
  return {{"schema", 1}, {"daemon", daemon}, {"profiles", std::move(profiles)}};
}

std::string ps_text(const std::vector<Json>& items, WallTime now, bool color) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "STATE", "LISTEN", "TARGET", "CLIENTS", "UPTIME"}};
  for (const Json& item : items) {
    add_ps_rows(rows, item, now);
    if (get_string(item, "state") == "up") continue;
    const std::string error = last_error_text(item, now, color);
    const std::string retry = retry_text(item);
    if (!error.empty() || !retry.empty())
      rows.push_back({"  " + error + (error.empty() || retry.empty() ? "" : "; ") + retry});
  }
  return table_text(rows);
}

std::string status_text(const Json& item, WallTime now, const std::string& home, bool color) {
  const std::string since = since_text(item, "since", now);
  std::string text = shown(item, "name") + "  " + state_text(shown(item, "state"), color) +
                     (since == "-" ? "" : " for " + since) + (is_idle(item) ? ", idle: the next client has it connected" : "") + "\n";
  text += "  file        " + sanitize(short_path(get_string(item, "file"), "", home)) + "\n";
  text += hops_text(item) + forwards_text(item);
  if (const std::string error = last_error_text(item, now, color); !error.empty())
    text += "  last error  " + error + "\n" + remedy_text(*control::find(item, "last_error"));
  if (const std::string next = next_text(item); !next.empty()) text += "  next        " + next + "\n";
  text += "  reconnects  " + number(item, "reconnects") + "\n";
  if (const auto window = get_integer(item, "fixed_window_bytes"))
    text += "  window      fixed by libssh: downloads get no further than " + bytes_text(*window) + " in a round trip\n";
  return text;
}

}  // namespace tunneld::cli
