// The man page is written by hand; its table of errors must say what the code says.
#include <gtest/gtest.h>
#include <tunneld/error.h>

#include <fstream>
#include <iterator>
#include <string>

namespace tunneld {
namespace {

// The page's source, with roff's "\-" as the "-" that the reader sees.
std::string man_page() {
  std::ifstream file(SOURCE_DIR "/packaging/tunneld.1", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (std::size_t at = text.find("\\-"); at != std::string::npos; at = text.find("\\-", at))
    text.erase(at, 1);
  return text;
}

TEST(ManPage, HoldsEveryErrorWithItsExitCodeAndMeaning) {
  const std::string page = man_page();
  ASSERT_FALSE(page.empty());
  for (const ErrorInfo& info : error_table()) {
    const std::string row = "\n.It Sy " + std::string(info.name) + " Pq " +
                            std::to_string(static_cast<int>(info.exit_code)) +
                            (info.heals ? ", retried" : "") + "\n" + std::string(info.meaning) + "\n";
    EXPECT_NE(page.find(row), std::string::npos) << "packaging/tunneld.1 lacks:" << row;
  }
}

TEST(ManPage, HoldsNoErrorThatDoesNotExist) {
  const std::string page = man_page();
  const std::string start = "\n.It Sy E-";
  for (std::size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1)) {
    const std::size_t name = at + start.size() - 2;
    EXPECT_TRUE(error_code_named(page.substr(name, page.find(' ', name) - name))) << page.substr(name, 40);
  }
}

}  // namespace
}  // namespace tunneld
