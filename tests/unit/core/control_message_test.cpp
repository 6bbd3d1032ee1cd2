#include <gtest/gtest.h>

#include "core/control/frame.h"
#include "core/control/message.h"

namespace tunneld::control {
namespace {

std::string without_end(std::string frame) {
  EXPECT_EQ(frame.back(), '\n');
  frame.pop_back();
  EXPECT_EQ(frame.find('\n'), std::string::npos);
  return frame;
}

Error full_error() {
  return Error{.code = ErrorCode::port_in_use,
               .message = "127.0.0.1:5432 is taken",
               .where = {.profile = "prod-db",
                         .hop = "db-gw",
                         .hop_number = 2,
                         .hop_count = 2,
                         .forward = "postgres",
                         .position = "prod.yaml:14:12"},
               .cause = "postgres (pid 77) listens there",
               .fix = "stop it"};
}

TEST(Hello, ComesBackAsItWasSent) {
  const auto hello = parse_hello(without_end(encode(Hello{.protocol = 1, .version = "0.1.0", .pid = 4121})));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->protocol, 1);
  EXPECT_EQ(hello->version, "0.1.0");
  EXPECT_EQ(hello->pid, 4121);
}

TEST(Hello, OfAnotherProtocolIsReadSoThatItsVersionCanBeTold) {
  const auto hello = parse_hello(R"({"tunneld": 2, "version": "9.0.0", "pid": 1, "more": []})");
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->protocol, 2);
  EXPECT_EQ(hello->version, "9.0.0");
}

TEST(Hello, WhatIsNoHelloIsAProtocolError) {
  for (const char* frame : {"", "{}", "[]", "SSH-2.0-x", R"({"tunneld": "1"})", R"({"tunneld": 1.5})"}) {
    const auto hello = parse_hello(frame);
    ASSERT_FALSE(hello) << frame;
    EXPECT_EQ(hello.error().code, ErrorCode::daemon_protocol);
  }
}

TEST(ClientMessage, RequestComesBackAsItWasSent) {
  const Request request{.id = 7, .verb = "up", .args = {{"names", {"a", "b"}}, {"interactive", true}}};
  const auto message = parse_client_message(without_end(encode(ClientMessage(request)).value()));
  ASSERT_TRUE(message);
  const auto& parsed = std::get<Request>(*message);
  EXPECT_EQ(parsed.id, 7U);
  EXPECT_EQ(parsed.verb, "up");
  EXPECT_EQ(parsed.args, request.args);
}

TEST(ClientMessage, RequestWithoutArgsHasEmptyOnes) {
  const auto message = parse_client_message(R"({"id": 1, "verb": "ps"})");
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Request>(*message).args, Json::object());
}

TEST(ClientMessage, AnswerComesBackAsItWasSent) {
  const Answer answer{.id = 1, .prompt = 3, .text = "yes"};
  const auto message = parse_client_message(without_end(encode(ClientMessage(answer)).value()));
  ASSERT_TRUE(message);
  const auto& parsed = std::get<Answer>(*message);
  EXPECT_EQ(parsed.id, 1U);
  EXPECT_EQ(parsed.prompt, 3);
  EXPECT_EQ(parsed.text, "yes");
}

TEST(ClientMessage, CancelComesBackAsItWasSent) {
  const auto message = parse_client_message(without_end(encode(ClientMessage(Cancel{.id = 9})).value()));
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Cancel>(*message).id, 9U);
}

TEST(ClientMessage, MalformedFramesAreProtocolErrors) {
  for (const char* frame :
       {"", "null", "[]", "{", "{}", R"({"id": "1", "verb": "ps"})", R"({"id": -1, "verb": "ps"})",
        R"({"id": 18446744073709551615, "verb": "ps"})", R"({"id": 1e300, "verb": "ps"})", R"({"id": 1})",
        R"({"id": 1, "verb": 5})", R"({"id": 1, "verb": ""})", R"({"id": 1, "verb": "up", "args": []})",
        R"({"id": 1, "answer": true})", R"({"id": 1, "answer": {"prompt": 1}})",
        R"({"id": 1, "answer": {"prompt": "1", "text": "yes"}})", R"({"id": 1, "cancel": false})",
        "{\"id\": 1, \"verb\": \"\xff\xfe\"}"}) {
    const auto message = parse_client_message(frame);
    ASSERT_FALSE(message) << frame;
    EXPECT_EQ(message.error().code, ErrorCode::daemon_protocol) << frame;
  }
}

TEST(ClientMessage, AFrameFullOfBracketsIsRefusedBeforeItIsParsed) {
  EXPECT_FALSE(parse_client_message(std::string(kMaxFrameBytes, '[')));
  EXPECT_FALSE(parse_client_message(R"({"id":1,"verb":"up","args":)" + std::string(kMaxFrameBytes / 8, '[')));
  std::string nested;
  for (int i = 0; i < 8000; ++i) nested += R"({"a":)";
  EXPECT_FALSE(parse_client_message(nested + "1" + std::string(8000, '}')));
}

TEST(ClientMessage, NestingIsBoundedAndBracketsInStringsDoNotCount) {
  const auto frame = [](std::size_t depth, const std::string& inner) {
    return R"({"id":1,"verb":"x","args":{"a":)" + std::string(depth, '[') + inner + std::string(depth, ']') +
           "}}";
  };
  EXPECT_TRUE(parse_client_message(frame(kMaxNesting - 2, "1")));
  EXPECT_FALSE(parse_client_message(frame(kMaxNesting - 1, "1")));
  EXPECT_TRUE(parse_client_message(frame(1, R"("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")")));
}

TEST(ClientMessage, TooLongARequestIsRefusedByTheSender) {
  const auto frame = encode(
      ClientMessage(Request{.id = 1, .verb = "up", .args = {{"names", std::string(kMaxFrameBytes, 'x')}}}));
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, ErrorCode::daemon_protocol);
}

TEST(Reply, EachKindComesBackAsItWasSent) {
  using enum Reply::Kind;
  for (const auto kind : {event, item, prompt, result, error}) {
    const auto reply = parse_reply(without_end(encode(Reply{.id = 4, .kind = kind, .body = {{"k", "v"}}})));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->id, 4U);
    EXPECT_EQ(reply->kind, kind);
    EXPECT_EQ(reply->body, Json({{"k", "v"}}));
    EXPECT_EQ(reply->is_last(), kind == result || kind == error);
  }
}

TEST(Reply, MalformedFramesAreProtocolErrors) {
  for (const char* frame : {"", "x", "{}", R"({"id": 1})", R"({"id": 1, "event": []})", R"({"event": {}})",
                            R"({"id": 1, "other": {}})"})
    EXPECT_FALSE(parse_reply(frame)) << frame;
}

TEST(Reply, BytesThatAreNotUtf8AreReplacedNotThrown) {
  const auto reply = parse_reply(
      without_end(encode(Reply{.id = 1, .kind = Reply::Kind::event, .body = {{"text", "a\xff\n\x1b[31m"}}})));
  ASSERT_TRUE(reply);
  EXPECT_EQ(get_string(reply->body, "text"), "a\xef\xbf\xbd\n\x1b[31m");
}

TEST(Reply, TooLongABodyBecomesAnErrorThatEndsTheRequest) {
  const std::string frame =
      encode(Reply{.id = 5, .kind = Reply::Kind::item, .body = {{"text", std::string(kMaxFrameBytes, 'x')}}});
  EXPECT_LE(frame.size(), kMaxFrameBytes);
  const auto reply = parse_reply(without_end(frame));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->kind, Reply::Kind::error);
  EXPECT_EQ(error_from_json(reply->body).code, ErrorCode::daemon_protocol);
}

TEST(ErrorJson, HoldsEveryKeyOfTheSpecification) {
  const Json json = to_json(full_error());
  EXPECT_EQ(json,
            Json::parse(R"({"code": "E-PORT-IN-USE", "exit_code": 10, "message": "127.0.0.1:5432 is taken",
    "cause": "postgres (pid 77) listens there", "fix": "stop it", "where": {"profile": "prod-db", "hop": "db-gw",
    "hop_number": 2, "hop_count": 2, "forward": "postgres", "position": "prod.yaml:14:12"}})"));
  const Json empty = to_json(Error{});
  for (const char* key : {"code", "exit_code", "message", "cause", "fix", "where"})
    EXPECT_TRUE(empty.contains(key));
  EXPECT_EQ(empty["where"].size(), 6U);
}

TEST(ErrorJson, ComesBackAsItWas) {
  const Error error = error_from_json(to_json(full_error()));
  EXPECT_EQ(render_error(error), render_error(full_error()));
  EXPECT_EQ(error.where.hop, "db-gw");
}

TEST(ErrorJson, EveryCodeSurvivesTheWay) {
  for (const ErrorInfo& info : error_table()) {
    Error error;
    error.code = info.code;
    EXPECT_EQ(error_from_json(to_json(error)).code, info.code);
    EXPECT_EQ(exit_code_in(to_json(error), -1), static_cast<int>(info.exit_code));
  }
}

TEST(ErrorJson, OfANewerDaemonKeepsItsTextAndExitCode) {
  const auto json =
      Json::parse(R"({"code": "E-FROM-THE-FUTURE", "exit_code": 9, "message": "m", "where": 5})");
  EXPECT_EQ(error_from_json(json).code, ErrorCode::internal);
  EXPECT_EQ(error_from_json(json).message, "m");
  EXPECT_EQ(exit_code_in(json, 1), 9);
}

TEST(ErrorJson, OfAnythingElseIsEmpty) {
  for (const char* text : {"null", "[1]", "5", R"({"message": [], "where": {"hop_number": 99999999999}})"}) {
    const Error error = error_from_json(Json::parse(text));
    EXPECT_EQ(error.code, ErrorCode::internal);
    EXPECT_EQ(error.message, "");
    EXPECT_EQ(error.where.hop_number, 0);
  }
}

TEST(JsonGetters, AnswerWithTheFallbackWhenTheTypeIsWrong) {
  const auto json = Json::parse(R"({"s": 1, "b": "true", "i": "5", "big": 18446744073709551615, "f": 1.0,
                                    "list": ["a", 1, null, "b"], "n": -3})");
  EXPECT_EQ(get_string(json, "s", "x"), "x");
  EXPECT_TRUE(get_bool(json, "b", true));
  EXPECT_EQ(get_integer(json, "i"), std::nullopt);
  EXPECT_EQ(get_integer(json, "big"), std::nullopt);
  EXPECT_EQ(get_integer(json, "f"), std::nullopt);
  EXPECT_EQ(get_integer(json, "n"), -3);
  EXPECT_EQ(get_integer_in(json, "n", 0, 10, 7), 7);
  EXPECT_EQ(get_strings(json, "list"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(get_strings(json, "s"), std::vector<std::string>{});
  EXPECT_EQ(get_string(Json::array(), "s", "x"), "x");
}

}  // namespace
}  // namespace tunneld::control
