#include <gtest/gtest.h>
#include <tunneld/error.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>
#include <utility>

namespace tunneld {
namespace {

// What each code's command exits with (doc: exit codes of the command line, a fixed interface).
constexpr std::array kExitCodes = std::to_array<std::pair<ErrorCode, int>>({
    {ErrorCode::internal, 1},
    {ErrorCode::usage, 2},
    {ErrorCode::interrupted, 130},
    {ErrorCode::timed_out, 124},
    {ErrorCode::not_up, 3},
    {ErrorCode::no_such_profile, 4},
    {ErrorCode::profile_invalid, 5},
    {ErrorCode::not_built, 5},
    {ErrorCode::daemon_unreachable, 6},
    {ErrorCode::daemon_protocol, 6},
    {ErrorCode::name_not_found, 9},
    {ErrorCode::connection_refused, 9},
    {ErrorCode::unreachable, 9},
    {ErrorCode::connect_timeout, 9},
    {ErrorCode::not_ssh, 9},
    {ErrorCode::no_common_algorithm, 9},
    {ErrorCode::handshake_failed, 9},
    {ErrorCode::host_key_unknown, 8},
    {ErrorCode::host_key_changed, 8},
    {ErrorCode::host_key_revoked, 8},
    {ErrorCode::host_key_unsaved, 8},
    {ErrorCode::auth_refused, 7},
    {ErrorCode::key_unusable, 7},
    {ErrorCode::agent_unusable, 7},
    {ErrorCode::needs_input, 12},
    {ErrorCode::forward_prohibited, 11},
    {ErrorCode::target_refused, 11},
    {ErrorCode::session_lost, 9},
    {ErrorCode::keepalive_timeout, 9},
    {ErrorCode::hold_expired, 9},
    {ErrorCode::port_in_use, 10},
    {ErrorCode::address_not_local, 1},
    {ErrorCode::port_permission, 1},
    {ErrorCode::listen_failed, 1},
    {ErrorCode::too_many_connections, 1},
    {ErrorCode::peer_not_allowed, 1},
    {ErrorCode::out_of_descriptors, 1},
});

Error prohibited() {
  Error error;
  error.code = ErrorCode::forward_prohibited;
  error.message = "bastion.corp.com refuses to forward to 10.0.5.12:22 (administratively prohibited)";
  error.where.profile = "prod-db";
  error.where.hop = "db-gw";
  error.where.hop_number = 2;
  error.where.hop_count = 2;
  error.where.position = "profiles/prod.yaml:14:12";
  error.cause = "its sshd does not allow TCP forwarding for alice, or not to this address";
  error.fix =
      "on bastion.corp.com set \"AllowTcpForwarding yes\" and, if PermitOpen is set, add 10.0.5.12:22; then "
      "reload sshd";
  return error;
}

TEST(ErrorTable, HasEveryCodeOnceInTheOrderOfTheEnum) {
  // The last code's number is the table's length less one: nothing is missing, nothing is there twice.
  ASSERT_EQ(error_table().size(), static_cast<std::size_t>(ErrorCode::out_of_descriptors) + 1);
  for (std::size_t i = 0; i < error_table().size(); ++i)
    EXPECT_EQ(static_cast<std::size_t>(error_table()[i].code), i) << error_table()[i].name;
}

TEST(ErrorTable, NamesAreUniqueUpperCaseWordsAfterE) {
  std::set<std::string_view> names;
  for (const ErrorInfo& info : error_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(info.name.starts_with("E-")) << info.name;
    EXPECT_GT(info.name.size(), 2U);
    EXPECT_NE(info.name.back(), '-') << info.name;
    EXPECT_EQ(info.name.find("--"), std::string_view::npos) << info.name;
    EXPECT_TRUE(std::all_of(info.name.begin(), info.name.end(), [](unsigned char c) {
      return std::isupper(c) != 0 || c == '-';
    })) << info.name;
  }
}

TEST(ErrorTable, CodesAreFoundByName) {
  for (const ErrorInfo& info : error_table()) {
    EXPECT_EQ(error_code_named(info.name), info.code) << info.name;
    EXPECT_EQ(error_info(info.code).name, info.name);
  }
  EXPECT_FALSE(error_code_named("E-NO-SUCH-THING"));
  EXPECT_FALSE(error_code_named("e-internal"));
  EXPECT_FALSE(error_code_named(""));
}

TEST(ErrorTable, ExitCodesAreTheFixedOnes) {
  ASSERT_EQ(kExitCodes.size(), error_table().size());
  for (const auto& [code, exit_code] : kExitCodes)
    EXPECT_EQ(static_cast<int>(error_info(code).exit_code), exit_code) << error_info(code).name;
}

TEST(ErrorTable, EveryMeaningIsOneSentence) {
  for (const ErrorInfo& info : error_table()) {
    EXPECT_TRUE(info.meaning.ends_with('.')) << info.name;
    EXPECT_EQ(info.meaning.find('\n'), std::string_view::npos) << info.name;
  }
}

// Only errors that time can heal are retried.
TEST(ErrorTable, WhatAPersonMustMendDoesNotHeal) {
  for (const ErrorCode code :
       {ErrorCode::host_key_unknown, ErrorCode::host_key_changed, ErrorCode::host_key_revoked,
        ErrorCode::auth_refused, ErrorCode::key_unusable, ErrorCode::needs_input,
        ErrorCode::forward_prohibited, ErrorCode::profile_invalid})
    EXPECT_FALSE(error_info(code).heals) << error_info(code).name;
  for (const ErrorCode code :
       {ErrorCode::name_not_found, ErrorCode::connection_refused, ErrorCode::unreachable,
        ErrorCode::connect_timeout, ErrorCode::session_lost, ErrorCode::keepalive_timeout,
        ErrorCode::port_in_use, ErrorCode::out_of_descriptors})
    EXPECT_TRUE(error_info(code).heals) << error_info(code).name;
}

TEST(RenderError, IsLaidOutAsTheCommandLinePromises) {
  EXPECT_EQ(
      render_error(prohibited()),
      "error[E-FORWARD-PROHIBITED]: bastion.corp.com refuses to forward to 10.0.5.12:22 (administratively "
      "prohibited)\n"
      "  profile: prod-db, hop 2 of 2 (profiles/prod.yaml:14:12)\n"
      "  cause:   its sshd does not allow TCP forwarding for alice, or not to this address\n"
      "  fix:     on bastion.corp.com set \"AllowTcpForwarding yes\" and, if PermitOpen is set, add "
      "10.0.5.12:22; then reload sshd\n");
}

TEST(RenderError, LeavesOutWhatIsNotKnown) {
  Error error;
  error.message = "it broke";
  EXPECT_EQ(render_error(error), "error[E-INTERNAL]: it broke\n");
  error.fix = "mend it";
  EXPECT_EQ(render_error(error), "error[E-INTERNAL]: it broke\n  fix:     mend it\n");
  error.cause = "it was old";
  EXPECT_EQ(render_error(error), "error[E-INTERNAL]: it broke\n  cause:   it was old\n  fix:     mend it\n");
}

TEST(RenderPlace, NamesWhateverIsKnown) {
  EXPECT_EQ(render_place({}), "");
  EXPECT_EQ(render_place(prohibited().where), "profile: prod-db, hop 2 of 2 (profiles/prod.yaml:14:12)");
  //                     profile hop number count forward position
  EXPECT_EQ(render_place({"p", "", 0, 0, "", ""}), "profile: p");
  EXPECT_EQ(render_place({"p", "", 1, 0, "", ""}), "profile: p, hop 1");
  EXPECT_EQ(render_place({"", "", 1, 3, "", ""}), "hop 1 of 3");
  EXPECT_EQ(render_place({"p", "", 0, 0, "db", "f.yaml:3:1"}), "profile: p, forward db (f.yaml:3:1)");
  EXPECT_EQ(render_place({"", "", 0, 0, "", "f.yaml:3:1"}), "at f.yaml:3:1");
}

}  // namespace
}  // namespace tunneld
