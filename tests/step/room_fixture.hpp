// tests/step/room_fixture.hpp - a T of transom/sync in a room (transom/sync/testing.hpp) with a row for each who takes
// part, and one who sleeps beside them.
#pragma once
#include <sys/prctl.h>

#include <chrono>
#include <csignal>
#include <memory>

#include "tests/step/fixtures.hpp"
#include "transom/os/process.hpp"
#include "transom/os/testing.hpp"
#include "transom/sync/testing.hpp"

namespace transom::step {

using namespace std::chrono_literals;

// Rows of the room: the stage, the victim, the partner, one who sleeps beside them, one who died before.
enum : unsigned { stage_row, victim_row, partner_row, sleeper_row, dead_row };

template <typename T>
class in_a_room : public operation {
 protected:
  template <typename... Arguments>
  explicit in_a_room(Arguments... arguments) : room_(arguments...) {}
  template <typename... Arguments>
  void renew(Arguments... arguments) {
    sleeper_.reset();
    room_.renew(arguments...);
    room_.join(stage_row);
  }
  /// In a child that goes with the stage.
  template <typename Body>
  void start_sleeper(Body body) {
    sleeper_ = std::make_unique<os::testing::forked>([this, body] {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      room_.join(sleeper_row);
      return body();
    });
  }
  int sleepers_result() {
    const auto handle = os::process::open(sleeper_->pid()).or_throw();
    demand(handle.wait_ended(patience::until_time(deadline::after(5s))).has_value(), "a survivor waits for ever");
    const int code = sleeper_->wait();
    sleeper_.reset();
    room_.bury(sleeper_row);
    return code;
  }
  /// The kernel has said that they are gone.
  void bury_all() {
    room_.bury(victim_row);
    room_.bury(partner_row);
  }
  bool somebody_sleeps() { return (read(reinterpret_cast<note&>(*room_)) & 1) != 0; }

  sync::testing::room<T> room_;
  std::unique_ptr<os::testing::forked> sleeper_;
};

}  // namespace transom::step
