#include "core/sanitize.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

TEST(Sanitize, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(sanitize("Opening channel to 10.0.5.12:22"), "Opening channel to 10.0.5.12:22");
  EXPECT_EQ(sanitize("Größe 日本 🙂"), "Größe 日本 🙂");
  EXPECT_EQ(sanitize(""), "");
}

TEST(Sanitize, TakesEscapeSequencesTheirTeeth) {
  EXPECT_EQ(sanitize("\x1b[2J\x1b]0;owned\x07hello"), "[2J]0;ownedhello");
  EXPECT_EQ(sanitize("ok\r\x08\x08no"), "okno");
  EXPECT_EQ(sanitize(std::string_view("a\0b", 3)), "ab");
  EXPECT_EQ(sanitize("a\x7f"
                     "b"),
            "ab");
}

TEST(Sanitize, TakesC1ControlsOutInBothForms) {
  EXPECT_EQ(sanitize("a\xc2\x9b"
                     "31mb"),
            "a31mb");
  EXPECT_EQ(sanitize("a\x9b"
                     "31mb"),
            "a31mb");
}

TEST(Sanitize, TakesReorderingCharactersOut) {
  EXPECT_EQ(sanitize("a\u202eb\u2066c\u2028d"), "abcd");
}

TEST(Sanitize, KeepsNewlinesOnlyWhereAsked) {
  EXPECT_EQ(sanitize("a\nb\tc"), "ab c");
  EXPECT_EQ(sanitize_lines("a\r\nb\tc"), "a\nb c");
}

TEST(Sanitize, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(sanitize("a\xff"), "a\ufffd");
  EXPECT_EQ(sanitize("\xe2\x82"), "\ufffd");                  // cut short; its second byte is a lone C1
  EXPECT_EQ(sanitize("\xc0\xaf"), "\ufffd\ufffd");            // overlong '/'
  EXPECT_EQ(sanitize("\xed\xa0\xbf"), "\ufffd\ufffd\ufffd");  // a surrogate
  EXPECT_EQ(sanitize("\xf4\xb0\xa0\xa0"), "\ufffd\ufffd\ufffd\ufffd");  // past U+10FFFF
}

}  // namespace
}  // namespace tunneld
