// What every command is given: the options that all share, the places of files, and the way to the daemon's
// code.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/paths.h"
#include "daemon/entry.h"

namespace tunneld::cli {

enum class ColorMode { automatic, always, never };
enum class ProgressMode { automatic, plain, quiet };

// How text for one stream is to look. Decided once, from the options, the environment and the stream.
struct Style {
  bool color = false;
  bool live = false;  // a terminal on which a line may be drawn again
};

// The daemon's entry points, handed in by main so that nothing here links the daemon.
struct Wiring {
  std::function<int(const daemon::DaemonOptions&)> run_daemon;
  std::function<std::unique_ptr<HostKeyStore>(const Paths&)> open_host_keys;
};

struct Context {
  Paths paths;                   // sources are those of --profiles when given
  bool profiles_chosen = false;  // --profiles or TUNNELD_PROFILES: not the default folder
  std::string user;              // of the passwd database
  std::string cwd;
  EnvLookup env;
  ProgressMode progress = ProgressMode::automatic;
  Style out;  // stdout
  Style err;  // stderr
  Wiring wiring;
};

// Colour and live redraw only on a terminal, never with NO_COLOR or TERM=dumb; --color overrides for
// colour.
Style decide_style(ColorMode color, ProgressMode progress, bool is_terminal, const EnvLookup& env);

}  // namespace tunneld::cli
