#include "trust/key_blob.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "unit/trust/fixtures.h"

namespace tunneld::trust {
namespace {

using namespace testing;

TEST(Base64, AgreesWithTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"f", "Zg=="},         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},       {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(decode_base64(text), bytes);
    EXPECT_EQ(encode_base64(bytes), text);
  }
}

TEST(Base64, RefusesWhatIsNotStrict) {
  for (const char* text : {"", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", " Zg==", "Zg==\n",
                           "Zm9v!m9v", "Zm=v", "Zg==Zg==", "Zm-_"})
    EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(Base64, CarriesEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(decode_base64(encode_base64(all)), all);
}

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
