#include "core/tunnel_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tunneld {
namespace {

using S = TunnelState;
using E = TunnelEvent;
using A = TunnelAction;

constexpr std::array kEvents = {E::up,           E::down,      E::restart,        E::chain_ready,
                                E::chain_failed, E::retry_due, E::client_waiting, E::forwards_changed,
                                E::idle,         E::drained,   E::credentials_changed};

struct Row {
  S state;
  std::string_view cells;  // one an event, in the order of kEvents
};

// '-' ignored, '!' a bug of the driver, a letter: see expected().
constexpr std::array kTable = std::to_array<Row>({
    //               u d r C F t w f i e c
    {S::down, /*  */ "U-U!-------"},
    {S::starting, /**/ "-DRYL------"},
    {S::up, /*    */ "-DR!L-WGI--"},
    {S::degraded, /**/ "BDR!L-WGI--"},
    {S::backing_off, "ADR!-TH----"},
    {S::needs_action, "RDR!------A"},
    {S::draining, /**/ "C-R-Q----Q-"},
});

std::vector<TunnelContext> all_contexts() {
  std::vector<TunnelContext> contexts;
  for (const bool on_demand : {false, true})
    for (const bool heals : {false, true})
      for (const bool all_listening : {false, true})
        for (const bool clients_waiting : {false, true})
          for (const bool chain_ready : {false, true})
            contexts.push_back({on_demand, heals, all_listening, clients_waiting, chain_ready});
  return contexts;
}

TunnelStep expected(char cell, S state, const TunnelContext& context) {
  const auto legal = [](S next, std::vector<A> actions) {
    return TunnelStep{Legality::legal, next, std::move(actions), ""};
  };
  const TunnelStep ignored{Legality::ignored, state, {}, ""};
  const S standing = context.all_listening ? S::up : S::degraded;
  switch (cell) {
    case 'U':
      return context.on_demand ? legal(standing, {A::bind}) : legal(S::starting, {A::bind, A::dial});
    case 'B':
      return legal(S::degraded, {A::bind});
    case 'D':
      return legal(S::draining, {A::begin_drain});
    case 'R':
      return legal(S::starting, {A::drop_chain, A::bind, A::dial});
    case 'Y':
      return legal(standing, {A::serve_held});
    case 'L':
      if (!context.heals) return legal(S::needs_action, {A::drop_chain});
      if (context.on_demand && !context.clients_waiting) return legal(standing, {A::drop_chain});
      return legal(S::backing_off, {A::schedule_retry});
    case 'A':
      return legal(S::starting, {A::bind, A::dial});
    case 'C':
      return context.chain_ready ? legal(standing, {A::bind, A::serve_held})
                                 : legal(S::starting, {A::drop_chain, A::bind, A::dial});
    case 'W':
      return legal(S::starting, {A::dial});
    case 'G':
      return standing == state ? ignored : legal(standing, {});
    case 'I':
      return legal(standing, {A::drop_chain});
    case 'T':
      return legal(S::starting, {A::dial});
    case 'H':
      return legal(S::backing_off, {A::hasten_retry});
    case 'Q':
      return legal(S::down, {A::close_all});
    case '-':
      return ignored;
    default:
      return {Legality::bug, state, {}, ""};
  }
}

std::string name(S state, E event, const TunnelContext& context) {
  return std::string(to_string(state)) + " + " + std::string(to_string(event)) +
         (context.on_demand ? ", on demand" : "") + (context.heals ? ", heals" : "") +
         (context.all_listening ? ", all listening" : "") +
         (context.clients_waiting ? ", clients waiting" : "");
}

long count(const std::vector<A>& actions, A action) {
  return std::count(actions.begin(), actions.end(), action);
}

// Calls `check` with every state, event and context.
template <typename Check>
void for_each_step(Check check) {
  for (const Row& row : kTable)
    for (const E event : kEvents)
      for (const TunnelContext& context : all_contexts())
        check(row.state, event, context, step(row.state, context, event));
}

TEST(TunnelMachine, AnswersEveryStateAndEventAsTheTableSays) {
  for (const Row& row : kTable) {
    ASSERT_EQ(row.cells.size(), kEvents.size()) << to_string(row.state);
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      for (const TunnelContext& context : all_contexts()) {
        const TunnelStep want = expected(row.cells[i], row.state, context);
        const TunnelStep got = step(row.state, context, kEvents[i]);
        EXPECT_EQ(got.legality, want.legality) << name(row.state, kEvents[i], context);
        EXPECT_EQ(got.next, want.next) << name(row.state, kEvents[i], context);
        EXPECT_EQ(got.actions, want.actions) << name(row.state, kEvents[i], context);
        EXPECT_STRNE(got.reason, "") << name(row.state, kEvents[i], context);
      }
    }
  }
}

TEST(TunnelMachine, DownThenDrainedIsRestFromEveryState) {
  for (const Row& row : kTable)
    for (const TunnelContext& context : all_contexts()) {
      const S draining = step(row.state, context, E::down).next;
      EXPECT_EQ(step(draining, context, E::drained).next, S::down) << to_string(row.state);
    }
}

TEST(TunnelMachine, NoActionListEndsTheSameChainTwice) {
  for_each_step([](S state, E event, const TunnelContext& context, const TunnelStep& result) {
    EXPECT_LE(count(result.actions, A::drop_chain) + count(result.actions, A::close_all), 1)
        << name(state, event, context);
    for (const A action : result.actions)
      EXPECT_EQ(count(result.actions, action), 1) << name(state, event, context);
  });
}

TEST(TunnelMachine, DropsTheChainBeforeItDialsAgain) {
  for_each_step([](S state, E event, const TunnelContext& context, const TunnelStep& result) {
    if (count(result.actions, A::drop_chain) == 0 || count(result.actions, A::dial) == 0) return;
    EXPECT_EQ(result.actions.front(), A::drop_chain) << name(state, event, context);
    EXPECT_EQ(result.actions.back(), A::dial) << name(state, event, context);
  });
}

// Whichever way a tunnel comes to stand, the facts alone say whether it is degraded. (`up` while degraded
// binds; the news of that, forwards_changed, then decides.)
TEST(TunnelMachine, DegradedIsAFunctionOfFacts) {
  for_each_step([](S state, E event, const TunnelContext& context, const TunnelStep& result) {
    if (result.legality != Legality::legal || (state == S::degraded && event == E::up)) return;
    if (result.next != S::up && result.next != S::degraded) return;
    EXPECT_EQ(result.next, context.all_listening ? S::up : S::degraded) << name(state, event, context);
  });
  for (const S state : {S::up, S::degraded})
    for (const TunnelContext& context : all_contexts())
      EXPECT_EQ(step(state, context, E::forwards_changed).next, context.all_listening ? S::up : S::degraded);
}

TEST(TunnelMachine, RetriesOnlyWhatTimeCanMend) {
  for_each_step([](S state, E event, const TunnelContext& context, const TunnelStep& result) {
    if (count(result.actions, A::schedule_retry) == 0) return;
    EXPECT_EQ(event, E::chain_failed) << name(state, event, context);
    EXPECT_TRUE(context.heals) << name(state, event, context);
    EXPECT_EQ(result.next, S::backing_off) << name(state, event, context);
  });
}

// Nobody is left waiting for a dial that no one will make: whoever starts dials, whoever backs off has a
// retry timed.
TEST(TunnelMachine, EnteringAWaitingStateArmsWhatEndsIt) {
  for_each_step([](S state, E event, const TunnelContext& context, const TunnelStep& result) {
    if (result.next == state) return;
    if (result.next == S::starting) {
      EXPECT_EQ(count(result.actions, A::dial), 1) << name(state, event, context);
    }
    if (result.next == S::backing_off) {
      EXPECT_EQ(count(result.actions, A::schedule_retry), 1) << name(state, event, context);
    }
    if (result.next == S::draining) {
      EXPECT_EQ(count(result.actions, A::begin_drain), 1) << name(state, event, context);
    }
    if (result.next == S::down) {
      EXPECT_EQ(count(result.actions, A::close_all), 1) << name(state, event, context);
    }
  });
}

TEST(TunnelMachine, ListenersStayThroughALossAndARestart) {
  for_each_step([](S state, E event, const TunnelContext& context, const TunnelStep& result) {
    if (state == S::draining) return;
    EXPECT_EQ(count(result.actions, A::close_all), 0) << name(state, event, context);
  });
}

TEST(TunnelMachine, OnDemandDialsAtTheFirstClient) {
  TunnelContext context;
  context.on_demand = true;
  const TunnelStep asked = step(S::down, context, E::up);
  EXPECT_EQ(asked.next, S::up);
  EXPECT_EQ(asked.actions, std::vector<A>{A::bind});
  const TunnelStep came = step(S::up, context, E::client_waiting);
  EXPECT_EQ(came.next, S::starting);
  EXPECT_EQ(came.actions, std::vector<A>{A::dial});
}

TEST(TunnelMachine, AWaitingClientHastensTheRetry) {
  EXPECT_EQ(step(S::backing_off, {}, E::client_waiting).actions, std::vector<A>{A::hasten_retry});
  EXPECT_EQ(step(S::needs_action, {}, E::client_waiting).legality, Legality::ignored);
}

TEST(TunnelMachine, WhatAPersonHasMendedIsTriedAgain) {
  EXPECT_EQ(step(S::needs_action, {}, E::credentials_changed).actions, (std::vector<A>{A::bind, A::dial}));
  EXPECT_EQ(step(S::backing_off, {}, E::credentials_changed).legality, Legality::ignored) << "time will do";
}

TEST(TunnelMachine, NamesStatesAndEvents) {
  std::set<std::string_view> states;
  std::set<std::string_view> events;
  for (const Row& row : kTable) states.insert(to_string(row.state));
  for (const E event : kEvents) events.insert(to_string(event));
  EXPECT_EQ(states.size(), kTable.size());
  EXPECT_EQ(events.size(), kEvents.size());
  EXPECT_FALSE(states.contains("?") || events.contains("?"));
}

}  // namespace
}  // namespace tunneld
