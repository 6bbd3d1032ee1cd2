// The frames of the control protocol as values (src/daemon/CONTROL.md is the specification).
// encode() gives a whole frame with its '\n'; parse_...() take a frame without it and never throw, whatever
// it holds.
#pragma once

#include <tunneld/error.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/control/json.h"
#include "core/result.h"

namespace tunneld::control {

inline constexpr int kProtocolVersion = 1;

struct Hello {
  std::int64_t protocol = kProtocolVersion;
  std::string version;  // of the program, for messages
  std::int64_t pid = 0;
};

std::string encode(const Hello& hello);
// E-DAEMON-PROTOCOL when it is no hello at all. Another protocol number is not an error here: the reader's
// user is told with the peer's version in the text.
Result<Hello> parse_hello(std::string_view frame);

// Client to daemon.
struct Request {
  std::uint64_t id = 0;
  std::string verb;
  Json args = Json::object();  // always an object
};
struct Answer {
  std::uint64_t id = 0;
  std::int64_t prompt = 0;
  std::string text;
};
struct Cancel {
  std::uint64_t id = 0;
};
using ClientMessage = std::variant<Request, Answer, Cancel>;

// E-DAEMON-PROTOCOL when the frame would be longer than kMaxFrameBytes.
Result<std::string> encode(const ClientMessage& message);
Result<ClientMessage> parse_client_message(std::string_view frame);

// Daemon to client. `body` is an object: the event, item, prompt, result or error (to_json(Error)).
struct Reply {
  enum class Kind { event, item, prompt, result, error };
  std::uint64_t id = 0;
  Kind kind = Kind::event;
  Json body = Json::object();
  // Nothing follows it for this id.
  bool is_last() const { return kind == Kind::result || kind == Kind::error; }
};

// A reply that would be longer than kMaxFrameBytes is replaced by an error reply that says so, which ends the
// request; nothing more may then be sent for it.
std::string encode(const Reply& reply);
Result<Reply> parse_reply(std::string_view frame);

// CONTROL.md's ERROR. The way back is lenient: what is missing is empty, an unknown code is `internal` (a
// newer daemon may know more codes; exit_code_in() still tells how to exit).
Json to_json(const Error& error);
Error error_from_json(const Json& json);
// The exit_code that an ERROR or a result carries, 0..255; `fallback` when there is none.
int exit_code_in(const Json& json, int fallback);

}  // namespace tunneld::control
