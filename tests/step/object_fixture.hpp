// tests/step/object_fixture.hpp - a shared object with locks in it, opened by each process for itself as shared<T>
// does, and what must be true of it after a death.
#pragma once
#include <sys/prctl.h>

#include <chrono>
#include <memory>
#include <new>

#include "tests/step/fixtures.hpp"
#include "transom/os/process.hpp"
#include "transom/os/testing.hpp"
#include "transom/sync/condition.hpp"
#include "transom/sync/mutex.hpp"
#include "transom/sync/rwlock.hpp"
#include "transom/transport/shared_object.hpp"

namespace transom::step {

using namespace std::chrono_literals;

struct bank {
  sync::mutex lock;
  sync::rwlock table;
  sync::condition changed;
  note left_side{60}, right_side{40};
  note inside;  // somebody is
  note ready;   // as the operation likes
};

inline void demand_whole(const bank& in) {
  demand(read(in.inside) == 0, "two are inside, or what a dead one left was given out");
  demand(read(in.left_side) + read(in.right_side) == 100, "torn");
}
inline void repair_all(bank& in) {
  write(in.right_side, 100 - read(in.left_side));
  write(in.inside, 0);
}

/// A child that does something with the object, which must come to an end.
class beside {
 public:
  template <typename Body>
  void start(Body body) {
    process_ = std::make_unique<os::testing::forked>([this, body] { return run_(body); });
  }
  int result() {
    const auto handle = os::process::open(process_->pid()).or_throw();
    demand(handle.wait_ended(patience::until_time(deadline::after(5s))).has_value(), "a survivor waits for ever");
    const int code = process_->wait();
    process_.reset();
    return code;
  }
  void stop() { process_.reset(); }

 private:
  template <typename Body>
  static int run_(Body body);
  std::unique_ptr<os::testing::forked> process_;
};

inline transport::shared_object open_bank(const char* where) {
  const auto name = url::parse(where).or_throw();
  return transport::shared_object::open(name, {.schema_hash = 5, .schema_text = "bank", .size = sizeof(bank)},
                                        [](void* memory) { ::new (memory) bank; })
      .or_throw();
}
inline constexpr const char* usual_bank = "shm://step";

template <typename Body>
int beside::run_(Body body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto mine = open_bank(usual_bank);
  return body(*static_cast<bank*>(mine.get()));
}

class on_an_object : public operation {
 public:
  void fresh() override {
    sleeper_.stop();
    mine_.reset();
    empty_directory();
    mine_.emplace(open());
  }

 protected:
  static transport::shared_object open() { return open_bank(usual_bank); }
  static bank& at(const transport::shared_object& handle) { return *static_cast<bank*>(handle.get()); }
  bank& here() { return at(*mine_); }

  /// What every survivor does. False: it had to be repaired. Afterwards it is as good as new, three times over.
  template <typename Lock>
  bool settle(Lock& lock) {
    bool healthy = true;
    {
      auto held = lock.lock_for(5s);
      if (held.failed_with(errc::owner_died)) {
        healthy = false;
        demand(lock.try_lock().failed_with(errc::owner_died), "told once, forgotten the second time");
        held = lock.lock_or_recover([&] { repair_all(here()); });
      }
      held.or_throw();
      demand_whole(here());
    }
    for (int lap = 0; lap < 3; ++lap) {
      const auto another = open();
      auto& same =
          reinterpret_cast<Lock&>(*(static_cast<std::byte*>(another.get()) +
                                    (reinterpret_cast<std::byte*>(&lock) - static_cast<std::byte*>(mine_->get()))));
      auto held = same.try_lock();
      demand(held.has_value(), "still held by nobody");
    }
    return healthy;
  }

  beside sleeper_;

 private:
  std::optional<transport::shared_object> mine_;
};

}  // namespace transom::step
