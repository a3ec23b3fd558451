// tests/soak/lane_round.hpp - one round of the lane soak: lanes of sizes that the seed decides, a consumer, a producer
// for each lane, and the judge, who kills them, replaces them and holds their notes against the lanes' own words.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/soak/lane_books.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/timerfd.hpp"

namespace transom::soak {

/// What came out so far; rounds add to it.
struct soak_totals {
  std::uint64_t rounds = 0, kills = 0, consumer_kills = 0, producer_kills = 0;
  std::uint64_t messages = 0;  ///< acknowledged, or held at the time and acknowledged later
  std::uint64_t quick = 0, copied = 0, viewed = 0, redelivered = 0, torn_tails = 0, unnoted = 0, uncounted = 0;
  std::uint64_t audits = 0, loans_dropped = 0, calms = 0;
  std::array<std::uint64_t, fault_kinds> faults{};
  std::vector<std::string> complaints;
  std::vector<std::uint64_t> recovery_after_consumer, recovery_after_producer;  ///< ns

  std::uint64_t bad() const noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t one : faults) all += one;
    return all;
  }
};

/// When a round is over.
struct round_limits {
  std::chrono::nanoseconds time{};  ///< at most
  std::uint64_t kills = 0;          ///< at most
  double messages_per_kill = 0;     ///< kills wait for messages, so that both are reached together
};

/// One round. Everything it makes goes with it.
class lane_round {
 public:
  lane_round(std::uint64_t seed, defect broken);
  lane_round(const lane_round&) = delete;
  lane_round& operator=(const lane_round&) = delete;
  ~lane_round();
  /// Runs until a limit or the first thing that is bad, then stops all and judges what is left.
  void run(const round_limits& limits, soak_totals& totals);

 private:
  enum class stage { none, running, draining };
  struct lane_watch {
    stage at = stage::none;
    pid_t pid = 0;
    std::int64_t died = 0;     ///< waiting for the first message of the successor since then; 0: not
    std::uint64_t behind = 0;  ///< the head that was reached at the death
    std::uint64_t head_then = 0, sent_then = 0, incarnation_then = 0;  ///< when the calm began
  };

  pid_t start(const auto& role);
  void start_consumer();
  void start_producer(unsigned lane);
  void kill_one(soak_totals& totals);
  void reap(pid_t pid, const char* who);
  void judge_dead_producer(unsigned lane);
  void supervise(soak_totals& totals);
  void watch(soak_totals& totals);
  void begin_calm();
  bool calm_is_over() const;
  bool is_drained(unsigned lane) const;
  std::uint64_t signature() const;
  void pause(std::chrono::nanoseconds time);
  void finish(soak_totals& totals);
  void add_to(soak_totals& totals) const;
  void complain(fault what, const std::string& why, std::uint64_t count = 1) {
    books_->complain(what, count, why.c_str());
  }

  dice random_;
  os::timerfd moment_;
  os::mapping small_, large_, notes_;
  round_books* books_;
  round_place place_;
  std::array<lane_watch, round_books::most_lanes> lanes_{};
  pid_t consumer_ = 0;
  std::int64_t consumer_died_ = 0;  ///< waiting for progress of its successor since then; 0: not
  std::uint64_t handled_then_ = 0;
  std::uint64_t incarnations_ = 0, messages_ = 0;
  bool calm_ = false, finishing_ = false;
  std::uint64_t last_signature_ = 0;
  std::int64_t last_watch_ = 0, unchanged_ = 0, calm_lasted_ = 0;
};

}  // namespace transom::soak
