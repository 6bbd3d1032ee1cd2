// The keys that hosts, profiles and defaults share.
#include <utility>

#include "config/reader.h"

namespace tunneld::config {
namespace {

// What tunneld offers (README.md, security); a profile may narrow it, not widen it.
const std::vector<std::string> kCiphers{"aes128-gcm@openssh.com",
                                        "aes256-gcm@openssh.com",
                                        "chacha20-poly1305@openssh.com",
                                        "aes128-ctr",
                                        "aes192-ctr",
                                        "aes256-ctr"};
const std::vector<std::string> kAuthentications{"publickey", "keyboard-interactive", "password"};
constexpr int kMaxAliveCount = 1'000;
constexpr int kMaxConnections = 100'000;
constexpr Milliseconds kShortest{1};

Setting<std::optional<std::string>> read_identity_agent(Reader& reader, const Node& node) {
  using Agent = Placed<std::optional<std::string>>;
  if (node.is_scalar() && node.text == "SSH_AUTH_SOCK") return Agent{std::nullopt, node.spot};
  if (node.is_scalar() && node.text == "none") return Agent{"none", node.spot};
  auto path = reader.path(node);
  if (!path) return std::nullopt;
  return Agent{std::move(path->value), node.spot};
}

Setting<StrictHostKeyChecking> read_strict(Reader& reader, const Node& node) {
  if (node.is_scalar() && (node.text == "no" || node.text == "off" || node.text == "false")) {
    reader.report.error(node.spot, "host keys are always checked: " + in_quotes(node.text) + " does not exist",
                        "write accept-new to record a new key unasked, ask, or yes");
    return std::nullopt;
  }
  const auto word = reader.one_of(node, {"yes", "ask", "accept-new"});
  if (!word) return std::nullopt;
  const auto value = word->value == "yes"   ? StrictHostKeyChecking::yes
                     : word->value == "ask" ? StrictHostKeyChecking::ask
                                            : StrictHostKeyChecking::accept_new;
  return Placed<StrictHostKeyChecking>{value, node.spot};
}

Setting<std::vector<std::string>> read_authentications(Reader& reader, const Node& node) {
  Placed<std::vector<std::string>> methods{{}, node.spot};
  reader.items(node, [&reader, &methods](const Node& item) {
    const auto method = reader.one_of(item, kAuthentications);
    if (!method) return;
    if (method->value == "publickey")
      methods.value.push_back(method->value);
    else
      reader.report.not_built(item.spot, "the authentication " + in_quotes(method->value),
                              "leave only publickey: key files, certificates and the ssh-agent work");
  });
  return methods;
}

// passphrase_from and its like: a name under secrets:, which no part of this version reads yet.
void read_secret_reference(Reader& reader, const Node& node, const Spot& key, const std::string& name) {
  reader.report.not_built(key, in_quotes(name),
                          "load the key into ssh-agent, or use a key without a passphrase");
  if (auto value = reader.text(node))
    reader.file.references.push_back({Reference::Kind::secret, *std::move(value), node.spot});
}

Setting<Access> read_access(Reader& reader, const Node& node) {
  if (node.kind != Node::Kind::list) {
    const auto word = reader.one_of(node, {"same_user", "any"});
    if (!word) return std::nullopt;
    const bool any = word->value == "any";
    return Placed<Access>{{any ? Access::Kind::any : Access::Kind::same_user, {}}, node.spot};
  }
  Access access{Access::Kind::users, {}};
  if (node.items.empty())
    reader.report.error(node.spot, "this list of users is empty",
                        "name users of this machine, or write same_user");
  reader.items(node, [&reader, &access](const Node& item) {
    if (auto user = reader.word(item, check_user_word)) access.users.push_back(*std::move(user));
  });
  return Placed<Access>{std::move(access), node.spot};
}

void read_reconnect(Reader& reader, const Node& node, ProfileSettings& settings) {
  reader.map(
      node, "reconnect",
      {{"initial_delay",
        [&](const Node& value) { settings.initial_delay = reader.duration(value, kShortest); }},
       {"max_delay", [&](const Node& value) { settings.max_delay = reader.duration(value, kShortest); }}});
}

}  // namespace

std::vector<Key> host_setting_keys(Reader& r, HostSettings& s) {
  const auto secret = [&r](const std::string& name) {
    return [&r, name](const Node& node, const Spot& key) { read_secret_reference(r, node, key, name); };
  };
  return {
      {"user", [&](const Node& n) { s.user = r.expanded_word(n, check_user_word); }},
      {"identity_file", [&](const Node& n) { s.identity_files = r.paths(n, Variables::expanded); }},
      {"certificate_file", [&](const Node& n) { s.certificate_files = r.paths(n, Variables::refused); }},
      {"identity_agent", [&](const Node& n) { s.identity_agent = read_identity_agent(r, n); }},
      {"identities_only", [&](const Node& n) { s.identities_only = r.boolean(n); }},
      {"strict_host_key_checking", [&](const Node& n) { s.strict_host_key_checking = read_strict(r, n); }},
      {"ciphers", [&](const Node& n) { s.ciphers = r.list_of(n, kCiphers); }},
      {"preferred_authentications",
       [&](const Node& n) { s.preferred_authentications = read_authentications(r, n); }},
      {"connect_timeout", [&](const Node& n) { s.connect_timeout = r.duration(n, kShortest); }},
      {"server_alive_interval", [&](const Node& n) { s.server_alive_interval = r.duration_or_never(n); }},
      {"server_alive_count_max",
       [&](const Node& n) { s.server_alive_count_max = r.integer(n, 1, kMaxAliveCount); }},
      {"passphrase_from", {}, secret("passphrase_from")},
      {"password_from", {}, secret("password_from")},
      {"otp_from", {}, secret("otp_from")},
  };
}

std::vector<Key> profile_setting_keys(Reader& r, ProfileSettings& s) {
  return {
      {"on_demand", [&](const Node& n) { s.on_demand = r.boolean(n); }},
      {"idle_timeout", [&](const Node& n) { s.idle_timeout = r.duration_or_never(n); }},
      {"hold_timeout", [&](const Node& n) { s.hold_timeout = r.duration(n, Milliseconds(0)); }},
      {"max_connections", [&](const Node& n) { s.max_connections = r.integer(n, 1, kMaxConnections); }},
      {"access", [&](const Node& n) { s.access = read_access(r, n); }},
      {"reconnect", [&](const Node& n) { read_reconnect(r, n, s); }},
  };
}

DefaultsDefinition read_defaults(Reader& reader, const Node& node) {
  DefaultsDefinition defaults;
  if (node.kind == Node::Kind::null) return defaults;
  const std::size_t errors = reader.report.error_count();
  std::vector<Key> keys = host_setting_keys(reader, defaults.host);
  for (Key& key : profile_setting_keys(reader, defaults.profile)) keys.push_back(std::move(key));
  keys.push_back({"port", [&](const Node& value) { defaults.host.port = reader.port(value); }});
  reader.map(node, "defaults", keys);
  defaults.bad = node.flawed || reader.report.error_count() != errors;
  return defaults;
}

}  // namespace tunneld::config
