#include "trust/key_blob.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/ssh_data.h"
#include "unit/trust/fixtures.h"

namespace tunneld::trust {
namespace {

using namespace testing;

TEST(KeyBlob, TypeIsReadFromAWholeKeyOnly) {
  const std::string whole = ssh_string("ssh-ed25519") + ssh_string(std::string(32, 'k'));
  EXPECT_EQ(key_type_of(whole), "ssh-ed25519");
  EXPECT_FALSE(key_type_of(""));
  EXPECT_FALSE(key_type_of(ssh_string("ssh-ed25519")));
  EXPECT_FALSE(key_type_of(ssh_string("") + ssh_string("k")));
  EXPECT_FALSE(key_type_of(whole + "x"));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) EXPECT_FALSE(key_type_of(whole.substr(0, cut))) << cut;
}

TEST(KeyBlob, FingerprintIsTheOneOfSshKeygen) {
  const TempDir dir;
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    const std::string file = dir / type;
    ASSERT_EQ(run(std::string("ssh-keygen -q -N '' -t ") + type + " -f " + file), 0);
    ASSERT_EQ(std::system(("ssh-keygen -l -f " + file + ".pub > " + file + ".fp").c_str()), 0);
    std::string key_type, blob, bits, fingerprint;
    std::ifstream(file + ".pub") >> key_type >> blob;
    std::ifstream(file + ".fp") >> bits >> fingerprint;
    EXPECT_EQ(fingerprint_sha256(blob), fingerprint);
    EXPECT_EQ(key_type_of(decode_base64(blob).value_or("")), key_type);
  }
  EXPECT_EQ(fingerprint_sha256("not base64"), "");
}

}  // namespace
}  // namespace tunneld::trust
