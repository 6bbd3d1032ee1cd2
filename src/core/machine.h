// What the state machines share: the answer of a pure step.
#pragma once

#include <initializer_list>
#include <vector>

namespace tunneld {

// Every (state, event) pair is one of these; which, is decided in one switch a machine, and tested pair by pair.
enum class Legality {
  legal,    // the state changes or actions follow
  ignored,  // late or superfluous, harmless
  bug,      // cannot happen unless the driver is wrong
};

template <typename State, typename Action>
struct Step {
  Legality legality = Legality::bug;
  State next{};
  std::vector<Action> actions;
  const char* reason = "";
};

}  // namespace tunneld
