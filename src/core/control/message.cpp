#include "core/control/message.h"

#include <array>
#include <limits>
#include <utility>

#include "core/control/frame.h"

namespace tunneld::control {
namespace {

// In the order of Reply::Kind.
constexpr std::array<std::string_view, 5> kReplyKeys = {"event", "item", "prompt", "result", "error"};

Error protocol_error(std::string message, std::string cause = {}) {
  return Error{.code = ErrorCode::daemon_protocol,
               .message = std::move(message),
               .where = {},
               .cause = std::move(cause),
               .fix = {}};
}

std::optional<std::uint64_t> get_id(const Json& object) {
  const auto id = get_integer(object, "id");
  if (!id || *id < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*id);
}

Json as_json(const Request& request) {
  return {{"id", request.id}, {"verb", request.verb}, {"args", request.args}};
}

Json as_json(const Answer& answer) {
  return {{"id", answer.id}, {"answer", {{"prompt", answer.prompt}, {"text", answer.text}}}};
}

Json as_json(const Cancel& cancel) {
  return {{"id", cancel.id}, {"cancel", true}};
}

Result<ClientMessage> parse_request(std::uint64_t id, const Json& frame) {
  Request request{.id = id, .verb = get_string(frame, "verb"), .args = Json::object()};
  if (request.verb.empty()) return fail(protocol_error("a request names no verb"));
  if (const Json* args = find(frame, "args")) {
    if (!args->is_object()) return fail(protocol_error("the args of a request are not an object"));
    request.args = *args;
  }
  return request;
}

Result<ClientMessage> parse_answer(std::uint64_t id, const Json& answer) {
  const auto prompt = get_integer(answer, "prompt");
  const Json* text = find(answer, "text");
  if (!prompt || !text || !text->is_string())
    return fail(protocol_error("an answer lacks its prompt or text"));
  return Answer{.id = id, .prompt = *prompt, .text = get_string(answer, "text")};
}

}  // namespace

std::string encode(const Hello& hello) {
  return dump({{"tunneld", hello.protocol}, {"version", hello.version}, {"pid", hello.pid}}) + "\n";
}

Result<Hello> parse_hello(std::string_view frame) {
  const auto object = parse_object(frame);
  const auto protocol = object ? get_integer(*object, "tunneld") : std::nullopt;
  if (!protocol)
    return fail(protocol_error("the other end of the control socket does not speak tunneld's protocol"));
  return Hello{.protocol = *protocol,
               .version = get_string(*object, "version"),
               .pid = get_integer_in(*object, "pid", 0, std::numeric_limits<std::int32_t>::max(), 0)};
}

Result<std::string> encode(const ClientMessage& message) {
  std::string frame = dump(std::visit([](const auto& value) { return as_json(value); }, message)) + "\n";
  if (frame.size() > kMaxFrameBytes)
    return fail(protocol_error("the request is too long for the control socket",
                               "it takes " + std::to_string(frame.size()) + " bytes, the limit is " +
                                   std::to_string(kMaxFrameBytes)));
  return frame;
}

Result<ClientMessage> parse_client_message(std::string_view frame) {
  const auto object = parse_object(frame);
  if (!object) return fail(protocol_error("a frame is not a JSON object"));
  const auto id = get_id(*object);
  if (!id) return fail(protocol_error("a frame has no id"));
  if (const Json* answer = find(*object, "answer")) return parse_answer(*id, *answer);
  if (get_bool(*object, "cancel")) return Cancel{.id = *id};
  return parse_request(*id, *object);
}

std::string encode(const Reply& reply) {
  const auto key = kReplyKeys[static_cast<std::size_t>(reply.kind)];
  std::string frame = dump({{"id", reply.id}, {key, reply.body}}) + "\n";
  if (frame.size() <= kMaxFrameBytes) return frame;
  const Error error = protocol_error(
      "the daemon's reply is too long for the control socket",
      "it takes " + std::to_string(frame.size()) + " bytes, the limit is " + std::to_string(kMaxFrameBytes));
  return dump({{"id", reply.id}, {"error", to_json(error)}}) + "\n";
}

Result<Reply> parse_reply(std::string_view frame) {
  auto object = parse_object(frame);
  if (!object) return fail(protocol_error("a frame of the daemon is not a JSON object"));
  const auto id = get_id(*object);
  if (!id) return fail(protocol_error("a frame of the daemon has no id"));
  for (std::size_t i = 0; i < kReplyKeys.size(); ++i) {
    const auto it = object->find(kReplyKeys[i]);
    if (it == object->end()) continue;
    if (!it->is_object()) return fail(protocol_error("a frame of the daemon holds no object"));
    return Reply{.id = *id, .kind = static_cast<Reply::Kind>(i), .body = std::move(*it)};
  }
  return fail(protocol_error("a frame of the daemon is of no known kind"));
}

Json to_json(const Error& error) {
  const ErrorInfo& info = error_info(error.code);
  return {{"code", info.name},
          {"exit_code", static_cast<int>(info.exit_code)},
          {"message", error.message},
          {"cause", error.cause},
          {"fix", error.fix},
          {"where",
           {{"profile", error.where.profile},
            {"hop", error.where.hop},
            {"hop_number", error.where.hop_number},
            {"hop_count", error.where.hop_count},
            {"forward", error.where.forward},
            {"position", error.where.position}}}};
}

Error error_from_json(const Json& json) {
  constexpr int kMaxHops = 1'000'000;  // any int would do; it keeps the casts below exact
  Error error{.code = error_code_named(get_string(json, "code")).value_or(ErrorCode::internal),
              .message = get_string(json, "message"),
              .where = {},
              .cause = get_string(json, "cause"),
              .fix = get_string(json, "fix")};
  if (const Json* where = find(json, "where")) {
    error.where.profile = get_string(*where, "profile");
    error.where.hop = get_string(*where, "hop");
    error.where.hop_number = static_cast<int>(get_integer_in(*where, "hop_number", 0, kMaxHops, 0));
    error.where.hop_count = static_cast<int>(get_integer_in(*where, "hop_count", 0, kMaxHops, 0));
    error.where.forward = get_string(*where, "forward");
    error.where.position = get_string(*where, "position");
  }
  return error;
}

int exit_code_in(const Json& json, int fallback) {
  return static_cast<int>(get_integer_in(json, "exit_code", 0, 255, fallback));
}

}  // namespace tunneld::control
