#include "cli/app.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "core/nearest.h"

namespace tunneld::cli {
namespace {

constexpr const char* kExamples =
    "A first time:\n"
    "  tunneld check                 are the profile files in order?\n"
    "  tunneld up prod-db            open the profile's tunnels\n"
    "  tunneld ps                    what is open\n"
    "  tunneld down prod-db          close them\n"
    "\n"
    "Profiles: --profiles, TUNNELD_PROFILES, or ~/.config/tunneld/profiles/*.yaml.\n"
    "\"tunneld COMMAND --help\" tells more of each command.";

struct GlobalOptions {
  std::vector<std::string> profiles;
  std::string color = "auto";
  std::string progress = "auto";
};

std::optional<std::string> env_lookup(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

void add_global_options(CLI::App& app, GlobalOptions& options) {
  app.add_option("--profiles", options.profiles,
                 "A profile file or a folder of them (may be given several times)")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("--color", options.color, "auto, always or never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""));
  app.add_option("--progress", options.progress, "auto, plain (a line a step) or quiet (errors only)")
      ->type_name("HOW")
      ->check(CLI::IsMember({"auto", "plain", "quiet"}).description(""));
  app.set_version_flag("--version", std::string("tunneld ") + TUNNELD_VERSION, "Print the version and exit");
}

ColorMode color_mode(const std::string& word) {
  return word == "always" ? ColorMode::always : word == "never" ? ColorMode::never : ColorMode::automatic;
}

ProgressMode progress_mode(const std::string& word) {
  return word == "plain"   ? ProgressMode::plain
         : word == "quiet" ? ProgressMode::quiet
                           : ProgressMode::automatic;
}

Context make_context(const GlobalOptions& options, const Wiring& wiring) {
  Context context;
  context.env = env_lookup;
  const passwd* entry = ::getpwuid(::getuid());
  context.user = entry ? entry->pw_name : env_lookup("USER").value_or("");
  std::string home = env_lookup("HOME").value_or("");
  if (!home.starts_with('/')) home = entry ? entry->pw_dir : "/";
  std::error_code error;
  const std::filesystem::path cwd = std::filesystem::current_path(error);
  context.cwd = error ? "/" : cwd.string();
  context.paths = compute_paths(env_lookup, ::getuid(), home, context.cwd, [](const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  });
  context.profiles_chosen = !options.profiles.empty() || !env_lookup("TUNNELD_PROFILES").value_or("").empty();
  if (!options.profiles.empty()) context.paths.sources.clear();
  for (const std::string& path : options.profiles)
    context.paths.sources.push_back((std::filesystem::path(context.cwd) / path).lexically_normal().string());
  const ColorMode color = color_mode(options.color);
  context.progress = progress_mode(options.progress);
  context.out = decide_style(color, context.progress, ::isatty(STDOUT_FILENO) != 0, env_lookup);
  context.err = decide_style(color, context.progress, ::isatty(STDERR_FILENO) != 0, env_lookup);
  context.wiring = wiring;
  return context;
}

std::vector<std::string> verbs_of(const Commands& commands) {
  std::vector<std::string> verbs;
  for (const Command& command : commands) verbs.push_back(command.app->get_name());
  return verbs;
}

Run refuse(const std::string& what, const std::string& fix) {
  return [what, fix](const Context& context) { return report_usage(what, fix, context); };
}

Run unknown_verb(const std::string& verb, const Commands& commands) {
  const std::string near = nearest(verb, verbs_of(commands)).value_or("");
  return refuse("there is no command \"" + verb + "\"", near.empty()
                                                            ? "\"tunneld --help\" lists the commands"
                                                            : "did you mean \"tunneld " + near + "\"?");
}

void add_commands(CLI::App& app, Commands& commands, const std::vector<std::string>& exec_command) {
  add_up(app, commands);
  add_down(app, commands);
  add_restart(app, commands);
  add_ps(app, commands);
  add_status(app, commands);
  add_hosts(app, commands);
  add_logs(app, commands);
  add_check(app, commands);
  add_exec(app, commands, exec_command);
  add_daemon(app, commands);
  add_shutdown(app, commands);
}

// What the parser had left over: a word it does not know.
Run unknown_word(const CLI::App& app, const Command& command) {
  const std::string word = app.remaining().front();
  const std::string verb = command.app->get_name();
  std::vector<std::string> known;
  for (const CLI::App* part : {static_cast<const CLI::App*>(command.app), &app})
    for (const CLI::Option* option : part->get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  const std::string near =
      word.starts_with("--") ? nearest(word.substr(0, word.find('=')), known).value_or("") : "";
  return refuse(
      word.starts_with('-') ? verb + " has no option " + word : verb + " does not take \"" + word + "\"",
      near.empty() ? "see \"tunneld " + verb + " --help\"" : "did you mean " + near + "?");
}

Run parse_failed(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words,
                 const Commands& commands) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    // --help or --version: CLI11 writes these itself.
    app.exit(error);
    return [](const Context&) { return 0; };
  }
  const std::string verb = verb_of(words);
  const std::vector<std::string> verbs = verbs_of(commands);
  const bool known = std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
  if (!known && !verb.empty()) return unknown_verb(verb, commands);
  return refuse(error.what(), "see \"tunneld " + (known ? verb + " " : "") + "--help\"");
}

Run parsed_command(CLI::App& app, const std::vector<std::string>& words, const Commands& commands) {
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    return app.remaining_size() > 0 ? unknown_word(app, command) : command.run;
  }
  if (const std::string verb = verb_of(words); !verb.empty()) return unknown_verb(verb, commands);
  if (app.remaining_size() > 0)
    return refuse("tunneld has no option " + app.remaining().front(), "see \"tunneld --help\"");
  return [help = app.help()](const Context&) {
    write_err(help);
    return static_cast<int>(ExitCode::usage);
  };
}

// What the words ask for. The parser is gone when it runs: the daemon, one of the commands, would keep it for
// days.
Run parse(const std::vector<std::string>& words, const Arguments& arguments, GlobalOptions& options) {
  CLI::App app("tunneld keeps local ports open to databases behind chains of SSH hops.", "tunneld");
  Commands commands;
  add_global_options(app, options);
  app.require_subcommand(0, 1);
  app.fallthrough();
  add_commands(app, commands, arguments.command);
  app.footer(kExamples);
  app.allow_extras();
  try {
    app.parse(std::vector<std::string>(arguments.ours.rbegin(), arguments.ours.rend()));
  } catch (const CLI::ParseError& error) {
    return parse_failed(app, error, words, commands);
  }
  return parsed_command(app, words, commands);
}

}  // namespace

int run(const std::vector<std::string>& words, const Wiring& wiring) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);  // a parent may have left it ignored, and waitpid(2) would find no child
  GlobalOptions options;
  const Arguments arguments = split_arguments(words);
  const Run run = parse(words, arguments, options);
  return run(make_context(options, wiring));
}

}  // namespace tunneld::cli
