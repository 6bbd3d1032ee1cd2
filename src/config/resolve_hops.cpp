#include <algorithm>
#include <utility>

#include "config/resolve.h"

namespace tunneld::config {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

// A host that no vault knows: fine, unless it looks like a slip of the pen or may stand in a file that is
// broken.
bool HopResolver::accept_bare(const HopDefinition& hop) {
  const std::string& host = hop.word.host;
  const bool plain = host.find('.') == std::string::npos && !is_ip_address(host) && host != "localhost";
  if (!plain || hop.word.port) return true;
  const std::string fix =
      nearest_fix(host, known_hops, report, hosts_unknown ? "mend the other files first" : "");
  if (fix.empty()) return true;
  report.error(hop.spot, "no host or pool is named " + in_quotes(host),
               fix + " (a server of that very name is written " + host + ":22)");
  return false;
}

std::optional<HopTarget> HopResolver::target_of(const HopDefinition& hop) {
  HopTarget target;
  target.spot = hop.spot;
  target.name = hop.text;
  if (hop.word.user) target.said.user = Placed<std::string>{*hop.word.user, hop.spot};
  if (hop.word.port) target.said.port = Placed<std::uint16_t>{*hop.word.port, hop.spot};
  const auto host = names.hosts.find(hop.word.host);
  if (host != names.hosts.end()) {
    target.vault = &host->second;
    return target;
  }
  if (names.pools.contains(hop.word.host)) {
    report.not_built(hop.spot, "a pool as hop (" + in_quotes(hop.word.host) + ")", "name one host of the pool");
    return std::nullopt;
  }
  if (!accept_bare(hop)) return std::nullopt;
  target.hostname = hop.word.host;
  return target;
}

// A chain that passes through one server twice is a mistake. The same private address behind different hosts
// is not.
void HopResolver::check_order(const std::vector<HopTarget>& targets, const std::vector<Host>& hosts) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const HopTarget& target = targets[i];
    const std::string address = lower(host_and_port(hosts[i].hostname, hosts[i].port));
    const bool everywhere_the_same =
        !is_ip_address(hosts[i].hostname) && lower(hosts[i].hostname) != "localhost";
    std::vector<std::string> keys;
    keys.push_back(target.vault != nullptr ? "host " + target.vault->any().name : "bare " + address);
    if (everywhere_the_same) keys.push_back("name " + address);
    std::size_t first = target.number;
    for (const std::string& key : keys)
      first = std::min(first, seen.emplace(key, target.number).first->second);
    if (first != target.number)
      report.error(target.spot,
                   in_quotes(hosts[i].name) + " stands twice in this chain: it is hop " + std::to_string(first) +
                       " as well",
                   "take one of the two out");
    if (target.number > 1 && target.vault != nullptr && target.vault->any().via)
      report.error(target.spot, in_quotes(hosts[i].name) + " has `via`, which only the first hop can have",
                   "reach it through the hops before it alone");
  }
}

void HopResolver::report_missing(const Defined<ProfileDefinition>& profile) {
  const ProfileDefinition& said = profile.any();
  if (profile.base != nullptr) {
    report.error(said.spot, "profile " + in_quotes(said.name) + " has no hops",
                 "name the hosts from you to the target: hops: [bastion.example.com]");
    return;
  }
  std::vector<std::string> known;
  for (const auto& [name, defined] : names.profiles)
    if (defined.base != nullptr) known.push_back(name);
  report.error(said.spot,
               "there is no profile " + in_quotes(said.name) + " to override, and this one has no hops",
               nearest_fix(said.name, known, report, "name its hops to define it here"));
}

std::optional<std::vector<Host>> HopResolver::chain(const Defined<ProfileDefinition>& profile,
                                                    std::set<std::string>& files) {
  const Setting<std::vector<HopDefinition>>* said = nullptr;
  bool missing = true;
  for (const ProfileDefinition* definition : {profile.base, profile.override}) {
    if (definition == nullptr) continue;
    if (definition->hops) said = &definition->hops;
    missing = missing && definition->hops_missing;
  }
  if (said == nullptr) {
    if (missing) report_missing(profile);
    return std::nullopt;
  }
  files.insert((*said)->spot.source->path());
  std::vector<HopTarget> targets;
  std::vector<Host> hosts;
  bool sound = !(*said)->value.empty();
  std::size_t number = 0;
  for (const HopDefinition& hop : (*said)->value) {
    auto target = target_of(hop);
    ++number;
    sound = sound && target.has_value();
    if (!target) continue;
    target->number = number;
    if (target->vault != nullptr) {
      const std::size_t file = scopes.file_of(target->vault->any().spot);
      sound = sound && !target->vault->bad() && scopes.sound(file);
    }
    hosts.push_back(resolve_host(*target, &profile, scopes, user, files));
    targets.push_back(*std::move(target));
  }
  check_order(targets, hosts);
  if (!sound) return std::nullopt;
  return hosts;
}

}  // namespace tunneld::config
