// A host of the vault.
#include <algorithm>
#include <utility>

#include "config/reader.h"

namespace tunneld::config {
namespace {

// 32 bytes of SHA-256 in base64 without padding, as ssh-keygen -l prints them.
bool is_pin(std::string_view text) {
  constexpr std::string_view kPrefix = "SHA256:";
  constexpr std::size_t kDigestCharacters = 43;
  if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + kDigestCharacters) return false;
  text.remove_prefix(kPrefix.size());
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

Setting<std::vector<std::string>> read_pins(Reader& reader, const Node& node) {
  Placed<std::vector<std::string>> pins{{}, node.spot};
  for (const Placed<std::string>& item : reader.texts(node)) {
    if (is_pin(item.value))
      pins.value.push_back(item.value);
    else
      reader.report.error(item.spot, in_quotes(item.value) + " is not a SHA256 fingerprint of a host key",
                          "write SHA256: and 43 characters, as `ssh-keygen -lf KEY.pub` prints them");
  }
  return pins;
}

Setting<std::string> read_hostname(Reader& reader, const Node& node) {
  auto name = reader.expanded_word(node, check_host_word);
  if (!name || name->value.find(':') == std::string::npos || is_ip_address(name->value)) return name;
  reader.report.error(node.spot, in_quotes(name->value) + " is not a host name", "put the port under `port:`");
  return std::nullopt;
}

void read_socks(Reader& reader, const Node& node) {
  const auto proxy = reader.endpoint(node, PortZero::refused);
  if (proxy && proxy->value.kind != Endpoint::Kind::tcp)
    reader.report.error(node.spot, "a SOCKS proxy is a TCP address", "write HOST:PORT");
}

void read_http(Reader& reader, const Node& node) {
  const auto url = reader.text(node);
  if (url && !url->starts_with("http://") && !url->starts_with("https://"))
    reader.report.error(node.spot, in_quotes(*url) + " is not the URL of a proxy", "write http://HOST:PORT");
}

void read_via(Reader& reader, const Node& node, const Spot& key) {
  reader.report.not_built(key, "`via`", "reach the first hop directly, or through another hop");
  reader.map(node, "via",
             {{"proxy_command", [&](const Node& value) { read_command(reader, value); }},
              {"http_connect", [&](const Node& value) { read_http(reader, value); }},
              {"socks5", [&](const Node& value) { read_socks(reader, value); }}});
  if (node.kind == Node::Kind::map && node.entries.size() != 1 && !node.own_flaw)
    reader.report.error(node.spot, "`via` takes exactly one way",
                        "keep proxy_command, http_connect or socks5");
}

}  // namespace

void read_command(Reader& reader, const Node& node) {
  const std::vector<Placed<std::string>> words = reader.texts(node);
  if (node.kind != Node::Kind::list) return;
  if (node.items.empty())
    reader.report.error(node.spot, "this command is empty", "write [/path/of/program, argument...]");
  else if (!words.empty() && !words.front().value.starts_with('/'))
    reader.report.error(words.front().spot, "a command is run without a shell and without PATH",
                        "begin it with the program's absolute path");
}

HostDefinition read_host(Reader& reader, const Node& key, const Node& node) {
  HostDefinition host;
  host.name = key.text;
  host.spot = key.spot;
  if (node.kind == Node::Kind::null) return host;  // its name says it all
  const std::size_t errors = reader.report.error_count();
  std::vector<Key> keys = host_setting_keys(reader, host.settings);
  keys.push_back({"hostname", [&](const Node& value) { host.hostname = read_hostname(reader, value); }});
  keys.push_back({"port", [&](const Node& value) { host.settings.port = reader.port(value); }});
  keys.push_back({"tags", [&](const Node& value) { host.tags = reader.names(value, "a tag"); }});
  keys.push_back({"host_keys", [&](const Node& value) { host.host_keys = read_pins(reader, value); }});
  keys.push_back({"host_key_alias", [&](const Node& value) {
                    if (auto alias = reader.word(value, check_host_word))
                      host.host_key_alias = Placed<std::string>{*std::move(alias), value.spot};
                  }});
  keys.push_back({"via", {}, [&](const Node& value, const Spot& spot) {
                    host.via = Placed<bool>{true, spot};
                    read_via(reader, value, spot);
                  }});
  reader.map(node, "a host", keys);
  host.bad = node.flawed || reader.report.error_count() != errors;
  return host;
}

}  // namespace tunneld::config
