#include "config/reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "config/secret_text.h"
#include "core/duration.h"
#include "core/nearest.h"

namespace tunneld::config {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxSocketPathBytes = 107;
constexpr const char* kNameFix =
    "use up to 64 letters, digits, '.', '_' and '-', with a letter or digit first";

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "?";
}

// Where a key belongs that stands in the wrong place.
std::string_view home_of(std::string_view key) {
  constexpr std::array kHomes = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"hostname", "a host"},
      {"host_keys", "a host"},
      {"host_key_alias", "a host"},
      {"via", "a host"},
      {"port", "a host"},
      {"hops", "a profile"},
      {"forwards", "a profile"},
      {"description", "a profile"},
      {"on_demand", "a profile"},
      {"idle_timeout", "a profile"},
      {"hold_timeout", "a profile"},
      {"max_connections", "a profile"},
      {"access", "a profile"},
      {"reconnect", "a profile"},
      {"listen", "a forward"},
      {"connect", "a forward"},
      {"app", "a forward"},
      {"initial_delay", "reconnect"},
      {"max_delay", "reconnect"},
      {"include", "the file itself"},
      {"defaults", "the file itself"},
      {"hosts", "the file itself"},
      {"profiles", "the file itself"},
      {"groups", "the file itself"},
      {"secrets", "the file itself"},
      {"pools", "the file itself"},
  });
  for (const auto& [name, home] : kHomes)
    if (name == key) return home;
  return {};
}

void refuse_key(Report& report, const Node& key, std::string_view what, const std::vector<Key>& keys) {
  if (is_secret_key(key.text)) {
    report.error(key.spot, "secrets never stand in a profile: " + in_quotes(key.text) + " is not a key",
                 "take the value out of the file, change that secret, and use a key file or the ssh-agent");
    return;
  }
  std::vector<std::string> known;
  known.reserve(keys.size());
  for (const Key& candidate : keys) known.emplace_back(candidate.name);
  std::string fix = "known are: ";
  if (const auto near = nearest(key.text, known)) {
    fix = "did you mean " + in_quotes(*near) + "?";
  } else if (const std::string_view home = home_of(key.text); !home.empty()) {
    fix = "it is a key of " + std::string(home);
  } else {
    for (std::size_t i = 0; i < known.size(); ++i) fix += (i == 0 ? "" : ", ") + known[i];
  }
  report.error(key.spot, std::string(what) + " has no key " + in_quotes(key.text), std::move(fix));
}

}  // namespace

bool is_name(std::string_view text) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= kMaxNameBytes && alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [alphanumeric](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_missing(const Node& map, const std::string& key) {
  if (map.kind != Node::Kind::map || map.own_flaw) return false;
  return std::none_of(map.entries.begin(), map.entries.end(), [&key](const Entry& entry) {
    return entry.key->text == key || nearest(entry.key->text, {key}).has_value();
  });
}

void Reader::fault(const Spot& spot, const Error& error) {
  report.error(spot, error.message, error.fix);
}

bool Reader::is_kind(const Node& node, Node::Kind kind, std::string_view expected) {
  if (node.kind == kind) return true;
  if (node.own_flaw && node.is_scalar()) return false;  // its tag is reported
  const bool bare_item = kind == Node::Kind::list && node.is_scalar();
  report.error(node.spot,
               "expected " + std::string(expected) + ", found " + std::string(kind_name(node.kind)),
               bare_item ? "put it in brackets: [...]" : "write " + std::string(expected));
  return false;
}

bool Reader::map(const Node& node, std::string_view what, const std::vector<Key>& keys) {
  if (!is_kind(node, Node::Kind::map, "a map")) return true;
  bool all_known = true;
  for (const Entry& entry : node.entries) {
    const auto known = std::find_if(keys.begin(), keys.end(),
                                    [&entry](const Key& key) { return key.name == entry.key->text; });
    if (known == keys.end()) {
      refuse_key(report, *entry.key, what, keys);
      all_known = false;
    } else if (entry.value->kind == Node::Kind::null && !known->may_be_empty) {
      report.error(entry.key->spot, in_quotes(entry.key->text) + " has no value",
                   "write one, or take the key away");
    } else if (known->read_with_key) {
      known->read_with_key(*entry.value, entry.key->spot);
    } else {
      known->read(*entry.value);
    }
  }
  return all_known;
}

void Reader::named(const Node& node, std::string_view what,
                   const std::function<void(const Node& key, const Node& value, bool sound)>& read) {
  if (node.kind == Node::Kind::null) return;
  if (!is_kind(node, Node::Kind::map, "a map keyed by names")) return;
  for (const Entry& entry : node.entries) {
    const bool good = is_name(entry.key->text);
    if (!good)
      report.error(entry.key->spot, in_quotes(entry.key->text) + " cannot be the name of " + std::string(what),
                   kNameFix);
    read(*entry.key, *entry.value, good && !entry.twice);
  }
}

std::optional<std::string> Reader::text(const Node& node) {
  if (!is_kind(node, Node::Kind::scalar, "a single value")) return std::nullopt;
  if (node.flawed) return std::nullopt;
  if (node.text.find("${") != std::string::npos) {
    report.error(node.spot, "variables are not expanded here",
                 "only user, hostname, identity_file and paths of unix sockets may hold ${...}");
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> Reader::word(const Node& node, std::optional<Error> (*check)(std::string_view)) {
  auto value = text(node);
  if (!value) return std::nullopt;
  if (const auto wrong = check(*value)) {
    fault(node.spot, *wrong);
    return std::nullopt;
  }
  return value;
}

Setting<bool> Reader::boolean(const Node& node) {
  const auto value = text(node);
  if (!value) return std::nullopt;
  if (*value == "true" || *value == "false") return Placed<bool>{*value == "true", node.spot};
  report.error(node.spot, in_quotes(*value) + " is neither true nor false", "write true or false");
  return std::nullopt;
}

Setting<int> Reader::integer(const Node& node, int least, int most) {
  const auto value = text(node);
  if (!value) return std::nullopt;
  int number = 0;
  const char* end = value->data() + value->size();
  const auto [stop, failure] = std::from_chars(value->data(), end, number);
  const bool zeros = value->size() > 1 && value->front() == '0';
  if (failure == std::errc{} && stop == end && !zeros && number >= least && number <= most)
    return Placed<int>{number, node.spot};
  report.error(
      node.spot,
      in_quotes(*value) + " is not a number from " + std::to_string(least) + " to " + std::to_string(most),
      "write a whole number in that range, without leading zeros");
  return std::nullopt;
}

Setting<std::uint16_t> Reader::port(const Node& node) {
  const auto value = text(node);
  if (!value) return std::nullopt;
  const auto parsed = parse_port(*value, PortZero::refused);
  if (parsed) return Placed<std::uint16_t>{*parsed, node.spot};
  fault(node.spot, parsed.error());
  return std::nullopt;
}

Setting<Duration> Reader::duration_or_never(const Node& node) {
  const auto value = text(node);
  if (!value) return std::nullopt;
  const auto parsed = parse_duration(*value);
  if (!parsed) {
    report.error(node.spot, in_quotes(*value) + ": " + parsed.error().message, parsed.error().fix);
    return std::nullopt;
  }
  if (*parsed == Milliseconds(0)) {
    report.error(node.spot, "this duration must be more than zero", "write never to switch it off");
    return std::nullopt;
  }
  return Placed<Duration>{*parsed, node.spot};
}

Setting<Milliseconds> Reader::duration(const Node& node, Milliseconds least) {
  const auto value = text(node);
  if (!value) return std::nullopt;
  const auto parsed = parse_duration(*value);
  if (!parsed) {
    report.error(node.spot, in_quotes(*value) + ": " + parsed.error().message,
                 "write it like 500ms, 15s, 2m or 1h30m");
  } else if (!parsed->has_value()) {
    report.error(node.spot, "this duration cannot be `never`", "write it like 500ms, 15s, 2m or 1h30m");
  } else if (**parsed < least) {
    report.error(node.spot, "this duration must be at least " + std::to_string(least.count()) + "ms",
                 "write a longer one");
  } else {
    return Placed<Milliseconds>{**parsed, node.spot};
  }
  return std::nullopt;
}

Setting<std::string> Reader::expanded_word(const Node& node,
                                           std::optional<Error> (*check)(std::string_view)) {
  if (!is_kind(node, Node::Kind::scalar, "a single value") || node.flawed) return std::nullopt;
  const auto value = expander.variables(node.text, node.spot, report);
  if (!value) return std::nullopt;
  if (const auto wrong = check(*value)) {
    fault(node.spot, *wrong);
    return std::nullopt;
  }
  return Placed<std::string>{*value, node.spot};
}

Setting<std::string> Reader::path(const Node& node) {
  if (!is_kind(node, Node::Kind::scalar, "a path") || node.flawed) return std::nullopt;
  auto value = expander.path(node.text, node.spot, report);
  if (!value) return std::nullopt;
  return Placed<std::string>{*std::move(value), node.spot};
}

Setting<std::string> Reader::one_of(const Node& node, const std::vector<std::string>& allowed) {
  const auto value = text(node);
  if (!value) return std::nullopt;
  if (std::find(allowed.begin(), allowed.end(), *value) != allowed.end())
    return Placed<std::string>{*value, node.spot};
  std::string fix = "write ";
  if (const auto near = nearest(*value, allowed)) {
    fix = "did you mean " + in_quotes(*near) + "?";
  } else {
    for (std::size_t i = 0; i < allowed.size(); ++i)
      fix += (i == 0 ? "" : i + 1 == allowed.size() ? " or " : ", ") + allowed[i];
  }
  report.error(node.spot, in_quotes(*value) + " is not known here", std::move(fix));
  return std::nullopt;
}

void Reader::items(const Node& node, const std::function<void(const Node& item)>& read) {
  if (!is_kind(node, Node::Kind::list, "a list")) return;
  if (node.items.size() > kMaxListItems)
    report.error(node.items[kMaxListItems]->spot, "a list holds at most 64 items", "take some away");
  for (std::size_t i = 0; i < std::min(node.items.size(), kMaxListItems); ++i) read(*node.items[i]);
}

std::vector<Placed<std::string>> Reader::texts(const Node& node) {
  std::vector<Placed<std::string>> values;
  items(node, [this, &values](const Node& item) {
    if (auto value = text(item)) values.push_back({*std::move(value), item.spot});
  });
  return values;
}

Setting<std::vector<std::string>> Reader::list_of(const Node& node, const std::vector<std::string>& allowed) {
  Placed<std::vector<std::string>> values{{}, node.spot};
  items(node, [this, &values, &allowed](const Node& item) {
    if (auto value = one_of(item, allowed)) values.value.push_back(std::move(value->value));
  });
  return values;
}

Setting<std::vector<std::string>> Reader::paths(const Node& node, Variables variables) {
  Placed<std::vector<std::string>> values{{}, node.spot};
  const auto read = [this, &values, variables](const Node& item) {
    if (variables == Variables::refused && !text(item)) return;
    if (auto value = path(item)) values.value.push_back(std::move(value->value));
  };
  if (node.kind == Node::Kind::list)
    items(node, read);
  else
    read(node);
  return values;
}

Setting<std::vector<std::string>> Reader::names(const Node& node, std::string_view what) {
  Placed<std::vector<std::string>> values{{}, node.spot};
  for (const Placed<std::string>& item : texts(node)) {
    if (is_name(item.value))
      values.value.push_back(item.value);
    else
      report.error(item.spot, in_quotes(item.value) + " cannot be " + std::string(what), kNameFix);
  }
  return values;
}

std::optional<Endpoint> Reader::finish_endpoint(Endpoint endpoint, const Spot& spot) {
  if (endpoint.kind == Endpoint::Kind::tcp) return endpoint;
  auto expanded = expander.path(endpoint.path, spot, report);
  if (!expanded) return std::nullopt;
  if (expanded->size() > kMaxSocketPathBytes) {
    report.error(spot, "the path of a unix socket is at most 107 bytes long", "use a shorter path");
    return std::nullopt;
  }
  if (expanded->ends_with('/')) {
    report.error(spot, in_quotes(*expanded) + " is a folder, not the path of a unix socket", "add the name of the socket");
    return std::nullopt;
  }
  endpoint.path = *std::move(expanded);
  return endpoint;
}

Setting<Endpoint> Reader::endpoint(const Node& node, PortZero zero) {
  if (!is_kind(node, Node::Kind::scalar, "an address such as \"127.0.0.1:5432\"") || node.flawed)
    return std::nullopt;
  if (!node.text.starts_with("unix:") && !text(node)) return std::nullopt;
  const auto parsed = parse_endpoint(node.text, zero);
  if (!parsed) {
    fault(node.spot, parsed.error());
    return std::nullopt;
  }
  auto finished = finish_endpoint(*parsed, node.spot);
  if (!finished) return std::nullopt;
  return Placed<Endpoint>{*std::move(finished), node.spot};
}

}  // namespace tunneld::config
