// examples/03_lost_update/main.cpp - two processes add to one number, without a lock and with one.
#include <transom/process.hpp>
#include <transom/sync.hpp>

#include <unistd.h>

#include <atomic>
#include <iostream>
#include <string>
#include <vector>

constexpr long deposits = 100'000;

struct account {
  transom::sync::mutex mutex;
  transom::sync::barrier start{2}, end{2};
  long balance = 0;

  // What `balance = balance + 1` is to a processor: a load, and later a store. (Through atomic_ref, so that the
  // compiler neither merges the steps of the loop nor is told a lie about other threads; it is not an atomic addition.)
  void deposit() {
    const std::atomic_ref shared_balance(balance);
    const long seen = shared_balance.load(std::memory_order_relaxed);
    shared_balance.store(seen + 1, std::memory_order_relaxed);  // what another stored in between is lost
  }
};

void save(account& own, bool with_mutex) {
  own.start.arrive_and_wait().or_throw();  // both begin at once
  for (long n = 0; n < deposits; ++n) {
    if (with_mutex) {
      const auto held = own.mutex.lock().or_throw();
      own.deposit();
    } else {
      own.deposit();
    }
  }
  own.end.arrive_and_wait().or_throw();
}

// Two processes; what the balance is in the end.
long two_savers(const std::string& url, const std::string& how) {
  const transom::shared<account> own{url};
  std::vector<transom::child> savers;
  for (int i = 0; i < 2; ++i) {
    savers.push_back(transom::command{"/proc/self/exe"}.arg(url).arg(how).arg("quietly").spawn().or_throw());
  }
  for (auto& one : savers) {
    if (!one.wait().or_throw().success()) throw std::runtime_error("a saver failed");
  }
  return own->balance;
}

int main(int argc, char** argv) {
  if (argc > 2) {
    const transom::shared<account> own{argv[1]};
    save(*own, argv[2] == std::string("with-mutex"));
    if (argc == 3) std::cout << own->balance << " of " << 2 * deposits << '\n';
    return 0;
  }
  const std::string name = "shm://transom-account-" + std::to_string(::getpid());
  long balance = 2 * deposits;
  // Nothing forbids that the two never meet; it only becomes less likely every time.
  for (int round = 0; round < 1000 && balance == 2 * deposits; ++round) {
    balance = two_savers(name + "-" + std::to_string(round), "without");
  }
  std::cout << "without mutex: " << balance << " of " << 2 * deposits << ", lost " << 2 * deposits - balance << '\n';
  const bool lost = balance != 2 * deposits;
  balance = two_savers(name, "with-mutex");
  std::cout << "with mutex:    " << balance << " of " << 2 * deposits << ", lost " << 2 * deposits - balance << '\n';
  return lost && balance == 2 * deposits ? 0 : 1;
}
