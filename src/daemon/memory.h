// What the daemon holds without need, given back to the system.
#pragma once

namespace tunneld::daemon {

// What buffers have left with the allocator.
void give_back_heap();

// Before the process is closed to others (PR_SET_DUMPABLE), and after its last fork: what give_back_code() looks at is only
// root's from then on.
void keep_page_map();

// Unmaps what is in memory of the files of the program and its libraries, and not written to: most of it because something ran
// once, reading profiles or logging in. It stays in the system's page cache, which may give it up when memory is short. What
// runs again is mapped again, in some dozens of faults; so this is for when a profile has come up, and not for each client. Only
// pages that are still the file's (pagemap, bit 61; Linux Documentation/admin-guide/mm/pagemap.rst): no relocations, and no
// breakpoint that is there already.
void give_back_code();

}  // namespace tunneld::daemon
