// examples/08_philosophers/main.cpp - five processes, five forks: a deadlock, the same deadlock found and named, and
// the order that cures it.
#include <transom/process.hpp>
#include <transom/sync.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using transom::errc;
using transom::sync::mutex;
using transom::sync::report_deadlocks;

constexpr std::size_t seats = 5;
constexpr int meals = 20;

struct table {
  std::array<mutex, seats> fork{};
  std::array<mutex, seats> watched{mutex{report_deadlocks{"fork 0"}}, mutex{report_deadlocks{"fork 1"}},
                                   mutex{report_deadlocks{"fork 2"}}, mutex{report_deadlocks{"fork 3"}},
                                   mutex{report_deadlocks{"fork 4"}}};
  transom::sync::barrier all_seated{seats}, left_in_hand{seats}, gave_up{seats};
  std::atomic<int> eaten{0}, waited_in_vain{0}, reported{0};
};

// Everybody takes the left fork, and then waits for the right one: for ever, were there no limit.
void deadlock(table& at, std::size_t left, std::size_t right) {
  const auto first = at.fork[left].lock().or_throw();
  at.left_in_hand.arrive_and_wait().or_throw();
  const auto second = at.fork[right].lock_for(200ms);
  if (second.failed_with(errc::timed_out)) ++at.waited_in_vain;
  at.gave_up.arrive_and_wait().or_throw();  // nobody lets go before all have waited
}

// The same, with forks that look for a circle before anybody sleeps: the one who would close it is told.
void detected(table& at, std::size_t left, std::size_t right) {
  auto first = at.watched[left].lock().or_throw();
  at.left_in_hand.arrive_and_wait().or_throw();
  for (;;) {
    const auto began = std::chrono::steady_clock::now();
    const auto second = at.watched[right].lock();
    if (second) break;
    if (!second.failed_with(std::errc::resource_deadlock_would_occur)) throw transom::exception(second.error());
    const auto took = std::chrono::steady_clock::now() - began;
    if (at.reported.fetch_add(1) == 0) {
      std::cout << "found after " << std::chrono::duration<double, std::milli>(took).count()
                << " ms: " << second.error().detail() << std::endl;
    }
    first.unlock();  // the way out: put down what one has, and begin again
    first = at.watched[left].lock().or_throw();
  }
  ++at.eaten;
}

// Everybody takes the fork with the lower number first. No circle can be closed: somebody would have to hold a higher
// one while he waits for a lower.
void ordered(table& at, std::size_t left, std::size_t right) {
  for (int meal = 0; meal < meals; ++meal) {
    const auto first = at.fork[std::min(left, right)].lock().or_throw();
    const auto second = at.fork[std::max(left, right)].lock().or_throw();
    ++at.eaten;
  }
}

void dine(table& at, const std::string& how, std::size_t seat) {
  const std::size_t left = seat, right = (seat + 1) % seats;
  at.all_seated.arrive_and_wait().or_throw();
  if (how == "deadlock") deadlock(at, left, right);
  else if (how == "detected") detected(at, left, right);
  else ordered(at, left, right);
}

// A process for each of the seats, and their end.
bool serve(const std::string& program, const std::string& url, const std::string& how,
           const std::vector<std::string>& at) {
  std::vector<transom::child> philosophers;
  for (const auto& seat : at) {
    philosophers.push_back(transom::command{program}.arg("philosopher").arg(url).arg(how).arg(seat).spawn().or_throw());
  }
  return std::ranges::all_of(philosophers, [](auto& one) { return one.wait().or_throw().success(); });
}

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 4 && arguments[0] == "philosopher") {
    const transom::shared<table> at{arguments[1]};
    dine(*at, arguments[2], std::stoul(arguments[3]));
    return 0;
  }
  if (arguments.size() > 3 && arguments[0] == "sit") {  // some of the seats; the others are somebody else's
    const std::vector<std::string> own(arguments.begin() + 3, arguments.end());
    const transom::shared<table> at{arguments[1]};
    if (!serve(argv[0], arguments[1], arguments[2], own)) return 1;
    std::cout << own.size() << " of " << seats << " philosophers have dined\n";
    return 0;
  }
  for (const std::string how : {"deadlock", "detected", "ordered"}) {
    const transom::shared<table> at{"shm://transom-table-" + std::to_string(::getpid()) + "-" + how};
    if (!serve(argv[0], at.url(), how, {"0", "1", "2", "3", "4"})) return 1;
    std::cout << how << ": " << at->eaten << " meals";
    if (at->waited_in_vain > 0) std::cout << ", " << at->waited_in_vain << " waited in vain";
    std::cout << std::endl;  // before the next philosophers speak
    if (how == "detected" && at->reported == 0) return 1;
  }
}
