#include "cli/profile_view.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using control::Json;
using namespace std::chrono_literals;

const WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 8h + 5min;

Json item() {
  return Json::parse(
      R"({"name": "prod-db", "state": "up", "file": "/home/a/prod.yaml", "since": "2026-11-23T06:00:00Z",
    "hops": [{"name": "edge", "host": "edge-a", "address": "192.0.2.1:22", "state": "ready", "session": 7,
              "lanes": 1, "rtt_ms": 12.5, "shared_by": ["prod-redis"]},
             {"name": "db-gw", "host": "db-gw", "address": "10.0.5.12:22", "state": "ready", "session": 8,
              "lanes": 1, "rtt_ms": null, "shared_by": []}],
    "forwards": [{"name": "postgres", "type": "local", "listen": "127.0.0.1:5432", "connect": "10.0.0.1:5432",
                  "state": "listening", "connections": 2, "held": 1, "total": 40,
                  "bytes_in": 1024, "bytes_out": 4096},
                 {"name": "replica", "type": "local", "listen": "127.0.0.1:5433", "connect": "10.0.0.2:5432",
                  "state": "listening", "connections": 0, "held": 0, "total": 0,
                  "bytes_in": 0, "bytes_out": 0}],
    "last_error": null, "next_retry_ms": null, "reconnects": 1, "fixed_window_bytes": null})");
}

Json lost_item() {
  Json lost = item();
  lost["state"] = "backing_off";
  lost["last_error"] = {{"code", "E-HOP-UNREACHABLE"},
                        {"hop", "edge"},
                        {"message", "no route\x1b[31m"},
                        {"at", "2026-11-23T08:02:00Z"}};
  lost["next_retry_ms"] = 3000;
  return lost;
}

TEST(PsText, HasARowForEachForward) {
  EXPECT_EQ(ps_text({item()}, kNow, false),
            "NAME     STATE  LISTEN          TARGET         CLIENTS  UPTIME\n"
            "prod-db  up     127.0.0.1:5432  10.0.0.1:5432  2        2 h 5 min\n"
            "                127.0.0.1:5433  10.0.0.2:5432  0\n");
}

TEST(PsText, SaysBelowAProfileThatIsNotUpWhy) {
  const std::string text = ps_text({lost_item()}, kNow, false);
  EXPECT_NE(text.find("\n  E-HOP-UNREACHABLE at edge: no route[31m, 3 min ago; retry in 3 s\n"),
            std::string::npos)
      << text;
}

TEST(PsText, DoesNotBringUpOldErrorsOfAProfileThatIsUp) {
  Json healed = lost_item();
  healed["state"] = "up";
  EXPECT_EQ(ps_text({healed}, kNow, false).find("E-HOP"), std::string::npos);
}

TEST(PsText, SurvivesAnItemThatSaysNothing) {
  EXPECT_EQ(ps_text({Json::object()}, kNow, false),
            "NAME  STATE  LISTEN  TARGET  CLIENTS  UPTIME\n"
            "-     -      -       -       -        -\n");
}

TEST(StatusText, ShowsOneProfileInFull) {
  EXPECT_EQ(status_text(item(), kNow, "/home/a", false),
            "prod-db  up for 2 h 5 min\n"
            "  file        ~/prod.yaml\n"
            "  hops\n"
            "    1  edge (edge-a)  192.0.2.1:22  ready  session 7, rtt 12.5 ms, shared with prod-redis\n"
            "    2  db-gw          10.0.5.12:22  ready  session 8\n"
            "  forwards\n"
            "    postgres  127.0.0.1:5432 -> 10.0.0.1:5432  listening  2 clients, 1 held, 40 so far, 1.0 KiB "
            "in, 4.0 KiB out\n"
            "    replica   127.0.0.1:5433 -> 10.0.0.2:5432  listening  0 clients, 0 so far, 0 B in, 0 B out\n"
            "  reconnects  1\n");
}

TEST(StatusText, AProfileThatIsUpWithoutASessionSaysThatItIsIdle) {
  Json idle = item();
  for (Json& hop : idle["hops"]) hop["state"] = "idle";
  EXPECT_EQ(status_text(idle, kNow, "/home/a", false).find("prod-db  up for 2 h 5 min, idle: the next client has it connected\n"), 0U);
  EXPECT_NE(ps_text({idle}, kNow, false).find("prod-db  up, idle  127.0.0.1:5432"), std::string::npos);
  idle["state"] = "backing_off";
  EXPECT_EQ(status_text(idle, kNow, "/home/a", false).find(", idle"), std::string::npos);
}

TEST(StatusText, ShowsTheLastErrorAndTheNextTry) {
  const std::string text = status_text(lost_item(), kNow, "/home/a", false);
  EXPECT_NE(text.find("  last error  E-HOP-UNREACHABLE at edge: no route[31m, 3 min ago\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  next        retry in 3 s\n"), std::string::npos) << text;
}

TEST(StatusText, SaysWhatGetsAProfileGoingThatNeedsAPerson) {
  Json stuck = lost_item();
  stuck["state"] = "needs_action";
  stuck["next_retry_ms"] = nullptr;
  stuck["last_error"]["code"] = "E-HOST-KEY-CHANGED";
  EXPECT_NE(status_text(stuck, kNow, "/home/a", false).find("  next        tunneld up prod-db\n"), std::string::npos);
  stuck["last_error"]["code"] = "E-AUTH-REFUSED";
  EXPECT_NE(status_text(stuck, kNow, "/home/a", false)
                .find("  next        tunneld up prod-db; or a client, when keys or ssh-agent have changed\n"),
            std::string::npos);
}

TEST(StatusText, SaysWhereWindowsCannotGrow) {
  Json fixed = item();
  EXPECT_EQ(status_text(fixed, kNow, "/home/a", false).find("window"), std::string::npos);
  fixed["fixed_window_bytes"] = 2 * 1024 * 1024;
  const std::string text = status_text(fixed, kNow, "/home/a", false);
  EXPECT_NE(text.find("  window      fixed by libssh: downloads get no further than 2.0 MiB in a round trip\n"),
            std::string::npos)
      << text;
}

TEST(ProfilesJson, HasTheSchemaAndPassesItemsOn) {
  const Json json = profiles_json({{"pid", 4121}, {"version", "0.1.0"}}, {item()});
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["daemon"]["pid"], 4121);
  EXPECT_EQ(json["profiles"], Json::array({item()}));
}

TEST(ProfilesJson, WithoutADaemonHasNullAndNoProfiles) {
  EXPECT_EQ(profiles_json(nullptr, {}), Json::parse(R"({"schema": 1, "daemon": null, "profiles": []})"));
}

TEST(ProfilesJson, UnknownValuesAreNullNeverMissing) {
  const Json json = profiles_json(nullptr, {Json::parse(R"({"name": "p", "hops": [{}], "forwards": [{}],
                                                            "last_error": {"code": "E-X"}})")});
  const Json& profile = json["profiles"][0];
  for (const char* key : {"state", "file", "since", "next_retry_ms", "reconnects", "fixed_window_bytes"})
    EXPECT_TRUE(profile.at(key).is_null()) << key;
  for (const char* key : {"name", "host", "address", "state", "session", "lanes", "rtt_ms", "shared_by"})
    EXPECT_TRUE(profile["hops"][0].at(key).is_null()) << key;
  for (const char* key : {"name", "type", "listen", "connect", "state", "connections", "held", "total",
                          "bytes_in", "bytes_out"})
    EXPECT_TRUE(profile["forwards"][0].at(key).is_null()) << key;
  for (const char* key : {"hop", "message", "at"})
    EXPECT_TRUE(profile["last_error"].at(key).is_null()) << key;
}

}  // namespace
}  // namespace tunneld::cli
