// What the tests of src/trust share: temporary folders, keys, child processes of another user.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tunneld/host_key.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>

#include "core/ssh_data.h"
#include "trust/key_blob.h"
#include "unit/support/temp_dir.h"

namespace tunneld::trust::testing {

// "nobody" everywhere; owns nothing and may do nothing.
inline constexpr uid_t kStranger = 65534;

inline bool is_root() {
  return ::geteuid() == 0;
}

using tunneld::testing::read_file;
using tunneld::testing::TempDir;
using tunneld::testing::write_file;

// The permissions of what stands there itself; 0 when nothing does.
inline mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

inline std::string ssh_string(const std::string& bytes) {
  std::string text;
  append_string(text, bytes);
  return text;
}

// A key with the right shape; `seed` makes it another one.
inline HostKey make_key(char seed, const std::string& type = "ssh-ed25519") {
  constexpr std::size_t kKeyBytes = 32;
  HostKey key;
  key.type = type;
  key.blob_base64 = encode_base64(ssh_string(type) + ssh_string(std::string(kKeyBytes, seed)));
  key.fingerprint = fingerprint_sha256(key.blob_base64);
  return key;
}

inline const HostKey kKeyA = make_key('a');
inline const HostKey kKeyB = make_key('b');

inline std::string line_for(const std::string& names, const HostKey& key) {
  return names + " " + key.type + " " + key.blob_base64 + "\n";
}

// Runs a shell command, its output thrown away; returns its exit code.
inline int run(const std::string& command) {
  const int status = std::system((command + " >/dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What `function` returns when a child process without root's rights calls it.
inline std::string answer_of_child(uid_t uid, const std::function<std::string()>& function) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text = "cannot change the user";
    if (!is_root() || ::setresuid(uid, uid, uid) == 0) text = function();
    const bool sent = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> chunk{};
  for (ssize_t count; (count = ::read(ends[0], chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return text;
}

}  // namespace tunneld::trust::testing
