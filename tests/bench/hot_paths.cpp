// What the daemon does for each connection or frame without any I/O: how long each takes, in ns.
// tests/bench/run hot runs it; the names are the table's.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/control/frame.h"
#include "core/control/message.h"
#include "core/relay_state.h"
#include "core/window_tuning.h"

namespace tunneld {
namespace {

using E = RelayEvent;

// A client that sends, is answered, and ends.
void relay_life(benchmark::State& run) {
  constexpr std::array kEvents{E::local_eof, E::upload_flushed, E::remote_eof, E::download_flushed,
                               E::remote_close};
  for (auto _ : run) {
    RelayState state;
    for (const RelayEvent event : kEvents) {
      state = step(state, {.upload_pending = true, .download_pending = true}, event).next;
    }
    benchmark::DoNotOptimize(state);
  }
}
BENCHMARK(relay_life)->Name("one relay's end, 5 steps");

// From libssh's window to the largest, as fast as the link lets it.
void window_growth(benchmark::State& run) {
  for (auto _ : run) {
    WindowTuner tuner;
    for (std::uint64_t now_us = 0; tuner.window() < kMaxWindow; now_us += 100'000ULL * kTopUpBytes / tuner.window())
      tuner.step({.now_us = now_us, .taken = kTopUpBytes, .rtt_us = 100'000, .spare = kMaxWindow});
    benchmark::DoNotOptimize(tuner);
  }
}
BENCHMARK(window_growth)->Name("a window's growth to its largest");

// As `ps` gets them: one profile each.
control::Reply an_item() {
  return {.id = 7,
          .kind = control::Reply::Kind::item,
          .body = {{"name", "prod-db"},
                   {"state", "up"},
                   {"file", "/home/alice/.config/tunneld/profiles/prod.yaml"},
                   {"hops", {{{"name", "edge"}, {"state", "ready"}, {"session", 7}, {"rtt_ms", 12.5}}}},
                   {"forwards", {{{"name", "postgres"}, {"listen", "127.0.0.1:5432"}, {"connections", 2}}}}}};
}

void message_encode(benchmark::State& run) {
  const control::Reply item = an_item();
  for (auto _ : run) benchmark::DoNotOptimize(encode(item));
}
BENCHMARK(message_encode)->Name("a profile's item to JSON");

void message_decode(benchmark::State& run) {
  std::string frame = encode(an_item());
  frame.pop_back();  // parse_reply takes it without its '\n'
  if (!control::parse_reply(frame)) return run.SkipWithError("the frame is not read");
  for (auto _ : run) benchmark::DoNotOptimize(control::parse_reply(frame));
}
BENCHMARK(message_decode)->Name("a profile's item from JSON");

// A hundred frames in pieces that end anywhere, as a socket gives them.
void frame_split(benchmark::State& run) {
  constexpr std::size_t kFrames = 100;
  constexpr std::size_t kPiece = 4096;
  std::string stream;
  for (std::size_t i = 0; i < kFrames; ++i) stream += encode(an_item());
  std::size_t found = 0;
  for (auto _ : run) {
    control::FrameSplitter splitter;
    found = 0;
    for (std::size_t at = 0; at < stream.size(); at += kPiece) {
      splitter.feed(std::string_view(stream).substr(at, kPiece));
      while (splitter.next()) ++found;
    }
  }
  if (found != kFrames) run.SkipWithError("frames are lost");
}
BENCHMARK(frame_split)->Name("100 frames split");

}  // namespace
}  // namespace tunneld

BENCHMARK_MAIN();
