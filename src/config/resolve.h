// Definitions to the model: names to hosts, defaults and overrides to values, and the rules that need both.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/names.h"
#include "config/report.h"
#include "config/scopes.h"

namespace tunneld::config {

struct Resolved {
  Catalog catalog;
  std::set<std::string> left_out;  // profiles that are defined, but not sound
};

// `user`: whose name a host gets that nothing else gives one. `source_missing`: hosts may be unknown that
// exist.
Resolved resolve(const std::vector<FileDefinition>& files, const std::string& user, bool source_missing,
                 Report& report);

// A hop in its profile: the vault's host that it means, if it is one, and what the hop itself says.
struct HopTarget {
  const Defined<HostDefinition>* vault = nullptr;
  std::string name;        // as the hop writes it; of a vault host its name
  std::string hostname;    // of a host that is not in the vault
  HostSettings said;       // user@ and :port
  std::size_t number = 0;  // of the hop, from 1
  Spot spot;
};

// The values for one hop (profile given) or for the vault's list (profile null), and the files they come
// from.
Host resolve_host(const HopTarget& target, const Defined<ProfileDefinition>* profile, Scopes& scopes,
                  const std::string& user, std::set<std::string>& files);

// A value of a profile; null when nothing says one.
struct ProfileLayers {
  std::vector<const ProfileSettings*> layers;  // strongest first
  std::set<std::string>& files;

  template <typename T>
  const Placed<T>* choose(Setting<T> ProfileSettings::*setting) const {
    for (const ProfileSettings* layer : layers) {
      if (!(layer->*setting)) continue;
      files.insert((layer->*setting)->spot.source->path());
      return &*(layer->*setting);
    }
    return nullptr;
  }
};

struct ResolvedForwards {
  std::vector<Forward> forwards;
  std::vector<Spot> listen_spots;  // of each forward
};

// The base's forwards in its order, each key overridden singly, then those that overrides.yaml adds. Reports
// missing keys, two forwards on one address and names that become one variable.
ResolvedForwards resolve_forwards(const Defined<ProfileDefinition>& profile, Report& report,
                                  std::set<std::string>& files);

// The chains of profiles.
struct HopResolver {
  const Names& names;
  Scopes& scopes;
  Report& report;
  std::string user;
  bool hosts_unknown;  // a file could not be read in whole: hosts may exist that nobody knows of
  std::vector<std::string> known_hops;  // names of hosts and pools

  // Reports undefined names, pools, a host that stands twice. Nothing when the chain is not sound.
  std::optional<std::vector<Host>> chain(const Defined<ProfileDefinition>& profile,
                                         std::set<std::string>& files);

 private:
  void report_missing(const Defined<ProfileDefinition>& profile);
  std::optional<HopTarget> target_of(const HopDefinition& hop);
  bool accept_bare(const HopDefinition& hop);
  void check_order(const std::vector<HopTarget>& targets, const std::vector<Host>& hosts);
};

}  // namespace tunneld::config
