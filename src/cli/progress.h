// The events of `up` and `restart` as lines of text. Pure: time and style come from the caller.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/control/json.h"

namespace tunneld::cli {

class Progress {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `several`: more than one profile is named, so each line says whose it is.
  Progress(bool several, bool color) : several_(several), color_(color) {}

  // Takes one event of CONTROL.md and gives the lines that are final now, without '\n', free of control
  // characters. A step's line comes when it ends. A `handshaking` step has one only when it fails. Unknown
  // kinds give none. `profile_failed` gives the steps that it left unfinished; the error itself is the
  // caller's to show.
  std::vector<std::string> on_event(const control::Json& event, Time now);

  // The line of what is being done now, for a terminal: "Connecting to bastion.corp.com... 3 s", and how many
  // more steps run; empty when none runs.
  std::string live_text(Time now) const;

 private:
  struct Step {
    std::string profile;
    std::int64_t hop_number = 0;
    std::string kind;
    std::string text;
    Time started;
  };

  std::vector<std::string> on_step(const control::Json& event, Time now);
  std::vector<std::string> drop_steps_of(const std::string& profile);
  std::string prefix(const std::string& profile) const { return several_ ? profile + ": " : ""; }

  bool several_;
  bool color_;
  std::vector<Step> running_;  // in the order they began
};

// "prod-db: waits up to 5 s for 2 connections to end", of a `profile_draining` event.
std::string draining_line(const control::Json& event);

// The lines of a `profile_down` event: the clients that were connected, then "prod-db is down".
std::vector<std::string> down_lines(const control::Json& event);

}  // namespace tunneld::cli
