// A folder of profile files that lives as long as a test, and short ways to load it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/loader.h"
#include "unit/support/temp_dir.h"

namespace tunneld::config {

inline const std::string kHead = "version: 1\n";

class ProfileFolder {
 public:
  std::string path(const std::string& name) const { return folder_ / name; }
  const std::string& path() const { return folder_.path(); }
  void write(const std::string& name, const std::string& text) const { testing::write_file(path(name), text); }

  LoadRequest request(const std::vector<std::string>& names) const {
    LoadRequest request;
    for (const std::string& name : names) request.sources.push_back(path(name));
    request.home = "/home/alice";
    request.user = "alice";
    request.env = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = env.find(name);
      if (found == env.end()) return std::nullopt;
      return found->second;
    };
    return request;
  }

  LoadResult load(const std::vector<std::string>& names, const std::string& overrides = {}) const {
    LoadRequest wanted = request(names);
    if (!overrides.empty()) wanted.overrides = path(overrides);
    return config::load(wanted);
  }

  std::map<std::string, std::string> env;

 private:
  testing::TempDir folder_;
};

// Loads one file.
inline LoadResult load_text(const std::string& text) {
  const ProfileFolder folder;
  folder.write("p.yaml", text);
  return folder.load({"p.yaml"});
}

inline std::string rendered(const LoadResult& result) {
  std::string text;
  for (const Finding& finding : result.findings) text += render_finding(finding);
  return text;
}

// `text` has exactly one finding, there, and its message and fix hold these words.
inline void expect_only(const std::string& text, int line, int column, const std::string& message,
                        const std::string& fix = {}) {
  const LoadResult result = load_text(text);
  ASSERT_EQ(result.findings.size(), 1U) << text << "\n" << rendered(result);
  const Finding& finding = result.findings.front();
  EXPECT_EQ(finding.position.line, line) << text << "\n" << rendered(result);
  EXPECT_EQ(finding.position.column, column) << text << "\n" << rendered(result);
  EXPECT_NE(finding.message.find(message), std::string::npos) << text << "\n" << rendered(result);
  EXPECT_NE(finding.fix.find(fix), std::string::npos) << text << "\n" << rendered(result);
}

}  // namespace tunneld::config
