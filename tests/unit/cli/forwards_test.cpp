#include "cli/forwards.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using Variables = std::map<std::string, std::string>;

OpenForward forward(const std::string& name, const std::string& listen, const std::string& connect,
                    const std::string& app = "") {
  return {.name = name, .listen = listen, .connect = connect, .app = app};
}

TEST(ClientHint, IsPsqlForPostgres) {
  EXPECT_EQ(client_hint(forward("db", "127.0.0.1:5433", "10.0.0.1:9", "postgresql")),
            "psql -h 127.0.0.1 -p 5433");
  EXPECT_EQ(client_hint(forward("db", "[::1]:5433", "10.0.0.1:9", "postgresql")), "psql -h ::1 -p 5433");
  EXPECT_EQ(client_hint(forward("db", "unix:/run/o/.s.PGSQL.5432", "10.0.0.1:9", "postgresql")),
            "psql -h /run/o -p 5432");
}

TEST(ClientHint, GuessesTheApplicationWhereNoneIsNamed) {
  EXPECT_EQ(client_hint(forward("db", "127.0.0.1:1", "10.0.0.1:5432")), "psql -h 127.0.0.1 -p 1");
  EXPECT_EQ(client_hint(forward("postgres-ro", "127.0.0.1:1", "10.0.0.1:6000")), "psql -h 127.0.0.1 -p 1");
  EXPECT_EQ(client_hint(forward("db", "127.0.0.1:1", "unix:/run/postgresql/.s.PGSQL.5432")),
            "psql -h 127.0.0.1 -p 1");
  EXPECT_EQ(client_hint(forward("cache", "127.0.0.1:1", "10.0.0.1:6379")), "redis-cli -h 127.0.0.1 -p 1");
  EXPECT_EQ(client_hint(forward("redis", "unix:/run/r.sock", "10.0.0.1:7000")), "redis-cli -s /run/r.sock");
  EXPECT_EQ(client_hint(forward("web", "127.0.0.1:1", "10.0.0.1:80")), "");
}

TEST(ClientHint, ANamedApplicationWinsOverTheGuess) {
  EXPECT_EQ(client_hint(forward("db", "127.0.0.1:1", "10.0.0.1:5432", "http")), "");
}

TEST(ClientHint, WildcardAddressesAndLocalhostAreReachedByLoopback) {
  EXPECT_EQ(client_hint(forward("db", "localhost:5432", "a:5432")), "psql -h 127.0.0.1 -p 5432");
  EXPECT_EQ(client_hint(forward("db", "0.0.0.0:5432", "a:5432")), "psql -h 127.0.0.1 -p 5432");
  EXPECT_EQ(client_hint(forward("db", "[::]:5432", "a:5432")), "psql -h ::1 -p 5432");
}

TEST(ClientHint, QuotesWhatAShellWouldSplit) {
  EXPECT_EQ(client_hint(forward("redis", "unix:/run/my dir/r's", "a:1")),
            "redis-cli -s '/run/my dir/r'\\''s'");
}

TEST(UpLine, HasTheHintElseTheOnlyAddressElseNothing) {
  EXPECT_EQ(up_line("p", {forward("web", "127.0.0.1:80", "a:80"), forward("db", "127.0.0.1:5432", "a:5432")},
                    false, false),
            "p is up: psql -h 127.0.0.1 -p 5432");
  EXPECT_EQ(up_line("p", {forward("web", "0.0.0.0:80", "a:80")}, false, false), "p is up: 127.0.0.1:80");
  EXPECT_EQ(
      up_line("p", {forward("web", "127.0.0.1:80", "a:80"), forward("x", "127.0.0.1:81", "a:81")}, false, false),
      "p is up");
  EXPECT_EQ(up_line("p", {forward("web", "unix:/run/x", "a:80")}, false, false), "p is up");
  EXPECT_EQ(up_line("p", {}, true, false), "p is up (it was already)");
  EXPECT_EQ(up_line("p", {forward("web", "0.0.0.0:80", "a:80")}, false, true),
            "p is up, and connects with its first client: 127.0.0.1:80");
}

TEST(Environment, OfOneForwardHasTheShortNamesToo) {
  EXPECT_EQ(environment_of({forward("my-db", "127.0.0.1:5433", "a:5432")}),
            (Variables{{"TUNNELD_MY_DB_HOST", "127.0.0.1"},
                       {"TUNNELD_MY_DB_PORT", "5433"},
                       {"TUNNELD_MY_DB_ADDRESS", "127.0.0.1:5433"},
                       {"TUNNELD_HOST", "127.0.0.1"},
                       {"TUNNELD_PORT", "5433"},
                       {"TUNNELD_ADDRESS", "127.0.0.1:5433"}}));
}

TEST(Environment, OfSeveralForwardsHasNoShortNames) {
  const Variables variables =
      environment_of({forward("a", "127.0.0.1:1", "x:1"), forward("b", "[::]:2", "x:2")});
  EXPECT_FALSE(variables.contains("TUNNELD_HOST"));
  EXPECT_EQ(variables.at("TUNNELD_A_PORT"), "1");
  EXPECT_EQ(variables.at("TUNNELD_B_HOST"), "::1");
  EXPECT_EQ(variables.at("TUNNELD_B_ADDRESS"), "[::1]:2");
}

TEST(Environment, PostgresqlSetsLibpqsVariablesForTheFirstForward) {
  const Variables variables = environment_of({forward("web", "127.0.0.1:80", "x:80"),
                                              forward("a", "127.0.0.1:1", "x:1", "postgresql"),
                                              forward("b", "127.0.0.1:2", "x:2", "postgresql")});
  EXPECT_EQ(variables.at("PGHOST"), "127.0.0.1");
  EXPECT_EQ(variables.at("PGPORT"), "1");
}

TEST(Environment, UnixSocketsGiveTheirFolderAndPostgresNumber) {
  const Variables variables = environment_of({forward("pg", "unix:/run/o/.s.PGSQL.5432", "x:1", "postgresql"),
                                              forward("raw", "unix:/run/raw.sock", "x:2")});
  EXPECT_EQ(variables.at("TUNNELD_PG_ADDRESS"), "/run/o/.s.PGSQL.5432");
  EXPECT_EQ(variables.at("TUNNELD_PG_HOST"), "/run/o");
  EXPECT_EQ(variables.at("TUNNELD_PG_PORT"), "5432");
  EXPECT_EQ(variables.at("PGHOST"), "/run/o");
  EXPECT_EQ(variables.at("TUNNELD_RAW_HOST"), "/run");
  EXPECT_EQ(variables.at("TUNNELD_RAW_PORT"), "");
}

}  // namespace
}  // namespace tunneld::cli
