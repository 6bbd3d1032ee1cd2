#include "cli/progress.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using control::Json;
using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

const Progress::Time kStart{};

Json step(const std::string& kind, const std::string& state, const std::string& text,
          const std::string& detail = "", const std::string& profile = "prod-db", int hop = 1) {
  return {{"kind", "step"}, {"profile", profile}, {"hop", "edge"}, {"hop_number", hop}, {"hop_count", 2},
          {"step", kind},   {"state", state},     {"text", text},  {"detail", detail},  {"elapsed_ms", 1}};
}

Json profile_up(bool already) {
  return {
      {"kind", "profile_up"},
      {"profile", "prod-db"},
      {"already", already},
      {"forwards",
       {{{"name", "postgres"}, {"listen", "127.0.0.1:5432"}, {"connect", "10.0.0.1:5432"}, {"app", ""}}}}};
}

TEST(Progress, AStepHasItsLineWhenItEnds) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event(step("connecting", "started", "Connecting to bastion.corp.com"), kStart),
            Lines{});
  EXPECT_EQ(progress.on_event(step("connecting", "ok", "Connecting to bastion.corp.com", "41 ms"), kStart),
            Lines{"Connecting to bastion.corp.com... ok  41 ms"});
}

TEST(Progress, TheLastTextOfAStepIsKept) {
  Progress progress(false, false);
  progress.on_event(step("authenticating", "started", "Authenticating alice"), kStart);
  EXPECT_EQ(progress.on_event(
                step("authenticating", "ok", "Authenticating alice (publickey, agent)", "120 ms"), kStart),
            Lines{"Authenticating alice (publickey, agent)... ok  120 ms"});
}

TEST(Progress, AStepThatGoesOnUnderAnotherTextIsShownWithIt) {
  Progress progress(false, false);
  progress.on_event(step("verifying_host_key", "started", "Verifying host key SHA256:x"), kStart);
  EXPECT_EQ(progress.on_event(step("verifying_host_key", "started", "Asking a person"), kStart + 1s),
            Lines{});
  EXPECT_EQ(progress.live_text(kStart + 3s), "Asking a person... 3 s");
  EXPECT_EQ(progress.on_event(step("verifying_host_key", "ok", "Verifying host key SHA256:x", "accepted"), kStart + 3s),
            Lines{"Verifying host key SHA256:x... ok  accepted"});
}

TEST(Progress, AStepOfADialThatWasGivenUpIsNotShownAnyMore) {
  Progress progress(false, false);
  progress.on_event(step("authenticating", "started", "Authenticating alice"), kStart);
  progress.on_event(step("connecting", "started", "Connecting to b"), kStart + 1s);
  EXPECT_EQ(progress.live_text(kStart + 2s), "Connecting to b... 1 s");
}

TEST(Progress, AFailedStepSaysSoWithoutADetail) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event(step("opening_channel", "failed", "Opening channel to 10.0.5.12:22"), kStart),
            Lines{"Opening channel to 10.0.5.12:22... failed"});
}

TEST(Progress, HandshakingIsSilentUnlessItFails) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event(step("handshaking", "ok", "Handshaking", "3 ms"), kStart), Lines{});
  EXPECT_EQ(progress.on_event(step("handshaking", "failed", "Handshaking"), kStart),
            Lines{"Handshaking... failed"});
}

TEST(Progress, SeveralProfilesHaveTheirNamesBeforeTheLine) {
  Progress progress(true, false);
  EXPECT_EQ(progress.on_event(step("connecting", "ok", "Connecting to b", "1 ms"), kStart),
            Lines{"prod-db: Connecting to b... ok  1 ms"});
  EXPECT_EQ(progress.on_event(profile_up(false), kStart), Lines{"prod-db is up: psql -h 127.0.0.1 -p 5432"});
}

TEST(Progress, ListeningNamesBothEndsAndTheForward) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event({{"kind", "listening"},
                               {"profile", "p"},
                               {"forward", "postgres"},
                               {"listen", "127.0.0.1:5432"},
                               {"connect", "10.0.0.1:5432"},
                               {"app", "postgresql"}},
                              kStart),
            Lines{"Listening on 127.0.0.1:5432 -> 10.0.0.1:5432 (postgres)"});
}

TEST(Progress, SaysWhenAProfileWasUpAlready) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event(profile_up(true), kStart),
            Lines{"prod-db is up (it was already): psql -h 127.0.0.1 -p 5432"});
}

TEST(Progress, AFailureShowsTheStepsThatNeverEnded) {
  Progress progress(false, false);
  progress.on_event(step("connecting", "started", "Connecting to b"), kStart);
  EXPECT_EQ(progress.on_event({{"kind", "profile_failed"}, {"profile", "prod-db"}}, kStart),
            Lines{"Connecting to b... not finished"});
  EXPECT_EQ(progress.live_text(kStart), "");
}

TEST(Progress, TheLiveLineHasTheOldestStepItsSecondsAndHowManyMore) {
  Progress progress(true, false);
  EXPECT_EQ(progress.live_text(kStart), "");
  progress.on_event(step("connecting", "started", "Connecting to b"), kStart);
  EXPECT_EQ(progress.live_text(kStart + 900ms), "prod-db: Connecting to b...");
  EXPECT_EQ(progress.live_text(kStart + 3s), "prod-db: Connecting to b... 3 s");
  progress.on_event(step("connecting", "started", "Connecting to c", "", "stage-db"), kStart + 3s);
  EXPECT_EQ(progress.live_text(kStart + 4s), "prod-db: Connecting to b... 4 s (and 1 more)");
  progress.on_event(step("connecting", "ok", "Connecting to b"), kStart + 4s);
  EXPECT_EQ(progress.live_text(kStart + 5s), "stage-db: Connecting to c... 2 s");
}

TEST(Progress, ColoursOnlyTheVerdict) {
  Progress progress(false, true);
  EXPECT_EQ(progress.on_event(step("connecting", "failed", "Connecting to b"), kStart),
            Lines{"Connecting to b... \x1b[31mfailed\x1b[0m"});
}

TEST(Progress, TextOfServersCannotDriveTheTerminal) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event(step("connecting", "ok", "to \x1b[2Jb\r\n", "\x07 1 ms"), kStart),
            Lines{"to [2Jb... ok   1 ms"});
}

TEST(Progress, UnknownOrMalformedEventsGiveNothing) {
  Progress progress(false, false);
  EXPECT_EQ(progress.on_event({{"kind", "news"}}, kStart), Lines{});
  EXPECT_EQ(progress.on_event(Json::array(), kStart), Lines{});
  EXPECT_EQ(progress.on_event({{"kind", 5}}, kStart), Lines{});
}

TEST(DownLines, NameTheClientsAsFarAsTheyAreKnown) {
  const Json event = {
      {"kind", "profile_down"},
      {"profile", "prod-db"},
      {"clients",
       {{{"forward", "postgres"}, {"peer", "127.0.0.1:41234"}, {"process", "psql"}, {"pid", 4312}},
        {{"forward", "postgres"}, {"peer", "127.0.0.1:41235"}, {"process", ""}, {"pid", 0}}}}};
  EXPECT_EQ(down_lines(event),
            (Lines{"prod-db: closed the connection of psql (pid 4312) from 127.0.0.1:41234 to postgres",
                   "prod-db: closed the connection of a client from 127.0.0.1:41235 to postgres",
                   "prod-db is down"}));
}

}  // namespace
}  // namespace tunneld::cli
