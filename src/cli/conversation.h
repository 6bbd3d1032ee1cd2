// One request from its start to its result: events and items to their handlers, prompts to the terminal,
// Ctrl-C to a cancel.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/interrupts.h"
#include "core/control/json.h"
#include "core/result.h"

namespace tunneld::cli {

struct Handlers {
  std::function<void(const control::Json&)> on_event = [](const control::Json&) {};
  std::function<void(const control::Json&)> on_item = [](const control::Json&) {};
  // Called about ten times a second while no prompt is open; not set: never.
  std::function<void()> on_tick;
  // Called before a prompt is written to the terminal.
  std::function<void()> before_prompt = [] {};
};

// Sends the request and returns its result. Prompts are written to /dev/tty and answered from there, one at a
// time. The first signal cancels the request and gives it 2 s to end, E-INTERRUPTED; the second ends the
// process at once with 130. `silence_limit`: the longest time without any reply, E-DAEMON-UNREACHABLE; zero:
// none.
Result<control::Json> converse(Client& client, const std::string& verb, control::Json args,
                               const Handlers& handlers, Interrupts& interrupts,
                               std::chrono::milliseconds silence_limit);

// The names of the profiles that the daemon has.
Result<std::vector<std::string>> names_up(Client& client, Interrupts& interrupts);

// What a request that the daemon answers at once may take.
inline constexpr std::chrono::milliseconds kPromptReply{10'000};

// True when a person can be asked: stdin or stderr is a terminal and /dev/tty opens.
bool person_is_there();

}  // namespace tunneld::cli
