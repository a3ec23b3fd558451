// bench/goals/meeting.hpp - the page that the conductor and the two processes of one measurement share: the task, a
// place to meet, and what came of it. It is a memfd without a name, so whoever dies leaves nothing behind.
//
// Behind the page lies the arena: zeroed memory, already touched, for the bare limits, which have no channel to open.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "bench/goals/task.hpp"
#include "transom/os/memfd.hpp"

namespace goals {

inline constexpr std::size_t page_bytes = 16'384, most_stamps = 1'000;

struct page {
  goals::task task;
  std::atomic<std::uint32_t> arrived, refused;
  std::atomic<std::uint64_t> beat;  ///< recovery: messages sent, and the step they have come to
  std::atomic<std::uint64_t> step;
  std::uint32_t contender;  ///< place in everybody()
  char directory[100], token[60], scheme[24];
  outcome results[2];
  char words[2][400];                ///< why a side gave up
  std::int64_t stamps[most_stamps];  ///< recovery: when the survivor knew, CLOCK_MONOTONIC
};
static_assert(sizeof(page) <= page_bytes);

/// The mapped page. The conductor makes it and gives fd() away; each side opens what it was given.
class meeting {
 public:
  static meeting make(std::size_t arena);
  static meeting open(transom::fd given);

  goals::page& page() const { return *reinterpret_cast<goals::page*>(mapping_.data()); }
  std::span<std::byte> arena() const { return mapping_.bytes().subspan(page_bytes); }
  transom::fd another_fd() const;

 private:
  meeting(transom::os::memfd file, transom::os::mapping mapping)
      : file_(std::move(file)), mapping_(std::move(mapping)) {}
  transom::os::memfd file_;
  transom::os::mapping mapping_;
};

/// One process's part in a measurement.
class side {
 public:
  side(meeting met, bool begins) : meeting_(std::move(met)), begins_(begins) {}

  const goals::task& task() const { return meeting_.page().task; }
  bool begins() const { return begins_; }
  std::span<std::byte> arena() const { return meeting_.arena(); }
  goals::page& page() const { return meeting_.page(); }
  outcome& result() const { return page().results[begins_ ? 0 : 1]; }
  std::string directory() const { return page().directory; }
  /// A name of this measurement alone, one for each direction: `out` is what this side sends into.
  std::string name_out() const { return std::string(page().token) + (begins_ ? "-there" : "-back"); }
  std::string name_in() const { return std::string(page().token) + (begins_ ? "-back" : "-there"); }

  /// Waits until both sides are here; asleep, so that two sides may share a core. Throws abandoned if the
  /// other gave up.
  void meet();
  /// Throws abandoned if the other gave up: for loops that wait for something else.
  void still_wanted() const;
  /// Runs on the core that the task says, and nowhere else.
  void pin() const;

 private:
  meeting meeting_;
  bool begins_;
  std::uint32_t met_ = 0;
};

/// The processor time, sleeps and preemptions of this process since it was made.
class consumption {
 public:
  consumption();
  /// `own_sleeps`: those of the benchmark itself.
  void into(outcome& result, std::size_t messages, std::size_t own_sleeps) const;

 private:
  double cpu_ns_;
  std::uint64_t sleeps_, preempted_;
};

/// The other side has gone; there is nothing to add to its words.
class abandoned : public std::exception {
 public:
  const char* what() const noexcept override { return "the other side gave up"; }
};

/// What a system cannot do, in its words; not a failure.
class refusal : public std::exception {
 public:
  explicit refusal(std::string words) : words_(std::move(words)) {}
  const char* what() const noexcept override { return words_.c_str(); }

 private:
  std::string words_;
};

}  // namespace goals
