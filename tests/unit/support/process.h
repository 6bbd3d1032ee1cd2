// Programs that a test runs: to their end, or for as long as the test needs them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/unique_fd.h"

extern char** environ;

namespace tunneld::testing {

// A program that runs; ended by its pid, at the latest with this.
class Program {
 public:
  // `argv[0]` is looked for in PATH. `environment`: "NAME=value", added to ours.
  explicit Program(std::vector<std::string> argv, const std::vector<std::string>& environment = {}) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    output_ = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    std::vector<char*> arguments;
    for (std::string& word : argv) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<std::string> added = environment;
    std::vector<char*> variables;
    for (std::string& variable : added) variables.push_back(variable.data());  // the first of a name counts
    for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDERR_FILENO);
    EXPECT_EQ(::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), variables.data()), 0)
        << argv[0];
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() { end(); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // One line of what it prints, without the end of line; what there is when it ends before that.
  std::string read_line() {
    std::string line;
    for (char c = 0; ::read(output_.get(), &c, 1) == 1 && c != '\n';) line.push_back(c);
    return line;
  }
  std::string read_all() {
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t got; (got = ::read(output_.get(), chunk.data(), chunk.size())) > 0;)
      text.append(chunk.data(), static_cast<std::size_t>(got));
    return text;
  }
  // Waits for its end; -1 when a signal ended it.
  int exit_code() {
    int status = -1;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
};

// Runs it to its end, which must be a success.
inline void run(std::vector<std::string> argv, const std::vector<std::string>& environment = {}) {
  const std::string name = argv[0];
  Program program(std::move(argv), environment);
  const std::string text = program.read_all();
  EXPECT_EQ(program.exit_code(), 0) << name << ": " << text;
}

}  // namespace tunneld::testing
