#include <utility>

#include "config/resolve.h"

namespace tunneld::config {
namespace {

struct HostLayers {
  std::vector<const HostSettings*> layers;  // strongest first
  std::set<std::string>& files;

  // Leaves the target as it is when no layer says the setting.
  template <typename T, typename Target>
  void apply(Setting<T> HostSettings::*setting, Target& target) const {
    for (const HostSettings* layer : layers) {
      if (!(layer->*setting)) continue;
      files.insert((layer->*setting)->spot.source->path());
      target = (layer->*setting)->value;
      return;
    }
  }
};

// What only the vault can say of a host.
template <typename T, typename Target>
void apply_vault(const Defined<HostDefinition>& vault, Setting<T> HostDefinition::*setting, Target& target,
                 std::set<std::string>& files) {
  for (const HostDefinition* definition : {vault.override, vault.base}) {
    if (definition == nullptr || !(definition->*setting)) continue;
    files.insert((definition->*setting)->spot.source->path());
    target = (definition->*setting)->value;
    return;
  }
}

}  // namespace

Host resolve_host(const HopTarget& target, const Defined<ProfileDefinition>* profile, Scopes& scopes,
                  const std::string& user, std::set<std::string>& files) {
  HostLayers layers{{}, files};
  const auto push = [&layers](const HostSettings* settings) { layers.layers.push_back(settings); };
  if (profile != nullptr && profile->override != nullptr) push(&profile->override->host);
  if (target.vault != nullptr && target.vault->override != nullptr) push(&target.vault->override->settings);
  push(&target.said);
  if (profile != nullptr && profile->base != nullptr) push(&profile->base->host);
  if (target.vault != nullptr && target.vault->base != nullptr) push(&target.vault->base->settings);
  const std::size_t user_file = scopes.file_of(profile != nullptr ? profile->any().spot : target.spot);
  const std::size_t file = target.vault != nullptr ? scopes.file_of(target.vault->any().spot) : user_file;
  for (const DefaultsDefinition* defaults : scopes.defaults(file, user_file)) push(&defaults->host);

  Host host;
  host.name = target.name;
  host.host = target.vault != nullptr ? target.vault->any().name : target.hostname;
  host.hostname = target.hostname;
  host.user = user;
  host.position = position_of(target.spot);
  if (target.vault != nullptr) {
    host.hostname = target.vault->any().name;
    files.insert(target.vault->any().spot.source->path());
    apply_vault(*target.vault, &HostDefinition::hostname, host.hostname, files);
    apply_vault(*target.vault, &HostDefinition::host_keys, host.host_keys, files);
    apply_vault(*target.vault, &HostDefinition::host_key_alias, host.host_key_alias, files);
    apply_vault(*target.vault, &HostDefinition::tags, host.tags, files);
  }
  layers.apply(&HostSettings::user, host.user);
  layers.apply(&HostSettings::port, host.port);
  layers.apply(&HostSettings::identity_files, host.identity_files);
  layers.apply(&HostSettings::certificate_files, host.certificate_files);
  layers.apply(&HostSettings::identity_agent, host.identity_agent);
  layers.apply(&HostSettings::identities_only, host.identities_only);
  layers.apply(&HostSettings::strict_host_key_checking, host.strict_host_key_checking);
  layers.apply(&HostSettings::ciphers, host.ciphers);
  layers.apply(&HostSettings::preferred_authentications, host.preferred_authentications);
  layers.apply(&HostSettings::connect_timeout, host.connect_timeout);
  layers.apply(&HostSettings::server_alive_interval, host.server_alive_interval);
  layers.apply(&HostSettings::server_alive_count_max, host.server_alive_count_max);
  return host;
}

}  // namespace tunneld::config
