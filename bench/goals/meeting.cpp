// bench/goals/meeting.cpp - see meeting.hpp.
#include "bench/goals/meeting.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <thread>

namespace goals {
namespace {

using namespace std::chrono_literals;

rusage used() {
  rusage now{};
  ::getrusage(RUSAGE_SELF, &now);
  return now;
}
double nanoseconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
}

}  // namespace

meeting meeting::make(std::size_t arena) {
  auto file = transom::os::memfd::make("transom-goals", {.size = page_bytes + arena}).or_throw();
  auto mapping = file.map(transom::os::access::read_write).or_throw();
  new (mapping.data()) goals::page{};
  return {std::move(file), std::move(mapping)};
}

meeting meeting::open(transom::fd given) {
  auto file = transom::os::memfd::adopt(std::move(given), transom::os::seal::none, page_bytes).or_throw();
  auto mapping = file.map(transom::os::access::read_write).or_throw();
  mapping.advise(transom::os::advice::populate).ignore();
  return {std::move(file), std::move(mapping)};
}

transom::fd meeting::another_fd() const { return transom::fd(::dup(file_.fd())); }

void side::meet() {
  ++met_;
  page().arrived.fetch_add(1, std::memory_order_acq_rel);
  while (page().arrived.load(std::memory_order_acquire) < 2 * met_) {
    still_wanted();
    std::this_thread::sleep_for(50us);
  }
}

void side::still_wanted() const {
  if (page().refused.load(std::memory_order_acquire) != 0) throw abandoned();
}

void side::pin() const {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<unsigned>(task().cpu[begins_ ? 0 : 1]), &only);
  if (::sched_setaffinity(0, sizeof only, &only) != 0) throw refusal("there is no second processor to pin it to");
}

consumption::consumption() {
  const rusage now = used();
  cpu_ns_ = nanoseconds(now.ru_utime) + nanoseconds(now.ru_stime);
  sleeps_ = static_cast<std::uint64_t>(now.ru_nvcsw);
  preempted_ = static_cast<std::uint64_t>(now.ru_nivcsw);
}

void consumption::into(outcome& result, std::size_t messages, std::size_t own_sleeps) const {
  const consumption now;
  const double n = static_cast<double>(messages);
  result.cpu_ns = (now.cpu_ns_ - cpu_ns_) / n;
  result.sleeps = (static_cast<double>(now.sleeps_ - sleeps_) - static_cast<double>(own_sleeps)) / n;
  result.preempted = now.preempted_ - preempted_;
}

}  // namespace goals
