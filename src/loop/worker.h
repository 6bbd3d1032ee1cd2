// Work that blocks, done by a thread of libuv's pool; the end is told on the loop.
#pragma once

#include <functional>

#include "loop/loop.h"

namespace tunneld::loop {

// `work` runs on another thread and must touch nothing that the loop's thread uses meanwhile; `done` runs on the loop,
// always. A started job cannot be taken back: who may be gone by then keeps a generation or a shared flag.
void run_off_loop(Loop& loop, std::function<void()> work, std::function<void()> done);

}  // namespace tunneld::loop
