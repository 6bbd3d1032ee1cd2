// What the daemon holds without need, given back to the system.
#pragma once

namespace tunneld::daemon {

// What buffers have left with the allocator.
void give_back_heap();

// Pages of the program and its libraries that are mapped because something ran once: reading files, logging in, a command's
// answer. What runs again is mapped again from the page cache, in some dozens of faults, so this is for when a profile has
// come up and not for each client. Only pages that are still the file's (pagemap, bit 61; Linux
// Documentation/admin-guide/mm/pagemap.rst): not a relocation's, and not a breakpoint's.
void give_back_code();

}  // namespace tunneld::daemon
