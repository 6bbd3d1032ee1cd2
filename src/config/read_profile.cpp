// A profile: its hops and forwards.
#include <algorithm>
#include <utility>

#include "config/reader.h"

namespace tunneld::config {
namespace {

Setting<std::vector<HopDefinition>> read_hops(Reader& reader, const Node& node) {
  Placed<std::vector<HopDefinition>> hops{{}, node.spot};
  if (node.kind == Node::Kind::list && node.items.empty())
    reader.report.error(node.spot, "the chain holds no hop", "name the hosts from you to the target");
  for (Placed<std::string>& item : reader.texts(node)) {
    const Result<HopWord> word = parse_hop(item.value);
    if (word)
      hops.value.push_back({std::move(item.value), *word, item.spot});
    else
      reader.fault(item.spot, word.error());
  }
  return hops;
}

void read_shorthand(Reader& reader, const Node& node, ForwardDefinition& forward) {
  if (node.flawed) return;
  const Result<LocalForwardSpec> spec = parse_local_forward(node.text);
  if (!spec) {
    reader.report.error(node.spot, in_quotes(node.text) + ": " + spec.error().message, spec.error().fix);
    return;
  }
  auto listen = reader.finish_endpoint(spec->listen, node.spot);
  auto connect = reader.finish_endpoint(spec->connect, node.spot);
  if (!listen || !connect) return;
  forward.listen = Placed<Endpoint>{*std::move(listen), node.spot};
  forward.connect = Placed<Endpoint>{*std::move(connect), node.spot};
}

void read_type(Reader& reader, const Node& node, ForwardDefinition& forward) {
  const auto type = reader.one_of(node, {"local", "dynamic", "remote"});
  if (!type) return;
  const auto value = type->value == "local"     ? ForwardType::local
                     : type->value == "dynamic" ? ForwardType::dynamic
                                                : ForwardType::remote;
  forward.type = Placed<ForwardType>{value, node.spot};
  if (value != ForwardType::local)
    reader.report.not_built(node.spot, "`type: " + type->value + "`",
                            "use a local forward, which needs no type, or `ssh` for this one");
}

void read_app(Reader& reader, const Node& node, ForwardDefinition& forward) {
  forward.app = reader.one_of(node, {"postgresql", "http"});
  if (forward.app && forward.app->value == "http")
    reader.report.not_built(node.spot, "`app: http`", "leave the key away: bytes are forwarded all the same");
}

}  // namespace

ForwardDefinition read_forward(Reader& reader, const Node& key, const Node& node) {
  ForwardDefinition forward;
  forward.name = key.text;
  forward.spot = key.spot;
  const std::size_t errors = reader.report.error_count();
  if (node.is_scalar()) {
    read_shorthand(reader, node, forward);
  } else if (reader.is_kind(node, Node::Kind::map,
                            "\"port:host:hostport\", or a map with listen and connect")) {
    reader.map(
        node, "a forward",
        {{"type", [&](const Node& value) { read_type(reader, value, forward); }},
         {"listen", [&](const Node& value) { forward.listen = reader.endpoint(value, PortZero::allowed); }},
         {"connect", [&](const Node& value) { forward.connect = reader.endpoint(value, PortZero::refused); }},
         {"app", [&](const Node& value) { read_app(reader, value, forward); }}});
    forward.listen_missing = is_missing(node, "listen");
    forward.connect_missing = is_missing(node, "connect");
  }
  forward.bad = node.flawed || reader.report.error_count() != errors;
  return forward;
}

ProfileDefinition read_profile(Reader& reader, const Node& key, const Node& node) {
  ProfileDefinition profile;
  profile.name = key.text;
  profile.spot = key.spot;
  profile.hops_missing = true;
  if (node.kind == Node::Kind::null) return profile;
  const std::size_t errors = reader.report.error_count();
  std::vector<Key> keys = host_setting_keys(reader, profile.host);
  for (Key& setting : profile_setting_keys(reader, profile.settings)) keys.push_back(std::move(setting));
  keys.push_back({"description", [&](const Node& value) {
                    if (auto text = reader.text(value))
                      profile.description = Placed<std::string>{*std::move(text), value.spot};
                  }});
  keys.push_back({"tags", [&](const Node& value) { profile.tags = reader.names(value, "a tag"); }});
  keys.push_back({"hops", [&](const Node& value) { profile.hops = read_hops(reader, value); }});
  keys.push_back({"forwards", [&](const Node& value) {
                    reader.named(value, "a forward", [&](const Node& name, const Node& forward, bool) {
                      profile.forwards.push_back(read_forward(reader, name, forward));
                    });
                  }});
  reader.map(node, "a profile", keys);
  profile.hops_missing = is_missing(node, "hops");
  profile.bad = node.flawed || reader.report.error_count() != errors;
  return profile;
}

}  // namespace tunneld::config
