// examples/07_readers_writers/main.cpp - many may look, or one may change: a reader-writer lock between processes.
#include <transom/process.hpp>
#include <transom/sync.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <string>
#include <vector>

constexpr int readers = 3, writers = 2, looks = 2'000, moves = 500;
constexpr long money = 100;

struct bank {
  transom::sync::rwlock lock;
  transom::sync::barrier all_inside{readers}, start{readers + writers};
  std::array<long, 2> account{money, 0};
  // What happened, counted by everybody.
  std::atomic<int> inside{0}, most_inside{0}, torn{0}, moved{0};
};

void look(bank& own, bool together = false) {
  const auto held = own.lock.lock_shared().or_throw();
  const int now = own.inside.fetch_add(1) + 1;
  for (int most = own.most_inside; most < now && !own.most_inside.compare_exchange_weak(most, now);) {}
  if (together) own.all_inside.arrive_and_wait().or_throw();
  if (own.account[0] + own.account[1] != money) ++own.torn;  // a writer's work, half done
  own.inside.fetch_sub(1);
}

void read(bank& own) {
  // Once all readers meet inside, which they could not if one kept the others out. No writer is waiting yet: one that
  // is may keep later readers out, and a reader that waits for them inside would wait for ever.
  look(own, true);
  own.start.arrive_and_wait().or_throw();
  for (int n = 1; n < looks; ++n) look(own);
}

void write(bank& own) {
  own.start.arrive_and_wait().or_throw();
  for (int n = 0; n < moves; ++n) {
    const auto held = own.lock.lock().or_throw();
    if (own.inside != 0) ++own.torn;  // a reader is in here with us
    const long amount = (own.account[0] >= own.account[1] ? 1 : -1) * (1 + n % 7);
    own.account[0] -= amount;
    own.account[1] += amount;
    ++own.moved;
  }
}

int report(const bank& own) {
  std::cout << own.moved << " moves, " << own.torn << " torn\n";
  return own.torn == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc > 2) {
    const transom::shared<bank> own{argv[1]};
    argv[2] == std::string("read") ? read(*own) : write(*own);
    return 0;
  }
  // Readers are started here and writers too, unless the other terminal is to do that.
  const std::string what = argc > 1 ? argv[1] : "both";
  const bool by_hand = what == "readers" || what == "writers";
  const std::string url = by_hand ? "shm://transom-bank" : "shm://transom-bank-" + std::to_string(::getpid());
  const transom::shared<bank> own{url};
  std::vector<transom::child> running;
  const auto start = [&](int count, const char* role) {
    for (int i = 0; i < count; ++i) {
      running.push_back(transom::command{"/proc/self/exe"}.arg(url).arg(role).spawn().or_throw());
    }
  };
  if (what != "writers") start(readers, "read");
  if (what != "readers") start(writers, "write");
  for (auto& one : running) {
    if (!one.wait().or_throw().success()) return 1;
  }
  if (by_hand) return own->torn == 0 ? 0 : 1;
  std::cout << readers * looks << " looks, at most " << own->most_inside << " at once\n";
  return report(*own);
}
