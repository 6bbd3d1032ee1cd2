#include "cli/output.h"

#include <gtest/gtest.h>

#include "cli/bring_up.h"

namespace tunneld::cli {
namespace {

EnvLookup env_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional<std::string>(it->second);
  };
}

TEST(Style, ColourAndRedrawAreForTerminalsOnly) {
  const EnvLookup env = env_of({{"TERM", "xterm"}});
  const Style terminal = decide_style(ColorMode::automatic, ProgressMode::automatic, true, env);
  EXPECT_TRUE(terminal.color);
  EXPECT_TRUE(terminal.live);
  const Style pipe = decide_style(ColorMode::automatic, ProgressMode::automatic, false, env);
  EXPECT_FALSE(pipe.color);
  EXPECT_FALSE(pipe.live);
}

TEST(Style, NoColorAndDumbTerminalsTurnBothOff) {
  for (const auto& variables : {std::map<std::string, std::string>{{"NO_COLOR", "1"}}, {{"TERM", "dumb"}}}) {
    const Style style = decide_style(ColorMode::automatic, ProgressMode::automatic, true, env_of(variables));
    EXPECT_FALSE(style.color);
    EXPECT_FALSE(style.live);
  }
}

TEST(Style, TheOptionsHaveTheLastWord) {
  EXPECT_TRUE(
      decide_style(ColorMode::always, ProgressMode::automatic, false, env_of({{"NO_COLOR", "1"}})).color);
  EXPECT_FALSE(decide_style(ColorMode::never, ProgressMode::automatic, true, env_of({})).color);
  EXPECT_FALSE(decide_style(ColorMode::automatic, ProgressMode::plain, true, env_of({})).live);
}

TEST(ErrorText, IsSanitizedWithAShortPathAndARedLabel) {
  Error error = make_error(ErrorCode::auth_refused, "bastion says \x1b[2Jno", "", "ssh-add the key");
  error.where = {.profile = "prod-db",
                 .hop = "b",
                 .hop_number = 1,
                 .hop_count = 2,
                 .forward = "",
                 .position = "/srvs/profiles/prod.yaml:14:12"};
  Context context;
  context.cwd = "/srvs";
  EXPECT_EQ(error_text(error, context, false),
            "error[E-AUTH-REFUSED]: bastion says [2Jno\n"
            "  profile: prod-db, hop 1 of 2 (profiles/prod.yaml:14:12)\n"
            "  fix:     ssh-add the key\n");
  EXPECT_TRUE(error_text(error, context, true).starts_with("\x1b[31merror[E-AUTH-REFUSED]\x1b[0m: bastion"));
}

TEST(JsonText, EscapesWhateverCouldDriveATerminal) {
  const std::string text = json_line({{"a", "\x1b[2J\xc2\x9b\xff"}});
  EXPECT_EQ(text, "{\"a\":\"\\u001b[2J\\u009b\\ufffd\"}\n");
}

TEST(PortsOption, TakesForwardAndPort) {
  EXPECT_EQ(parse_ports({"postgres=0", "web=8080"}).ports,
            (std::map<std::string, int>{{"postgres", 0}, {"web", 8080}}));
  for (const char* entry : {"", "=1", "a", "a=", "a=x", "a=70000", "a=-1", "a=1x"})
    EXPECT_NE(parse_ports({entry}).error, "") << entry;
}

TEST(UpArgs, HasEveryKeyOfTheSpecification) {
  Context context;
  context.paths.sources = {"/p"};
  context.paths.overrides = "/o.yaml";
  context.paths.home = "/home/a";
  context.user = "a";
  context.env = env_of({{"SSH_AUTH_SOCK", "/run/agent"}});
  config::LoadResult loaded;
  loaded.variables = {{"TUNNELD_USER", "alice"}};
  UpRequest request;
  request.names = {"prod-db"};
  request.ports = {{"postgres", 0}};
  EXPECT_EQ(up_args(request, loaded, context, true),
            control::Json::parse(R"({"names": ["prod-db"], "sources": ["/p"],
    "overrides": "/o.yaml", "home": "/home/a", "user": "a", "env": {"TUNNELD_USER": "alice"},
    "agent": "/run/agent",
    "interactive": true, "wait_ms": 30000, "ports": {"postgres": 0}, "lease": false})"));
}

}  // namespace
}  // namespace tunneld::cli
