#include "config/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "config/source.h"
#include "core/unique_fd.h"

namespace tunneld::config {
namespace {

tl::unexpected<Error> refuse_errno(int number) {
  return refuse("cannot be read: " + std::string(std::strerror(number)),
                "check the path and its permissions");
}

// A pattern like /*/*/*/* would walk through the whole disk, and a link to a folder above never ends.
constexpr std::size_t kMaxEntriesLookedAt = 10'000;
thread_local std::size_t g_entries_left = 0;

dirent* next_entry(void* folder) {
  if (g_entries_left == 0) return nullptr;
  --g_entries_left;
  return ::readdir(static_cast<DIR*>(folder));
}

}  // namespace

Result<FileText> read_text(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return refuse_errno(errno);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return refuse_errno(errno);
  if (!S_ISREG(status.st_mode)) return refuse("is not a regular file", "name a profile file");
  FileText result;
  result.identity = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  std::array<char, 16'384> block{};
  while (result.text.size() <= kMaxFileBytes) {
    const ssize_t got = read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno(errno);
    if (got == 0) return result;
    result.text.append(block.data(), static_cast<std::size_t>(got));
  }
  return refuse("is larger than 1 MiB", "split it, or name another file");
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

Result<std::vector<std::string>> profile_files(const std::string& folder) {
  std::error_code failure;
  std::vector<std::string> files;
  std::filesystem::directory_iterator entry(folder, failure);
  for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    const std::string extension = entry->path().extension().string();
    std::error_code ignored;
    if ((extension == ".yaml" || extension == ".yml") && !entry->is_directory(ignored))
      files.push_back(entry->path().string());
  }
  if (failure) return refuse("cannot be read: " + failure.message(), "check the path and its permissions");
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::vector<std::string>> glob_files(const std::string& folder, const std::string& pattern) {
  std::string whole;
  if (!pattern.starts_with('/')) {
    for (const char c : folder) {
      if (std::strchr("*?[]\\", c) != nullptr) whole += '\\';
      whole += c;
    }
    whole += '/';
  }
  whole += pattern;
  glob_t found{};
  std::vector<std::string> files;
  found.gl_opendir = [](const char* path) -> void* { return ::opendir(path); };
  found.gl_readdir = next_entry;
  found.gl_closedir = [](void* opened) { ::closedir(static_cast<DIR*>(opened)); };
  found.gl_lstat = [](const char* path, struct stat* status) { return ::lstat(path, status); };
  found.gl_stat = [](const char* path, struct stat* status) { return ::stat(path, status); };
  g_entries_left = kMaxEntriesLookedAt;
  if (glob(whole.c_str(), GLOB_ALTDIRFUNC, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (g_entries_left == 0)
    return refuse("looks at more than " + std::to_string(kMaxEntriesLookedAt) + " files and folders", "name the folder");
  return files;
}

std::string normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace tunneld::config
