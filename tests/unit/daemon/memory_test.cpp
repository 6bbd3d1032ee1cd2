#include "daemon/memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>

#include "core/unique_fd.h"

namespace tunneld::daemon {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 256;  // more than a fault maps at once

struct Constants {
  alignas(kPage) std::array<std::array<char, kPage>, kPages> pages;
};

// Of the program's file, and not of zeros: those would need no file.
constexpr Constants constants_of(char value) {
  Constants constants{};
  for (auto& page : constants.pages) page.back() = value;
  return constants;
}

extern const Constants untouched, relocated;  // not known here at compile time
const Constants untouched = constants_of(1);
const Constants relocated = constants_of(2);

int sum(const Constants& constants) {
  int sum = 0;
  for (const auto& page : constants.pages) sum += *static_cast<const volatile char*>(&page.back());
  return sum;
}

std::size_t mapped(const Constants& constants) {
  std::array<std::uint64_t, kPages> entries{};
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY));
  const auto offset = reinterpret_cast<std::uintptr_t>(&constants) / kPage * sizeof(std::uint64_t);
  EXPECT_EQ(::pread(pagemap.get(), entries.data(), sizeof entries, static_cast<off_t>(offset)), ssize_t{sizeof entries});
  std::size_t present = 0;
  for (const std::uint64_t entry : entries) present += entry >> 63;
  return present;
}

TEST(GiveBackCode, UnmapsWhatIsTheFilesAndItComesBackWhenItIsUsed) {
  ASSERT_EQ(::sysconf(_SC_PAGESIZE), static_cast<long>(kPage));
  EXPECT_EQ(sum(untouched), static_cast<int>(kPages));
  EXPECT_EQ(mapped(untouched), kPages);
  keep_page_map();
  give_back_code();
  EXPECT_LT(mapped(untouched), kPages / 2);
  EXPECT_EQ(sum(untouched), static_cast<int>(kPages));
}

TEST(GiveBackCode, KeepsAPageThatIsNotAsInTheFile) {
  auto* const page = const_cast<char*>(relocated.pages[kPages / 2].data());
  ASSERT_EQ(::mprotect(page, kPage, PROT_READ | PROT_WRITE), 0);
  *static_cast<volatile char*>(page) = 7;
  ASSERT_EQ(::mprotect(page, kPage, PROT_READ), 0);
  EXPECT_EQ(sum(relocated), 2 * static_cast<int>(kPages));
  keep_page_map();
  give_back_code();
  EXPECT_LT(mapped(relocated), kPages / 2);
  EXPECT_EQ(*static_cast<const volatile char*>(page), 7);
}

// As in a normal user's daemon, which is closed to others and so to itself. /proc/self/statm stays readable.
TEST(GiveBackCode, WorksInAProcessThatIsClosedToOthers) {
  const auto resident_pages = [] {
    std::ifstream statm("/proc/self/statm");
    std::size_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident;
  };
  const pid_t child = ::fork();
  if (child == 0) {
    keep_page_map();
    if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    ::prctl(PR_SET_DUMPABLE, 0);
    if (::access("/proc/self/pagemap", R_OK) == 0) ::_exit(3);
    sum(untouched);
    const std::size_t before = resident_pages();
    give_back_code();
    ::_exit(before > 0 && resident_pages() + kPages / 2 < before ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "exit code " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace tunneld::daemon
