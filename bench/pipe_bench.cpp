// bench/pipe_bench.cpp - what does os::pipe cost above the bare system calls, for a message there and back?
//
// Two threads, two pipes, 64 bytes each way. Both sides wait the same way (poll, then read), so that the difference is
// the wrapper and nothing else. Both run on one processor: on two, the answer is the time to wake an idle one.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <thread>

#include "transom/os/pipe.hpp"

namespace {

using message = std::array<std::byte, 64>;
using transom::os::pipe;

bool get(const transom::os::pipe_reader& from, message& into) {
  auto n = from.read(into);
  return n && *n == into.size();
}

void put(const transom::os::pipe_writer& to, const message& from) { to.write_all(from).or_throw(); }

bool get_bare(const transom::os::pipe_reader& from, message& into) {
  for (;;) {
    const ssize_t n = ::read(from.fd(), into.data(), into.size());
    if (n >= 0) return n == ssize_t(into.size());
    pollfd item{from.fd(), POLLIN, 0};
    ::poll(&item, 1, -1);
  }
}

void put_bare(const transom::os::pipe_writer& to, const message& from) {
  if (::write(to.fd(), from.data(), from.size()) != ssize_t(from.size())) std::abort();
}

void stay_on_one_processor() {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<unsigned>(::sched_getcpu()), &here);
  if (::sched_setaffinity(0, sizeof here, &here) != 0) std::abort();
}

template <typename Get, typename Put>
void there_and_back(benchmark::State& state, Get take, Put give) {
  stay_on_one_processor();  // the other thread inherits it
  auto there = pipe::make().or_throw(), back = pipe::make().or_throw();
  std::thread echo([&, in = std::move(there.reader)] {
    message at_hand;
    while (take(in, at_hand)) give(back.writer, at_hand);
  });
  message sent{}, got{};
  for (auto round : state) {
    (void)round;
    sent[0] = std::byte(std::to_integer<unsigned>(sent[0]) + 1);
    give(there.writer, sent);
    if (!take(back.reader, got) || got[0] != sent[0]) state.SkipWithError("a message was lost");
  }
  transom::fd(std::move(there.writer).release()).reset();  // the end, for the echo
  echo.join();
  state.SetItemsProcessed(state.iterations());
}

}  // namespace

BENCHMARK_CAPTURE(there_and_back, bare_system_calls, get_bare, put_bare)->UseRealTime();
BENCHMARK_CAPTURE(there_and_back, os_pipe, get, put)->UseRealTime();
BENCHMARK_MAIN();
