#include <map>
#include <utility>

#include "config/clash.h"
#include "config/resolve.h"

namespace tunneld::config {
namespace {

// One forward and what overrides.yaml says of it.
struct Merged {
  ForwardDefinition forward;
  bool known = true;  // both readings were sound
};

template <typename T>
void override_one(Setting<T>& base, const Setting<T>& by) {
  if (by) base = by;
}

std::vector<Merged> merge(const Defined<ProfileDefinition>& profile) {
  std::vector<Merged> forwards;
  std::map<std::string, std::size_t> by_name;
  for (const ProfileDefinition* definition : {profile.base, profile.override}) {
    if (definition == nullptr) continue;
    for (const ForwardDefinition& forward : definition->forwards) {
      const auto [at, added] = by_name.emplace(forward.name, forwards.size());
      if (added) {
        forwards.push_back({forward, !forward.bad});
        continue;
      }
      Merged& merged = forwards[at->second];
      override_one(merged.forward.type, forward.type);
      override_one(merged.forward.listen, forward.listen);
      override_one(merged.forward.connect, forward.connect);
      override_one(merged.forward.app, forward.app);
      merged.forward.listen_missing = merged.forward.listen_missing && forward.listen_missing;
      merged.forward.connect_missing = merged.forward.connect_missing && forward.connect_missing;
      merged.known = merged.known && !forward.bad;
    }
  }
  return forwards;
}

ForwardType type_of(const ForwardDefinition& forward) {
  return forward.type ? forward.type->value : ForwardType::local;
}

void check_keys(const ForwardDefinition& forward, Report& report) {
  if (forward.listen_missing)
    report.error(forward.spot, "forward " + in_quotes(forward.name) + " has no `listen`",
                 "say where it listens, like listen: \"127.0.0.1:5432\"");
  if (type_of(forward) == ForwardType::dynamic) {
    if (forward.connect)
      report.error(forward.connect->spot, "a dynamic forward has no `connect`: its clients say where to go",
                   "take the key away");
  } else if (forward.connect_missing) {
    report.error(forward.spot, "forward " + in_quotes(forward.name) + " has no `connect`",
                 "say where it goes on to, like connect: \"127.0.0.1:5432\"");
  }
}

std::string variable_of(const std::string& name) {
  std::string variable = name;
  for (char& c : variable) {
    if (c == '-' || c == '.') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return variable;
}

}  // namespace

ResolvedForwards resolve_forwards(const Defined<ProfileDefinition>& profile, Report& report,
                                  std::set<std::string>& files) {
  ResolvedForwards result;
  ClashIndex here;    // local and dynamic listen on this machine
  ClashIndex remote;  // remote ones on the target
  std::map<std::string, std::string> variables;
  for (const Merged& merged : merge(profile)) {
    const ForwardDefinition& forward = merged.forward;
    check_keys(forward, report);
    const auto [first, added] = variables.emplace(variable_of(forward.name), forward.name);
    if (!added)
      report.warning(forward.spot,
                     "forwards " + in_quotes(first->second) + " and " + in_quotes(forward.name) +
                         " share the variables TUNNELD_" + first->first + "_*",
                     "rename one of the two");
    if (!forward.listen) continue;
    files.insert(forward.listen->spot.source->path());
    ClashIndex& index = type_of(forward) == ForwardType::remote ? remote : here;
    const Listener listener{profile.any().name, forward.name, forward.listen->spot};
    if (const auto earlier = index.add(forward.listen->value, listener))
      report.error(forward.listen->spot,
                   "forwards " + in_quotes(earlier->forward) + " and " + in_quotes(forward.name) +
                       " both listen on " + to_string(forward.listen->value),
                   "give one of them another port, or port 0");
    if (!forward.connect || !merged.known) continue;
    files.insert(forward.connect->spot.source->path());
    if (forward.app) files.insert(forward.app->spot.source->path());
    result.listen_spots.push_back(forward.listen->spot);
    result.forwards.push_back({forward.name, forward.listen->value, forward.connect->value,
                               forward.app ? forward.app->value : std::string(), position_of(forward.spot)});
  }
  return result;
}

}  // namespace tunneld::config
