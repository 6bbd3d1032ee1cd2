#include "core/ssh_data.h"

#include <gtest/gtest.h>

#include <utility>

namespace tunneld {
namespace {

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

TEST(SshData, WhatWasAppendedIsTakenOffAgain) {
  std::string data;
  append_string(data, "ssh-ed25519");
  append_uint32(data, 0xfffefdfcU);
  append_string(data, "");
  std::string_view rest(data);
  EXPECT_EQ(take_string(rest), "ssh-ed25519");
  EXPECT_EQ(take_uint32(rest), 0xfffefdfcU);
  EXPECT_EQ(take_string(rest), "");
  EXPECT_TRUE(rest.empty());
}

TEST(SshData, WhatIsCutOffIsLeftAlone) {
  std::string data;
  append_string(data, "key");
  for (std::size_t size = 0; size < data.size(); ++size) {
    std::string_view rest = std::string_view(data).substr(0, size);
    EXPECT_FALSE(take_string(rest)) << size;
    EXPECT_EQ(rest.size(), size);
  }
  std::string_view huge("\xff\xff\xff\xff....", 8);
  EXPECT_FALSE(take_string(huge));
}

}  // namespace
}  // namespace tunneld
