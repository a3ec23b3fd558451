// tests/soak/lane_books.hpp - what producers, consumers and the judge of the lane soak write down, in memory that
// outlives all but the judge. A note is one store; a killed process leaves a prefix of its notes.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>

#include "tests/soak/soak_message.hpp"
#include "transom/shm/lane_body.hpp"

namespace transom::soak {

using word = sync::atomic<std::uint64_t>;

/// What can be wrong. Each is a count; see lane_soak.cpp for what exactly counts.
enum class fault : unsigned { lost, doubled, torn, wedged, leaked };
inline constexpr unsigned fault_kinds = 5;
inline constexpr std::array<const char*, fault_kinds> fault_names{"lost", "doubled", "torn", "wedged", "leaked"};

/// A defect put into the test's own producer or consumer, for the controls.
enum class defect {
  none,
  early,              ///< the producer publishes before it writes the payload
  acknowledge_early,  ///< the consumer stores head before it copies
  acknowledge_late,   ///< the consumer hands a message on before it acknowledges, without a hold
  no_holds,           ///< views are acknowledged when they are shown
  deaf,               ///< the consumer sleeps without announcing it
  forgotten_loans     ///< the producer drops loans without giving them back
};

/// The notes about one lane. Message numbers are those of the lane; a count is a number plus 1.
struct lane_books {
  // The judge's, written while the lane has no producer.
  alignas(64) word incarnation;  ///< of the producer that writes or was the last to write
  word first;                    ///< the number of its first message
  word is_dead;                  ///< 1: the kernel has said so
  word end;                      ///< dead: the number behind its last committed message
  word is_torn;                  ///< dead: and one more stands there, not committed

  // The producer's.
  alignas(64) word sent;  ///< messages of this incarnation whose sending has returned
  word audits;            ///< times that it found the whole arena free after use
  word loans_dropped;
  word done;  ///< it was told to finish, and has

  // The consumer's, whichever lives.
  alignas(64) word passed;  ///< messages that left the slots
  word quick, copied, viewed, redelivered, skipped, unnoted;
  alignas(64) std::array<word, 64> shown;  ///< by hold: the count of the message that the user has; after show()
  std::array<word, 64> releasing;          ///< by hold: its acknowledgement has begun; before release()
};

/// What a whole round shares.
struct round_books {
  static constexpr unsigned most_lanes = 8;
  alignas(64) std::array<word, fault_kinds> faults;
  sync::atomic<std::uint32_t> complained;  ///< 1: somebody writes `complaint`
  std::array<char, 300> complaint{};
  alignas(64) word finish;  ///< 1: producers audit and exit; 2: the consumer exits once it has nothing more
  word finished;            ///< the consumer has
  word consumer_incarnation;
  word handled;  ///< messages and redeliveries dealt with by consumers: its progress
  std::array<lane_books, most_lanes> lanes;

  void complain(fault what, std::uint64_t count, const char* text) noexcept {
    if (complained.exchange(1, sync::relaxed) == 0) std::strncpy(complaint.data(), text, complaint.size() - 1);
    faults[static_cast<unsigned>(what)].fetch_add(count, sync::release);
  }
  std::uint64_t bad() const noexcept {
    std::uint64_t all = 0;
    for (const word& one : faults) all += one.load(sync::acquire);
    return all;
  }
};

/// A lane as all of a round see it.
struct lane_place {
  shm::lane_memory memory;
  shm::lane_geometry sizes;
  traffic carries;
  lane_books* books = nullptr;

  std::uint64_t head() const noexcept { return memory.in->head.load(sync::acquire); }
  std::uint64_t hold_word(std::uint64_t i) const noexcept { return memory.holds()[i].word.load(sync::acquire); }
  bool any_hold() const noexcept {
    for (std::uint64_t i = 0; i < sizes.hold_count(); ++i)
      if (hold_word(i) != 0) return true;
    return false;
  }
};

/// What every child has.
struct round_place {
  std::array<lane_place, round_books::most_lanes> lanes;
  unsigned lane_count = 0;
  round_books* books = nullptr;
  shm::lane_control* control = nullptr;  ///< where the consumer waits
  defect broken = defect::none;
};

/// The longest sleep of anybody.
inline constexpr os::bound longest_sleep{std::chrono::milliseconds(20)};

}  // namespace transom::soak
