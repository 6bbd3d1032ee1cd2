#include "ssh/errors.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

namespace tunneld::ssh {
namespace {

constexpr std::uint32_t kProhibited = 1;  // RFC 4254 section 5.1
constexpr std::uint32_t kConnectFailed = 2;
constexpr std::uint32_t kUnknownType = 3;
constexpr std::uint32_t kResourceShortage = 4;

Host bastion() {
  Host host;
  host.name = "edge";
  host.hostname = "bastion.corp.com";
  host.user = "alice";
  return host;
}

Host target() {
  Host host;
  host.name = "db-gw";
  host.hostname = "10.0.5.12";
  host.user = "dba";
  return host;
}

// What, why and the fix are there, one line each; where is the caller's to say.
void expect_error(const Error& error, ErrorCode code, const std::string& message, const std::string& cause) {
  EXPECT_EQ(error.code, code) << error_info(error.code).name;
  EXPECT_EQ(error.message, message);
  EXPECT_EQ(error.cause, cause);
  EXPECT_NE(error.fix, "");
  for (const std::string& line : {error.message, error.cause, error.fix})
    EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos) << line;
}

TEST(ConnectError, TellsRefusedSilentAndUnreachableApart) {
  const std::string address = "192.0.2.1:22";
  expect_error(connect_error(bastion(), address, ECONNREFUSED), ErrorCode::connection_refused,
               "bastion.corp.com:22 (192.0.2.1:22) refuses the connection",
               "nothing listens on that port, or a firewall rejects it");
  expect_error(connect_error(bastion(), address, ETIMEDOUT), ErrorCode::connect_timeout,
               "bastion.corp.com:22 (192.0.2.1:22) does not answer", "no packet came back");
  for (const int number : {EHOSTUNREACH, ENETUNREACH, EACCES})
    expect_error(connect_error(bastion(), address, number), ErrorCode::unreachable,
                 "bastion.corp.com:22 (192.0.2.1:22) cannot be reached", std::strerror(number));
}

TEST(ConnectError, NamesTheAddressOnlyWhenItSaysMore) {
  Host host = bastion();
  host.hostname = "192.0.2.1";
  EXPECT_EQ(connect_error(host, "192.0.2.1:22", ECONNREFUSED).message, "192.0.2.1:22 refuses the connection");
  EXPECT_EQ(connect_error(host, "", ECONNREFUSED).message, "192.0.2.1:22 refuses the connection");
  host.hostname = "::1";
  host.port = 2222;
  EXPECT_EQ(connect_error(host, "[::1]:2222", ECONNREFUSED).message, "[::1]:2222 refuses the connection");
}

TEST(ResolveError, NamesTheName) {
  expect_error(resolve_error(bastion(), "unknown node or service"), ErrorCode::name_not_found,
               "the name bastion.corp.com has no address", "unknown node or service");
}

// The text of the command line's documentation.
TEST(ChannelError, ProhibitedSaysWhatToSetOnWhichServer) {
  const Error error = channel_error(bastion(), target(), kProhibited, "open failed");
  expect_error(error, ErrorCode::forward_prohibited,
               "bastion.corp.com refuses to forward to 10.0.5.12:22 (administratively prohibited)",
               "its sshd does not allow TCP forwarding for alice, or not to this address");
  EXPECT_EQ(
      error.fix,
      "on bastion.corp.com set \"AllowTcpForwarding yes\" and, if PermitOpen is set, add 10.0.5.12:22; then "
      "reload sshd");
}

// The server's words are all that RFC 4254 leaves: these are OpenSSH's, dropbear's and the resolver's.
TEST(ChannelError, IsToldApartByTheServersWords) {
  struct Row {
    const char* text;
    ErrorCode code;
    const char* message;
  };
  for (const Row& row : {
           Row{"Connection refused", ErrorCode::connection_refused,
               "10.0.5.12:22 refuses the connection from bastion.corp.com"},
           Row{"Name or service not known", ErrorCode::name_not_found,
               "bastion.corp.com finds no address for the name 10.0.5.12"},
           Row{"Could not resolve hostname db", ErrorCode::name_not_found,
               "bastion.corp.com finds no address for the name 10.0.5.12"},
           Row{"No address associated with hostname", ErrorCode::name_not_found,
               "bastion.corp.com finds no address for the name 10.0.5.12"},
           Row{"nodename nor servname provided, or not known", ErrorCode::name_not_found,
               "bastion.corp.com finds no address for the name 10.0.5.12"},
           Row{"Connection timed out", ErrorCode::connect_timeout,
               "10.0.5.12:22 does not answer bastion.corp.com"},
           Row{"timeout", ErrorCode::connect_timeout, "10.0.5.12:22 does not answer bastion.corp.com"},
           Row{"No route to host", ErrorCode::unreachable, "bastion.corp.com cannot connect to 10.0.5.12:22"},
           Row{"open failed", ErrorCode::unreachable, "bastion.corp.com cannot connect to 10.0.5.12:22"},
       })
    expect_error(channel_error(bastion(), target(), kConnectFailed, row.text), row.code, row.message,
                 "it said: " + std::string(row.text));
}

TEST(ChannelError, WithoutWordsItSaysSo) {
  for (const std::uint32_t reason : {kConnectFailed, kResourceShortage})
    expect_error(channel_error(bastion(), target(), reason, ""), ErrorCode::unreachable,
                 "bastion.corp.com cannot connect to 10.0.5.12:22", "it gave no reason");
}

TEST(ChannelError, TakesTheControlCharactersOutOfTheServersWords) {
  expect_error(channel_error(bastion(), target(), kConnectFailed, "no\x1b[2J way\r\nhome"),
               ErrorCode::unreachable, "bastion.corp.com cannot connect to 10.0.5.12:22",
               "it said: no[2J wayhome");
}

TEST(TargetError, NamesTheTargetAndWhoConnectsThere) {
  const Endpoint postgres{Endpoint::Kind::tcp, "127.0.0.1", 5432, ""};
  const Error error = target_error(target(), postgres, kConnectFailed, "Connection refused");
  expect_error(error, ErrorCode::target_refused, "10.0.5.12 cannot connect to 127.0.0.1:5432",
               "it said: Connection refused");
  EXPECT_EQ(error.fix, "check connect of this forward: it is 10.0.5.12 that connects there");
  expect_error(target_error(target(), postgres, kUnknownType, ""), ErrorCode::target_refused,
               "10.0.5.12 cannot connect to 127.0.0.1:5432", "it gave no reason");
}

TEST(TargetError, ProhibitedSaysWhatToSet) {
  const Error error = target_error(target(), {Endpoint::Kind::tcp, "db", 5432, ""}, kProhibited, "");
  expect_error(error, ErrorCode::forward_prohibited,
               "10.0.5.12 refuses to forward to db:5432 (administratively prohibited)",
               "its sshd does not allow TCP forwarding for dba, or not to this address");
  EXPECT_NE(error.fix.find("add db:5432"), std::string::npos);
}

TEST(TargetError, OfAUnixSocketNamesTheKeywordForUnixSockets) {
  const Endpoint socket{Endpoint::Kind::unix_socket, "", 0, "/run/pg.sock"};
  const Error refused = target_error(target(), socket, kProhibited, "");
  expect_error(refused, ErrorCode::forward_prohibited,
               "10.0.5.12 refuses to forward to unix:/run/pg.sock (administratively prohibited)",
               "its sshd does not allow forwarding to unix sockets for dba");
  EXPECT_EQ(refused.fix, "on 10.0.5.12 set \"AllowStreamLocalForwarding yes\"; then reload sshd");

  // OpenSSH's answer both when there is no such socket and when it may not connect to any.
  const Error failed = target_error(target(), socket, kConnectFailed, "open failed");
  expect_error(failed, ErrorCode::target_refused, "10.0.5.12 cannot connect to unix:/run/pg.sock",
               "it said: open failed");
  EXPECT_NE(failed.fix.find("AllowStreamLocalForwarding"), std::string::npos);

  expect_error(target_error(target(), socket, kUnknownType, ""), ErrorCode::target_refused,
               "10.0.5.12 cannot connect to unix:/run/pg.sock", "it does not forward to unix sockets");
  expect_error(target_error(target(), socket, kUnknownType, "no\nsuch type"), ErrorCode::target_refused,
               "10.0.5.12 cannot connect to unix:/run/pg.sock", "nosuch type");
}

TEST(HandshakeError, WhatIsNoSshServerIsShown) {
  expect_error(handshake_error(bastion(), "HTTP/1.1 400 Bad Request\r\nServer: x\r\n", "kex failed"),
               ErrorCode::not_ssh, "bastion.corp.com:22 is not an SSH server",
               "it began with: HTTP/1.1 400 Bad Request");
  expect_error(handshake_error(bastion(), "\x1b[31mred", ""), ErrorCode::not_ssh,
               "bastion.corp.com:22 is not an SSH server", "it began with: [31mred");
  const Error long_one = handshake_error(bastion(), std::string(500, 'x'), "");
  EXPECT_EQ(long_one.cause, "it began with: " + std::string(80, 'x'));
}

TEST(HandshakeError, LinesBeforeTheBannerAreAllowed) {
  EXPECT_EQ(handshake_error(bastion(), "welcome\r\nSSH-2.0-x\r\n", "gone").code, ErrorCode::handshake_failed);
}

TEST(HandshakeError, NoCommonAlgorithmQuotesBothLists) {
  const std::string text =
      "kex error : no match for method encryption client->server: server [3des-cbc], client "
      "[aes256-gcm@openssh.com]";
  Host host = bastion();
  const Error error = handshake_error(host, "SSH-2.0-old\r\n", text);
  expect_error(error, ErrorCode::no_common_algorithm,
               "bastion.corp.com:22 and tunneld have no algorithm in common",
               text.substr(text.find("no match")));
  EXPECT_NE(error.fix.find("update the server"), std::string::npos);
  host.ciphers = {"aes256-gcm@openssh.com"};
  EXPECT_NE(handshake_error(host, "SSH-2.0-old\r\n", text).fix.find("change ciphers"), std::string::npos);
  const std::string kex = "kex error : no match for method kex algos: server [x], client [y]";
  EXPECT_NE(handshake_error(host, "SSH-2.0-old\r\n", kex).fix.find("update the server"), std::string::npos)
      << "the profile's ciphers are not to blame";
}

TEST(HandshakeError, ABrokenHandshakeTellsHowFarItCame) {
  expect_error(handshake_error(bastion(), "", "Socket error: disconnected"), ErrorCode::handshake_failed,
               "bastion.corp.com:22 broke off the SSH handshake",
               "it closed the connection before it said anything (Socket error: disconnected)");
  expect_error(handshake_error(bastion(), "SSH-2.0-x\r\n", "Socket error: disconnected"),
               ErrorCode::handshake_failed, "bastion.corp.com:22 broke off the SSH handshake",
               "Socket error: disconnected");
}

TEST(DeadlineError, SaysWhatTookHowLong) {
  expect_error(deadline_error(bastion(), "the key exchange", 10'000), ErrorCode::connect_timeout,
               "bastion.corp.com:22 did not answer in time", "the key exchange took longer than 10 s");
  expect_error(deadline_error(bastion(), "connecting", 1500), ErrorCode::connect_timeout,
               "bastion.corp.com:22 did not answer in time", "connecting took longer than 1500 ms");
}

TEST(LostError, QuotesTheReasonWithoutControlCharacters) {
  expect_error(lost_error(bastion(), "Remote\x1b server has closed"), ErrorCode::session_lost,
               "the SSH session to bastion.corp.com:22 ended", "Remote server has closed");
  EXPECT_EQ(lost_error(bastion(), "").cause, "");
}

TEST(SilenceError, SaysHowLong) {
  expect_error(silence_error(bastion(), 45'000), ErrorCode::keepalive_timeout,
               "bastion.corp.com:22 has been silent for 45 s",
               "the server or the network to it is gone without a word");
}

}  // namespace
}  // namespace tunneld::ssh
