#include "daemon/memory.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "core/unique_fd.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint64_t kFilePage = 1ull << 61;

const std::uintptr_t page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));

UniqueFd g_page_map;

void give_back(std::uintptr_t page, std::size_t count) {
  if (count > 0) ::madvise(reinterpret_cast<void*>(page * page_size), count * page_size, MADV_DONTNEED);
}

void give_back_file_pages(std::uintptr_t page, std::uintptr_t end) {
  std::array<std::uint64_t, 512> entries;
  while (page < end) {
    const std::size_t wanted = std::min<std::size_t>(end - page, entries.size());
    const ssize_t got = ::pread(g_page_map.get(), entries.data(), wanted * sizeof(std::uint64_t),
                                static_cast<off_t>(page * sizeof(std::uint64_t)));
    const std::size_t count = got > 0 ? static_cast<std::size_t>(got) / sizeof(std::uint64_t) : 0;
    if (count == 0) return;
    std::size_t from = 0;  // of what is the file's
    for (std::size_t i = 0; i < count; ++i) {
      if ((entries[i] & kFilePage) != 0) continue;
      give_back(page + from, i - from);
      from = i + 1;
    }
    give_back(page + from, count - from);
    page += count;
  }
}

}  // namespace

void give_back_heap() { ::malloc_trim(0); }

void keep_page_map() { g_page_map.reset(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)); }

void give_back_code() {
  if (!g_page_map) return;
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void*) {
        if (std::strncmp(object->dlpi_name, "linux-vdso", 10) == 0) return 0;  // of no file
        for (const ElfW(Phdr)* part = object->dlpi_phdr; part < object->dlpi_phdr + object->dlpi_phnum; ++part) {
          if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0) continue;
          const std::uintptr_t begin = object->dlpi_addr + part->p_vaddr;
          give_back_file_pages(begin / page_size, (begin + part->p_memsz + page_size - 1) / page_size);
        }
        return 0;
      },
      nullptr);
}

}  // namespace tunneld::daemon
