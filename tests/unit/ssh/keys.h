// Keys of every kind, made by ssh-keygen when a test needs them.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "unit/support/process.h"
#include "unit/support/temp_dir.h"

namespace tunneld::ssh::testing {

using tunneld::testing::run;
using tunneld::testing::TempDir;
using Words = std::vector<std::string>;

// The private key `path` and `path`.pub. `options`: further arguments of ssh-keygen.
inline void make_key(const std::string& path, const std::string& type = "ed25519",
                     const std::string& passphrase = "", const Words& options = {}) {
  Words argv = {"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "comment of the key", "-f", path};
  if (type == "rsa") argv.insert(argv.end(), {"-b", "2048"});  // made in a moment
  argv.insert(argv.end(), options.begin(), options.end());
  run(argv);
}

// Signs the public key of `key` with the authority `ca`: the certificate `key`-cert.pub.
inline void certify(const std::string& ca, const std::string& key) {
  run({"ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", "alice", key + ".pub"});
}

// The base64 blob of a public key or certificate file.
inline std::string blob_of(const std::string& path) {
  std::istringstream line(tunneld::testing::read_file(path));
  std::string type;
  std::string blob;
  line >> type >> blob;
  EXPECT_NE(blob, "") << path;
  return blob;
}

// "SHA256:..." as ssh-keygen itself says it.
inline std::string fingerprint_of(const std::string& path) {
  tunneld::testing::Program keygen({"ssh-keygen", "-l", "-f", path});
  std::istringstream line(keygen.read_line());
  std::string bits;
  std::string fingerprint;
  line >> bits >> fingerprint;
  EXPECT_EQ(keygen.exit_code(), 0);
  return fingerprint;
}

}  // namespace tunneld::ssh::testing
