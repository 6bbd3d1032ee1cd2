#include "cli/vault_view.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "cli/text.h"
#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

using control::Json;

bool matches(const Host& host, const std::string& pattern) {
  if (pattern.empty()) return true;
  if (pattern.starts_with('@'))
    return std::find(host.tags.begin(), host.tags.end(), pattern.substr(1)) != host.tags.end();
  const bool is_glob = pattern.find_first_of("*?[") != std::string::npos;
  const auto fits = [&](const std::string& text) {
    return is_glob ? ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0
                   : text.find(pattern) != std::string::npos;
  };
  return fits(host.name) || fits(host.hostname);
}

void add_route(HostView& view, const Profile& profile, std::size_t index, HostKeyStore& store) {
  HostRoute route;
  HostKeyQuery query{.hostname = view.host.hostname,
                     .port = view.host.port,
                     .alias = view.host.host_key_alias,
                     .path = {},
                     .pins = view.host.host_keys};
  for (std::size_t i = 0; i < index; ++i) {
    route.via.push_back(profile.hops[i].name);
    query.path.push_back(path_component(profile.hops[i]));
  }
  const auto same = std::find_if(view.routes.begin(), view.routes.end(),
                                 [&](const HostRoute& known) { return known.via == route.via; });
  if (same != view.routes.end()) {
    same->profiles.push_back(profile.name);
    return;
  }
  route.profiles = {profile.name};
  route.known_types = store.known_types(query);
  view.routes.push_back(std::move(route));
}

std::string key_text(const HostView& view, const HostRoute& route) {
  if (!view.host.host_keys.empty()) return "pinned";
  return route.known_types.empty() ? "unknown" : "known: " + join(route.known_types, ", ");
}

std::string reached_text(const HostRoute& route) {
  if (route.profiles.empty()) return "no profile";
  return join(route.profiles, ", ") + (route.via.empty() ? " directly" : " via " + join(route.via, " > "));
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

}  // namespace

std::vector<HostView> view_hosts(const Catalog& catalog, const std::string& pattern, HostKeyStore& store) {
  std::map<std::string, HostView> views;
  for (const auto& [name, host] : catalog.hosts) views[name].host = host;
  for (const auto& [name, profile] : catalog.profiles) {
    for (std::size_t i = 0; i < profile.hops.size(); ++i) {
      const Host& hop = profile.hops[i];
      const auto [view, is_new] = views.try_emplace(hop.name);
      if (is_new) view->second.host = hop;
      add_route(view->second, profile, i, store);
    }
  }
  std::vector<HostView> result;
  for (auto& [name, view] : views) {
    if (!matches(view.host, pattern)) continue;
    if (view.routes.empty()) {
      const HostKeyQuery query{.hostname = view.host.hostname,
                               .port = view.host.port,
                               .alias = view.host.host_key_alias,
                               .path = {},
                               .pins = view.host.host_keys};
      view.routes.push_back({.via = {}, .profiles = {}, .known_types = store.known_types(query)});
    }
    result.push_back(std::move(view));
  }
  return result;
}

std::string hosts_text(const std::vector<HostView>& hosts) {
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "ADDRESS", "USER", "TAGS", "REACHED BY", "HOST KEY"}};
  for (const HostView& view : hosts) {
    bool first = true;
    for (const HostRoute& route : view.routes) {
      const std::string address = host_and_port(view.host.hostname, view.host.port);
      rows.push_back({first ? view.host.name : "", first ? address : "", first ? or_dash(view.host.user) : "",
                      first ? or_dash(join(view.host.tags, ",")) : "", reached_text(route),
                      key_text(view, route)});
      first = false;
    }
  }
  return sanitize_lines(table_text(rows));
}

Json hosts_json(const std::vector<HostView>& hosts) {
  Json list = Json::array();
  for (const HostView& view : hosts) {
    Json routes = Json::array();
    for (const HostRoute& route : view.routes)
      routes.push_back(
          {{"via", route.via}, {"profiles", route.profiles}, {"known_types", route.known_types}});
    list.push_back({{"name", view.host.name},
                    {"hostname", view.host.hostname},
                    {"port", view.host.port},
                    {"user", view.host.user.empty() ? Json() : Json(view.host.user)},
                    {"tags", view.host.tags},
                    {"host_keys", view.host.host_keys},
                    {"routes", std::move(routes)}});
  }
  return {{"schema", 1}, {"hosts", std::move(list)}};
}

}  // namespace tunneld::cli
