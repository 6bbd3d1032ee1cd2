#include "cli/progress.h"

#include <algorithm>

#include "cli/forwards.h"
#include "cli/text.h"
#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

using control::get_string;

constexpr std::string_view kQuietStep = "handshaking";

std::string clean(const control::Json& event, std::string_view key) {
  return sanitize(get_string(event, key));
}

std::string listening_line(const control::Json& event) {
  return "Listening on " + clean(event, "listen") + " -> " + clean(event, "connect") + " (" +
         clean(event, "forward") + ")";
}

}  // namespace

std::vector<std::string> Progress::on_event(const control::Json& event, Time now) {
  const std::string kind = get_string(event, "kind");
  const std::string profile = clean(event, "profile");
  if (kind == "step") return on_step(event, now);
  if (kind == "listening") return {prefix(profile) + listening_line(event)};
  if (kind == "profile_failed") return drop_steps_of(profile);
  if (kind == "profile_up") {
    std::vector<std::string> lines = drop_steps_of(profile);
    lines.push_back(sanitize(up_line(profile, open_forwards(event), control::get_bool(event, "already"),
                                     control::get_bool(event, "idle"))));
    return lines;
  }
  return {};
}

std::vector<std::string> Progress::on_step(const control::Json& event, Time now) {
  const Step step{.profile = clean(event, "profile"),
                  .hop_number = control::get_integer(event, "hop_number").value_or(0),
                  .kind = get_string(event, "step"),
                  .text = clean(event, "text"),
                  .started = now};
  const auto same = [&](const Step& other) {
    return other.profile == step.profile && other.hop_number == step.hop_number && other.kind == step.kind;
  };
  const auto known = std::find_if(running_.begin(), running_.end(), same);
  const std::string state = clean(event, "state");
  if (state == "started") {
    if (known != running_.end()) {
      known->text = step.text;
      return {};
    }
    // A profile takes one step at a time: what it was at before has been given up, for another dial.
    std::erase_if(running_, [&step](const Step& other) { return other.profile == step.profile; });
    running_.push_back(step);
    return {};
  }
  if (known != running_.end()) running_.erase(known);
  const bool ok = state == "ok";
  if (ok && step.kind == kQuietStep) return {};
  const std::string detail = clean(event, "detail");
  return {prefix(step.profile) + step.text + "... " + colored(state, ok ? Color::green : Color::red, color_) +
          (detail.empty() ? "" : "  " + colored(detail, Color::dim, color_))};
}

std::vector<std::string> Progress::drop_steps_of(const std::string& profile) {
  std::vector<std::string> lines;
  for (const Step& step : running_)
    if (step.profile == profile && step.kind != kQuietStep)
      lines.push_back(prefix(profile) + step.text + "... " + colored("not finished", Color::yellow, color_));
  std::erase_if(running_, [&](const Step& step) { return step.profile == profile; });
  return lines;
}

std::string draining_line(const control::Json& event) {
  using std::chrono::ceil, std::chrono::seconds;
  Milliseconds most(control::get_integer(event, "drain_ms").value_or(0));
  if (most > seconds(1)) most = ceil<seconds>(most);  // a little of it has passed already
  return clean(event, "profile") + ": waits up to " + duration_text(most) + " for " +
         count_text(control::get_integer(event, "connections").value_or(0), "connection") + " to end";
}

std::vector<std::string> down_lines(const control::Json& event) {
  std::vector<std::string> lines;
  const std::string profile = clean(event, "profile");
  const control::Json* clients = control::find(event, "clients");
  if (clients && clients->is_array()) {
    for (const control::Json& client : *clients) {
      const std::string process = clean(client, "process");
      const auto pid = control::get_integer(client, "pid").value_or(0);
      std::string who = process.empty() ? "a client" : process;
      if (pid > 0) who += " (pid " + std::to_string(pid) + ")";
      lines.push_back(profile + ": closed the connection of " + who + " from " + clean(client, "peer") +
                      " to " + clean(client, "forward"));
    }
  }
  lines.push_back(profile + " is down");
  return lines;
}

std::string Progress::live_text(Time now) const {
  if (running_.empty()) return "";
  const Step& step = running_.front();
  const auto elapsed = std::chrono::floor<std::chrono::seconds>(now - step.started);
  std::string text = prefix(step.profile) + step.text + "...";
  if (elapsed.count() > 0) text += " " + duration_text(elapsed);
  if (running_.size() > 1) text += " (and " + std::to_string(running_.size() - 1) + " more)";
  return text;
}

}  // namespace tunneld::cli
