#include "core/hop_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

namespace tunneld {
namespace {

using S = HopState;
using E = HopEvent;
using A = HopAction;

constexpr std::array kEvents = {E::start,        E::resolved,    E::connected,     E::handshaken,
                                E::key_accepted, E::key_unknown, E::authenticated, E::failed,
                                E::deadline,     E::stop};

struct Row {
  S state;
  std::string_view cells;  // one an event, in the order of kEvents
};

// '-' ignored, '!' a bug of the driver, a letter: see expected().
constexpr std::array kTable = std::to_array<Row>({
    //                      s r c h k u a f d x
    {S::idle, /*         */ "S---------"},
    {S::resolving, /*    */ "!R!!!!!FFX"},
    {S::connecting, /*   */ "!!C!!!!FFX"},
    {S::handshaking, /*  */ "!!!H!!!FFX"},
    {S::verifying_host_key, "!!!!KU!FFX"},
    {S::needs_input, /*  */ "!!!!K!!FFX"},
    {S::authenticating, /**/ "!!!!!!AFFX"},
    {S::ready, /*        */ "!!!!!!!L-X"},
    {S::closing, /*      */ "S---------"},
    {S::lost, /*         */ "S---------"},
});

HopStep expected(char cell, S state, bool first) {
  const auto legal = [](S next, std::vector<A> actions) {
    return HopStep{Legality::legal, next, std::move(actions), ""};
  };
  switch (cell) {
    case 'S':
      return first ? legal(S::resolving, {A::resolve}) : legal(S::connecting, {A::connect});
    case 'R':
      return legal(S::connecting, {A::connect});
    case 'C':
      return legal(S::handshaking, {A::handshake});
    case 'H':
      return legal(S::verifying_host_key, {A::verify_host_key});
    case 'U':
      return legal(S::needs_input, {A::ask});
    case 'K':
      return legal(S::authenticating, {A::authenticate});
    case 'A':
      return legal(S::ready, {A::announce_ready});
    case 'F':
      return legal(S::lost, {A::tear_down, A::announce_failure});
    case 'L':
      return legal(S::lost, {A::tear_down, A::announce_loss});
    case 'X':
      return legal(S::closing, {A::tear_down});
    case '-':
      return {Legality::ignored, state, {}, ""};
    default:
      return {Legality::bug, state, {}, ""};
  }
}

std::string name(S state, E event, bool first) {
  return std::string(to_string(state)) + " + " + std::string(to_string(event)) +
         (first ? " (first hop)" : "");
}

bool at_rest(S state) {
  return state == S::idle || state == S::closing || state == S::lost;
}

// Every state that legal steps lead to from idle.
std::set<S> reachable(bool first) {
  std::set<S> seen = {S::idle};
  for (bool grown = true; grown;) {
    grown = false;
    for (const S state : std::set<S>(seen))
      for (const E event : kEvents) grown |= seen.insert(step(state, {first}, event).next).second;
  }
  return seen;
}

TEST(HopMachine, AnswersEveryStateAndEventAsTheTableSays) {
  for (const Row& row : kTable) {
    ASSERT_EQ(row.cells.size(), kEvents.size()) << to_string(row.state);
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
      for (const bool first : {true, false}) {
        const HopStep want = expected(row.cells[i], row.state, first);
        const HopStep got = step(row.state, {first}, kEvents[i]);
        EXPECT_EQ(got.legality, want.legality) << name(row.state, kEvents[i], first);
        EXPECT_EQ(got.next, want.next) << name(row.state, kEvents[i], first);
        EXPECT_EQ(got.actions, want.actions) << name(row.state, kEvents[i], first);
      }
    }
  }
}

TEST(HopMachine, GivesAReasonForEveryChangeOfState) {
  for (const Row& row : kTable)
    for (const E event : kEvents) {
      const HopStep result = step(row.state, {true}, event);
      EXPECT_STRNE(result.reason, "") << name(row.state, event, true);
    }
}

TEST(HopMachine, ReachesEveryStateAndOnlyTheFirstHopResolves) {
  EXPECT_EQ(reachable(true).size(), kTable.size());
  const std::set<S> later = reachable(false);
  EXPECT_EQ(later.size(), kTable.size() - 1);
  EXPECT_FALSE(later.contains(S::resolving));
}

TEST(HopMachine, StopLeadsToRestFromEveryReachableState) {
  for (const bool first : {true, false})
    for (const S state : reachable(first))
      EXPECT_TRUE(at_rest(step(state, {first}, E::stop).next)) << to_string(state);
}

TEST(HopMachine, EveryWaitingStateEndsAtItsDeadline) {
  for (const S state : reachable(true)) {
    if (at_rest(state) || state == S::ready) continue;
    EXPECT_EQ(step(state, {}, E::deadline).next, S::lost) << to_string(state);
  }
}

// However events follow one another: what was torn down is not torn down again before it was started anew.
TEST(HopMachine, TearsDownOnceForEachStart) {
  using Situation = std::pair<S, bool>;  // state, something is there that can be torn down
  std::set<Situation> seen = {{S::idle, false}};
  for (bool grown = true; grown;) {
    grown = false;
    for (const Situation& situation : std::set<Situation>(seen)) {
      for (const E event : kEvents) {
        const HopStep result = step(situation.first, {}, event);
        const auto tears = std::count(result.actions.begin(), result.actions.end(), A::tear_down);
        ASSERT_LE(tears, situation.second ? 1 : 0) << name(situation.first, event, true);
        const bool starts = event == E::start && result.legality == Legality::legal;
        grown |= seen.insert({result.next, starts || (situation.second && tears == 0)}).second;
      }
    }
  }
  for (const auto& [state, standing] : seen) EXPECT_EQ(standing, !at_rest(state)) << to_string(state);
}

TEST(HopMachine, TellsTheOwnerOnceAndLast) {
  for (const Row& row : kTable)
    for (const E event : kEvents) {
      const std::vector<A> actions = step(row.state, {}, event).actions;
      const auto announces = [](A action) {
        return action == A::announce_ready || action == A::announce_failure || action == A::announce_loss;
      };
      const auto found = std::find_if(actions.begin(), actions.end(), announces);
      if (found != actions.end()) {
        EXPECT_EQ(found + 1, actions.end()) << name(row.state, event, true);
      }
    }
}

TEST(HopMachine, LogsInThroughEveryStepInOrder) {
  S state = S::idle;
  std::vector<A> done;
  for (const E event : {E::start, E::resolved, E::connected, E::handshaken, E::key_unknown, E::key_accepted,
                        E::authenticated}) {
    const HopStep result = step(state, {true}, event);
    ASSERT_EQ(result.legality, Legality::legal) << name(state, event, true);
    state = result.next;
    done.insert(done.end(), result.actions.begin(), result.actions.end());
  }
  EXPECT_EQ(state, S::ready);
  EXPECT_EQ(done, (std::vector<A>{A::resolve, A::connect, A::handshake, A::verify_host_key, A::ask,
                                  A::authenticate, A::announce_ready}));
}

// No path leads to a credential without an accepted key.
TEST(HopMachine, ShowsNoCredentialBeforeTheHostKeyIsAccepted) {
  for (const Row& row : kTable)
    for (const E event : kEvents) {
      const HopStep result = step(row.state, {}, event);
      if (std::count(result.actions.begin(), result.actions.end(), A::authenticate) == 0) continue;
      EXPECT_EQ(event, E::key_accepted) << name(row.state, event, true);
      EXPECT_TRUE(row.state == S::verifying_host_key || row.state == S::needs_input) << to_string(row.state);
    }
}

TEST(HopMachine, CanBeStartedAgainAfterALoss) {
  EXPECT_EQ(step(S::lost, {true}, E::start).next, S::resolving);
  EXPECT_EQ(step(S::closing, {false}, E::start).next, S::connecting);
}

TEST(HopMachine, NamesStatesAndEvents) {
  std::set<std::string_view> names;
  for (const Row& row : kTable) names.insert(to_string(row.state));
  EXPECT_EQ(names.size(), kTable.size());
  for (const E event : kEvents) names.insert(to_string(event));
  EXPECT_EQ(names.size(), kTable.size() + kEvents.size());
  EXPECT_FALSE(names.contains("?"));
}

}  // namespace
}  // namespace tunneld
