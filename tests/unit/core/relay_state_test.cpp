#include "core/relay_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace tunneld {
namespace {

using E = RelayEvent;
using A = RelayAction;
using H = HalfState;
using Actions = std::vector<A>;

constexpr std::array kEvents = {E::local_eof,    E::local_reset,      E::upload_flushed, E::remote_eof,
                                E::remote_close, E::download_flushed, E::session_lost};
constexpr std::array kHalves = {H::open, H::ending, H::ended};
constexpr std::array<std::string_view, 7> kEventNames = {"local_eof",   "local_reset",  "upload_flushed",
                                                         "remote_eof",  "remote_close", "download_flushed",
                                                         "session_lost"};
constexpr std::array<std::string_view, 3> kHalfNames = {"open", "ending", "ended"};

struct Case {
  RelayState state;
  RelayContext context;
  E event;
};

std::string name(const Case& c) {
  return "upload " + std::string(kHalfNames[static_cast<std::size_t>(c.state.upload)]) + ", download " +
         std::string(kHalfNames[static_cast<std::size_t>(c.state.download)]) +
         (c.state.remote_closed ? ", channel closed" : "") + (c.state.over ? ", over" : "") +
         (c.context.upload_pending ? ", upload waits" : "") +
         (c.context.download_pending ? ", download waits" : "") + " + " +
         std::string(kEventNames[static_cast<std::size_t>(c.event)]);
}

std::vector<RelayContext> all_contexts() {
  return {{false, false}, {false, true}, {true, false}, {true, true}};
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const H upload : kHalves)
    for (const H download : kHalves)
      for (const bool closed : {false, true})
        for (const bool over : {false, true})
          for (const RelayContext& context : all_contexts())
            for (const E event : kEvents) cases.push_back({{upload, download, closed, over}, context, event});
  return cases;
}

// What may be said of a case: empty means any.
using Any = std::nullopt_t;
constexpr Any any = std::nullopt;
struct Rule {
  E event;
  std::optional<H> upload, download;
  std::optional<bool> closed;
  std::optional<bool> waits;  // bytes of the direction that the event is about
  // The answer.
  std::optional<H> next_upload, next_download;  // empty: as before
  bool next_closed = false;                     // or as before
  bool over = false;
  Actions actions;
  bool ignored = false;
};

Rule ignored(E event, std::optional<H> upload, std::optional<H> download, std::optional<bool> closed) {
  return {event, upload, download, closed, any, any, any, false, false, {}, true};
}

const Actions kNothing;
const Actions kOrderlyEnd = {A::close_channel, A::close_local};

// The first rule that fits a case decides it. A connection that is over ignores everything.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> kRules = {
      //  event             upload      download   closed waits   -> upload   download  closed over   actions
      ignored(E::local_eof, H::ending, any, any),
      ignored(E::local_eof, H::ended, any, any),
      {E::local_eof, H::open, any, any, true, H::ending, any, false, false, kNothing},
      {E::local_eof, H::open, any, true, false, H::ended, any, false, false, kNothing},
      {E::local_eof,
       H::open,
       H::ended,
       false,
       false,
       H::ended,
       any,
       false,
       true,
       {A::send_eof, A::close_channel, A::close_local}},
      {E::local_eof, H::open, any, false, false, H::ended, any, false, false, {A::send_eof}},

      {E::upload_flushed, H::ending, any, true, any, H::ended, any, false, false, kNothing},
      {E::upload_flushed,
       H::ending,
       H::ended,
       false,
       any,
       H::ended,
       any,
       false,
       true,
       {A::send_eof, A::close_channel, A::close_local}},
      {E::upload_flushed, H::ending, any, false, any, H::ended, any, false, false, {A::send_eof}},
      ignored(E::upload_flushed, any, any, any),

      ignored(E::remote_eof, any, H::ending, any),
      ignored(E::remote_eof, any, H::ended, any),
      {E::remote_eof, any, H::open, any, true, any, H::ending, false, false, kNothing},
      {E::remote_eof,
       any,
       H::open,
       true,
       false,
       any,
       H::ended,
       false,
       true,
       {A::shutdown_local, A::close_channel, A::close_local}},
      {E::remote_eof,
       H::ended,
       H::open,
       any,
       false,
       any,
       H::ended,
       false,
       true,
       {A::shutdown_local, A::close_channel, A::close_local}},
      {E::remote_eof, any, H::open, false, false, any, H::ended, false, false, {A::shutdown_local}},

      {E::download_flushed,
       any,
       H::ending,
       true,
       any,
       any,
       H::ended,
       false,
       true,
       {A::shutdown_local, A::close_channel, A::close_local}},
      {E::download_flushed,
       H::ended,
       H::ending,
       any,
       any,
       any,
       H::ended,
       false,
       true,
       {A::shutdown_local, A::close_channel, A::close_local}},
      {E::download_flushed, any, H::ending, false, any, any, H::ended, false, false, {A::shutdown_local}},
      ignored(E::download_flushed, any, any, any),

      ignored(E::remote_close, any, any, true),
      {E::remote_close, any, H::open, false, any, any, any, false, true, {A::close_channel, A::reset_local}},
      {E::remote_close, any, H::ending, false, any, any, any, true, false, kNothing},
      {E::remote_close, any, H::ended, false, any, any, any, true, true, kOrderlyEnd},

      {E::local_reset, any, any, any, any, any, any, false, true, kOrderlyEnd},
      {E::session_lost, any, any, any, any, any, any, false, true, {A::reset_local}},
  };
  return kRules;
}

bool fits(const Rule& rule, const Case& c) {
  const bool waits = c.event == E::local_eof ? c.context.upload_pending : c.context.download_pending;
  return rule.event == c.event && rule.upload.value_or(c.state.upload) == c.state.upload &&
         rule.download.value_or(c.state.download) == c.state.download &&
         rule.closed.value_or(c.state.remote_closed) == c.state.remote_closed &&
         rule.waits.value_or(waits) == waits;
}

RelayStep expected(const Case& c) {
  if (c.state.over) return {Legality::ignored, c.state, {}, ""};
  const auto rule = std::find_if(rules().begin(), rules().end(),
                                 [&c](const Rule& candidate) { return fits(candidate, c); });
  if (rule == rules().end()) return {};
  if (rule->ignored) return {Legality::ignored, c.state, {}, ""};
  RelayState next = c.state;
  next.upload = rule->next_upload.value_or(next.upload);
  next.download = rule->next_download.value_or(next.download);
  next.remote_closed |= rule->next_closed;
  next.over = rule->over;
  return {Legality::legal, next, rule->actions, ""};
}

TEST(RelayState, AnswersEveryCombinationAsTheRulesSay) {
  const std::vector<Case> cases = all_cases();
  ASSERT_EQ(cases.size(), 3U * 3 * 2 * 2 * 4 * 7);
  for (const Case& c : cases) {
    const RelayStep want = expected(c);
    const RelayStep got = step(c.state, c.context, c.event);
    EXPECT_EQ(got.legality, want.legality) << name(c);
    EXPECT_EQ(got.next, want.next) << name(c);
    EXPECT_EQ(got.actions, want.actions) << name(c);
    EXPECT_STRNE(got.reason, "") << name(c);
  }
}

// What has been done to the two ends on the way to a state.
struct Journey {
  RelayState state;
  bool eof_sent = false;
  bool local_shut = false;
  bool channel_closed = false;
  bool local_ended = false;
  auto operator<=>(const Journey& other) const { return key() <=> other.key(); }
  bool operator==(const Journey& other) const { return key() == other.key(); }
  std::tuple<H, H, bool, bool, bool, bool, bool, bool> key() const {
    return {state.upload, state.download, state.remote_closed, state.over,
            eof_sent,     local_shut,     channel_closed,      local_ended};
  }
};

// One step of a journey; every action is checked against what was done before.
void perform(Journey& journey, const Case& c, A action) {
  const auto once = [&](bool& done) {
    EXPECT_FALSE(done) << "a second time: " << name(c);
    done = true;
  };
  EXPECT_FALSE(journey.local_ended) << "the local end is gone: " << name(c);
  switch (action) {
    case A::send_eof:
      EXPECT_FALSE(journey.channel_closed || c.state.remote_closed)
          << "a closed channel takes no EOF: " << name(c);
      return once(journey.eof_sent);
    case A::shutdown_local:
      return once(journey.local_shut);
    case A::close_channel:
      return once(journey.channel_closed);
    case A::close_local:
    case A::reset_local:
      return once(journey.local_ended);
  }
}

std::set<Journey> all_journeys() {
  std::set<Journey> seen = {Journey{}};
  std::vector<Journey> open = {Journey{}};
  while (!open.empty()) {
    const Journey from = open.back();
    open.pop_back();
    for (const RelayContext& context : all_contexts())
      for (const E event : kEvents) {
        const Case c{from.state, context, event};
        const RelayStep result = step(from.state, context, event);
        Journey to = from;
        to.state = result.next;
        for (const A action : result.actions) perform(to, c, action);
        if (seen.insert(to).second) open.push_back(to);
      }
  }
  return seen;
}

TEST(RelayState, DoesNothingTwiceOnAnyJourneyAndEndsBothSidesExactlyWhenItIsOver) {
  const std::set<Journey> journeys = all_journeys();
  EXPECT_GT(journeys.size(), 10U);
  for (const Journey& journey : journeys) EXPECT_EQ(journey.state.over, journey.local_ended);
}

TEST(RelayState, NeverWaitsOnAClosedChannelThatBroughtNoEof) {
  for (const Journey& journey : all_journeys())
    if (!journey.state.over && journey.state.remote_closed) {
      EXPECT_EQ(journey.state.download, H::ending);
    }
}

TEST(RelayState, EveryReachableStateEndsWithTheSessionAndWithTheClient) {
  for (const Journey& journey : all_journeys())
    for (const E event : {E::session_lost, E::local_reset})
      EXPECT_TRUE(step(journey.state, {}, event).next.over);
}

TEST(RelayState, EveryReachableStateEndsWhenBothSidesHaveSentEverything) {
  for (const Journey& journey : all_journeys()) {
    RelayState state = journey.state;
    for (const E event : {E::upload_flushed, E::download_flushed, E::local_eof, E::remote_eof})
      state = step(state, {}, event).next;
    EXPECT_TRUE(state.over);
  }
}

// Tells a story; what was done, in order.
class Story {
 public:
  Story& then(E event, RelayContext context = {}) {
    const RelayStep result = step(state, context, event);
    state = result.next;
    done.insert(done.end(), result.actions.begin(), result.actions.end());
    return *this;
  }
  RelayState state;
  Actions done;
};

constexpr RelayContext kUploadWaits{true, false};
constexpr RelayContext kDownloadWaits{false, true};

TEST(RelayState, ClientHalfCloseStillGetsTheWholeReply) {
  Story story;
  story.then(E::local_eof);
  EXPECT_EQ(story.done, Actions{A::send_eof});
  EXPECT_EQ(story.state.download, H::open);
  story.then(E::remote_eof, kDownloadWaits);
  EXPECT_EQ(story.done, Actions{A::send_eof}) << "bytes wait for the client";
  story.then(E::download_flushed);
  EXPECT_EQ(story.done, (Actions{A::send_eof, A::shutdown_local, A::close_channel, A::close_local}));
  EXPECT_TRUE(story.state.over);
}

TEST(RelayState, ServerHalfCloseStillGetsTheWholeRequest) {
  Story story;
  story.then(E::remote_eof);
  EXPECT_EQ(story.done, Actions{A::shutdown_local});
  story.then(E::local_eof, kUploadWaits);
  EXPECT_EQ(story.done, Actions{A::shutdown_local}) << "no EOF before the last byte";
  story.then(E::upload_flushed);
  EXPECT_EQ(story.done, (Actions{A::shutdown_local, A::send_eof, A::close_channel, A::close_local}));
}

TEST(RelayState, CloseWithoutEofResetsTheClient) {
  Story story;
  story.then(E::remote_close);
  EXPECT_EQ(story.done, (Actions{A::close_channel, A::reset_local}));
}

TEST(RelayState, CloseWithoutEofResetsTheClientThatHasSentEverything) {
  Story story;
  story.then(E::local_eof).then(E::remote_close);
  EXPECT_EQ(story.done, (Actions{A::send_eof, A::close_channel, A::reset_local}));
}

TEST(RelayState, EofAndCloseDeliverWhatWaitsBeforeTheEnd) {
  Story story;
  story.then(E::remote_eof, kDownloadWaits).then(E::remote_close, kDownloadWaits);
  EXPECT_TRUE(story.done.empty());
  story.then(E::download_flushed);
  EXPECT_EQ(story.done, (Actions{A::shutdown_local, A::close_channel, A::close_local}));
}

TEST(RelayState, EofAndCloseEndAClientThatStillSends) {
  Story story;
  story.then(E::remote_eof).then(E::remote_close);
  EXPECT_EQ(story.done, (Actions{A::shutdown_local, A::close_channel, A::close_local}));
}

TEST(RelayState, NoEofIsSentToAClosedChannel) {
  Story story;
  story.then(E::remote_eof, kDownloadWaits).then(E::remote_close, kDownloadWaits).then(E::local_eof);
  EXPECT_TRUE(story.done.empty());
  story.then(E::download_flushed);
  EXPECT_EQ(story.done, (Actions{A::shutdown_local, A::close_channel, A::close_local}));
}

TEST(RelayState, ALocalResetClosesTheChannelAtOnce) {
  Story story;
  story.then(E::local_reset, {true, true});
  EXPECT_EQ(story.done, (Actions{A::close_channel, A::close_local}));
}

TEST(RelayState, ALostSessionResetsTheClientAndTouchesNoChannel) {
  Story story;
  story.then(E::session_lost);
  EXPECT_EQ(story.done, Actions{A::reset_local});
}

TEST(RelayState, NothingHappensAfterTheEnd) {
  Story story;
  story.then(E::session_lost);
  const RelayState ended = story.state;
  for (const E event : kEvents) story.then(event);
  EXPECT_EQ(story.done, Actions{A::reset_local});
  EXPECT_EQ(story.state, ended);
}

}  // namespace
}  // namespace tunneld
