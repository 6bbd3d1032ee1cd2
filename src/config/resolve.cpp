#include "config/resolve.h"

#include <algorithm>
#include <utility>

#include "config/clash.h"

namespace tunneld::config {
namespace {

class Resolver {
 public:
  Resolver(const std::vector<FileDefinition>& files, const std::string& user, bool source_missing,
           Report& report)
      : report_(report),
        scopes_(files),
        names_(collect_names(files, report)),
        hops_{names_, scopes_, report, user, source_missing || scopes_.some_failed(), keys_of(names_.hosts)} {
    for (const std::string& pool : keys_of(names_.pools)) hops_.known_hops.push_back(pool);
  }

  Resolved run() {
    for (const auto& [name, defined] : names_.profiles) resolve_profile(name, defined);
    resolve_vault();
    resolve_groups();
    warn_of_clashes();
    return std::move(result_);
  }

 private:
  void resolve_profile(const std::string& name, const Defined<ProfileDefinition>& defined);
  void apply_settings(const Defined<ProfileDefinition>& defined, Profile& profile);
  void resolve_vault();
  void resolve_groups();
  void warn_of_clashes();

  Report& report_;
  Scopes scopes_;
  Names names_;
  HopResolver hops_;
  std::map<std::string, std::vector<Spot>> listen_spots_;  // of each sound profile's forwards
  Resolved result_;
};

void Resolver::resolve_profile(const std::string& name, const Defined<ProfileDefinition>& defined) {
  const std::size_t errors = report_.error_count();
  Profile profile;
  profile.name = name;
  profile.position = position_of(defined.any().spot);
  profile.files.insert(defined.any().spot.source->path());
  for (const ProfileDefinition* said : {defined.base, defined.override}) {
    if (said == nullptr) continue;
    profile.files.insert(said->spot.source->path());
    if (said->description) profile.description = said->description->value;
    if (said->tags) profile.tags = said->tags->value;
  }
  auto chain = hops_.chain(defined, profile.files);
  ResolvedForwards forwards = resolve_forwards(defined, report_, profile.files);
  apply_settings(defined, profile);
  const bool sound = !defined.bad() && scopes_.sound(scopes_.file_of(defined.any().spot)) &&
                     chain.has_value() && report_.error_count() == errors;
  if (!sound) {
    result_.left_out.insert(name);
    return;
  }
  profile.hops = *std::move(chain);
  profile.forwards = std::move(forwards.forwards);
  listen_spots_[name] = std::move(forwards.listen_spots);
  result_.catalog.profiles[name] = std::move(profile);
}

void Resolver::apply_settings(const Defined<ProfileDefinition>& defined, Profile& profile) {
  ProfileLayers layers{{}, profile.files};
  if (defined.override != nullptr) layers.layers.push_back(&defined.override->settings);
  if (defined.base != nullptr) layers.layers.push_back(&defined.base->settings);
  const std::size_t file = scopes_.file_of(defined.any().spot);
  for (const DefaultsDefinition* defaults : scopes_.defaults(file, file))
    layers.layers.push_back(&defaults->profile);

  using S = ProfileSettings;
  if (const auto* said = layers.choose(&S::on_demand)) profile.on_demand = said->value;
  if (const auto* said = layers.choose(&S::idle_timeout)) profile.idle_timeout = said->value;
  if (const auto* said = layers.choose(&S::hold_timeout)) profile.hold_timeout = said->value;
  if (const auto* said = layers.choose(&S::max_connections)) profile.max_connections = said->value;
  if (const auto* said = layers.choose(&S::access)) profile.access = said->value;
  const auto* initial = layers.choose(&S::initial_delay);
  const auto* max = layers.choose(&S::max_delay);
  if (initial != nullptr) profile.reconnect.initial_delay = initial->value;
  if (max != nullptr) profile.reconnect.max_delay = max->value;
  const Spot* spot = max != nullptr ? &max->spot : initial != nullptr ? &initial->spot : nullptr;
  if (spot == nullptr || profile.reconnect.initial_delay <= profile.reconnect.max_delay) return;
  report_.error(*spot,
                "reconnect: initial_delay (" + std::to_string(profile.reconnect.initial_delay.count()) +
                    "ms) is longer than max_delay (" + std::to_string(profile.reconnect.max_delay.count()) +
                    "ms)",
                "make max_delay the longer of the two");
}

void Resolver::resolve_vault() {
  std::vector<std::string> known;
  for (const auto& [name, defined] : names_.hosts)
    if (defined.base != nullptr) known.push_back(name);
  for (const auto& [name, defined] : names_.hosts) {
    const HostDefinition& said = defined.any();
    if (defined.base == nullptr && !said.hostname)
      if (const std::string fix = nearest_fix(name, known, report_, ""); !fix.empty())
        report_.warning(said.spot, "there is no host " + in_quotes(name) + " to override", fix);
    if (defined.bad() || !scopes_.sound(scopes_.file_of(said.spot))) continue;
    HopTarget target;
    target.vault = &defined;
    target.name = name;
    target.spot = said.spot;
    std::set<std::string> files;
    result_.catalog.hosts[name] = resolve_host(target, nullptr, scopes_, hops_.user, files);
  }
}

void Resolver::resolve_groups() {
  std::set<std::string> tags;
  for (const auto& [name, profile] : result_.catalog.profiles)
    tags.insert(profile.tags.begin(), profile.tags.end());
  for (const auto& [name, defined] : names_.groups) {
    const NameList& group = defined.override != nullptr ? *defined.override : *defined.base;
    if (tags.contains(name))
      report_.warning(group.spot,
                      "group " + in_quotes(name) + " has the name of a tag: @" + name + " means the group",
                      "rename one of the two");
    std::vector<std::string> members;
    bool sound = !defined.bad();
    for (const Placed<std::string>& member : group.members) {
      members.push_back(member.value);
      sound = sound && names_.profiles.contains(member.value);
    }
    if (sound) result_.catalog.groups[name] = std::move(members);
  }
}

// Two profiles may share an address as long as they are not up together, so that it is worth a word, not
// more.
void Resolver::warn_of_clashes() {
  ClashIndex index;
  for (const auto& [name, profile] : result_.catalog.profiles) {
    for (std::size_t i = 0; i < profile.forwards.size(); ++i) {
      const Forward& forward = profile.forwards[i];
      const Spot& spot = listen_spots_[name][i];
      const auto earlier = index.add(forward.listen, {name, forward.name, spot});
      if (!earlier || earlier->profile == name) continue;
      report_.warning(spot,
                      "profile " + in_quotes(earlier->profile) + " listens on " + to_string(forward.listen) +
                          " too (forward " + in_quotes(earlier->forward) + ", " +
                          to_string(position_of(earlier->spot)) + "): the two cannot be up together",
                      "give one of them another port");
    }
  }
}

}  // namespace

Resolved resolve(const std::vector<FileDefinition>& files, const std::string& user, bool source_missing,
                 Report& report) {
  return Resolver(files, user, source_missing, report).run();
}

}  // namespace tunneld::config
