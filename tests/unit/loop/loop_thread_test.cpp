#include "loop/loop_thread.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/unique_fd.h"
#include "loop/poller.h"
#include "loop/timer.h"
#include "loop/turns.h"
#include "loop/visit.h"
#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::kDeadlineMs;

std::unique_ptr<LoopThread> made() { return LoopThread::make("test", [] {}); }

// False when it does not come about in time.
bool comes(std::future<void>& event) {
  return event.wait_for(std::chrono::milliseconds(kDeadlineMs)) == std::future_status::ready;
}

TEST(LoopThread, RunsWhatIsPostedInItsOwnThreadAndInOrder) {
  const std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  std::string order;
  std::thread::id where;
  std::promise<void> ran;
  thread->loop().post([&] { order += "a"; });
  thread->loop().post([&] {
    order += "b";
    where = std::this_thread::get_id();
    ran.set_value();
  });
  std::future<void> future = ran.get_future();
  ASSERT_TRUE(comes(future));
  EXPECT_EQ(order, "ab");
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(LoopThread, IsPreparedBeforeAnythingElse) {
  std::atomic<bool> prepared = false;
  const std::unique_ptr<LoopThread> thread = LoopThread::make("test", [&prepared] { prepared = true; });
  ASSERT_NE(thread, nullptr);
  std::promise<bool> seen;
  thread->loop().post([&] { seen.set_value(prepared); });
  EXPECT_TRUE(seen.get_future().get());
}

TEST(LoopThread, EndsThoughTasksAreStillPosted) {
  std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  const auto witness = std::make_shared<bool>();
  thread->loop().post([&loop = thread->loop(), witness] { loop.post([witness] {}); });
  thread.reset();
  EXPECT_EQ(witness.use_count(), 1) << "what is not run any more is dropped";
}

TEST(Visit, TheLoopAndItsVisitorsNeverRunAtTheSameTime) {
  const std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  Loop& loop = thread->loop();
  constexpr int kEach = 20'000;
  int count = 0;  // neither atomic nor locked
  std::promise<void> ended;
  int own = 0;
  std::function<void()> task = [&] {
    ++count;
    if (++own < kEach) return loop.defer(task);
    ended.set_value();
  };
  loop.post([&] { task(); });
  std::vector<std::thread> visitors;
  for (int i = 0; i < 2; ++i)
    visitors.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) {
        const Visit visit(loop);
        ++count;
      }
    });
  for (std::thread& each : visitors) each.join();
  std::future<void> future = ended.get_future();
  ASSERT_TRUE(comes(future));
  const Visit visit(loop);
  EXPECT_EQ(count, 3 * kEach);
}

TEST(Turns, AreAVisitorsBeforeTheyAreTheLoopsAgain) {
  Turns turns;
  turns.begin_own();
  constexpr int kVisits = 50;
  int first = 0;
  for (int i = 0; i < kVisits; ++i) {
    std::atomic<bool> asking = false;
    std::atomic<bool> was_there = false;
    std::thread visitor([&] {
      asking = true;
      turns.begin_visit();
      was_there = true;
      turns.end();
    });
    while (!asking) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // it asks, and waits
    turns.end();
    turns.begin_own();
    first += was_there ? 1 : 0;
    turns.end();
    visitor.join();
    turns.begin_own();
  }
  // Now and then the system does not run the visitor for these 2 ms.
  EXPECT_GE(first, kVisits * 4 / 5);
}

TEST(Visit, WhatTheVisitorStartsWakesALoopThatWaits) {
  const std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  std::promise<void> timer_fired;
  std::promise<void> poller_fired;
  std::promise<void> task_ran;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  std::optional<Timer> timer;
  std::optional<Poller> poller;
  {
    const Visit visit(thread->loop());
    timer.emplace(thread->loop(), [&] { timer_fired.set_value(); });
    poller.emplace(thread->loop(), writer.get(), [&](unsigned) {
      poller->close();
      poller_fired.set_value();
    });
    timer->start(0);
    poller->watch(Poller::kWritable);
    thread->loop().defer([&] { task_ran.set_value(); });
  }
  for (std::promise<void>* each : {&timer_fired, &poller_fired, &task_ran}) {
    std::future<void> future = each->get_future();
    EXPECT_TRUE(comes(future));
  }
  const Visit visit(thread->loop());
  timer.reset();
  poller.reset();
}

// The system tells the loop of the first descriptor, which cannot go on before the visit ends.
TEST(Visit, NewsOfADescriptorThatAVisitorClosesIsNotForTheNextOfItsNumber) {
  const std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  Loop& loop = thread->loop();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  int told = 0;
  std::optional<Poller> poller;
  {
    const Visit visit(loop);
    poller.emplace(loop, reader.get(), [&told](unsigned) { ++told; });
    poller->watch(Poller::kReadable);
  }
  const auto turned = [&loop] {
    std::promise<void> ran;
    std::future<void> future = ran.get_future();
    loop.post([&ran] { ran.set_value(); });
    return comes(future);
  };
  ASSERT_TRUE(turned());  // the system knows of the watch
  const int number = reader.get();
  int others[2];
  ASSERT_EQ(::pipe2(others, O_NONBLOCK | O_CLOEXEC), 0);
  const UniqueFd quiet_writer(others[1]);
  UniqueFd quiet(others[0]);
  {
    const Visit visit(loop);
    ASSERT_EQ(::write(writer.get(), "x", 1), 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    poller->close();
    poller.reset();
    reader.reset();
    ASSERT_EQ(::dup2(quiet.get(), number), number);
    poller.emplace(loop, number, [&told](unsigned) { ++told; });
    poller->watch(Poller::kReadable);
  }
  ASSERT_TRUE(turned());
  ASSERT_TRUE(turned());
  const Visit visit(loop);
  EXPECT_EQ(told, 0);
  poller.reset();
  ::close(number);
}

TEST(Visit, LastsAsLongAsTheLastOfThoseWithinOneAnother) {
  const std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  std::promise<void> ran;
  std::future<void> future = ran.get_future();
  std::optional<Visit> first(thread->loop());
  std::optional<Visit> moved(Visit(thread->loop()));
  thread->loop().post([&ran] { ran.set_value(); });
  first.reset();
  EXPECT_EQ(future.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  moved.reset();
  EXPECT_TRUE(comes(future));
}

TEST(Visit, OfTheThreadsOwnLoopOrOfOneWithoutAThreadIsNothing) {
  Loop without;
  const Visit visit(without);
  const Visit again(without);
  const std::unique_ptr<LoopThread> thread = made();
  ASSERT_NE(thread, nullptr);
  std::promise<void> ran;
  thread->loop().post([&] {
    const Visit own(thread->loop());
    ran.set_value();
  });
  std::future<void> future = ran.get_future();
  EXPECT_TRUE(comes(future));
}

TEST(LoopThread, IsNotMadeWhereNoDescriptorIsLeft) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int open = testing::open_descriptors();
  rlimit tight = before;
  tight.rlim_cur = 3;  // all lower numbers are in use
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  EXPECT_EQ(made(), nullptr);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_NE(made(), nullptr);
  EXPECT_EQ(testing::open_descriptors(), open) << "neither leaves any";
}

}  // namespace
}  // namespace tunneld::loop
