// tests/explore/survivors.hpp - mutants that no scenario finds, and why each of them stands in the text all the same.
// An entry that is found after all, fails the run, so the table stays true.
#pragma once
#include <vector>

namespace transom::explore {

struct survivor {
  const char* file;      ///< "transom/sync/doorbell.hpp"
  const char* fragment;  ///< part of the line
  const char* change;    ///< "release -> relaxed"
  const char* reason;
};

inline const std::vector<survivor>& explained_survivors() {
  static constexpr const char* later =
      "it keeps the read of the bell before the announcement, and the ring after the look at it: a load made after a "
      "later "
      "store, which the model does not have (steps.hpp)";
  static constexpr const char* value_alone =
      "what is read is a flag in the word itself; nothing else is handed over by it";
  static constexpr const char* no_fencer =
      "only a successor that cannot fence for us makes it necessary; whoever rings before he knows of that one is "
      "covered by the bound, so the scenario excuses a late wake-up";
  static constexpr const char* number =
      "a tag names its claim: where the note's semaphore lies decides only when 2^16 claims of a note have come round";
  static const std::vector<survivor> all = {
      {"transom/sync/waiting.hpp", "one_announcement | wait_word::asleep | how, acq_rel", "acq_rel -> acquire", later},
      {"transom/sync/waiting.hpp", "one_announcement | wait_word::asleep | how, acq_rel", "acq_rel -> release",
       "the heavy fence that follows is stronger"},
      {"transom/sync/waiting.hpp", "std::uint32_t word = word_->value.load(acquire);", "acquire -> relaxed", later},
      {"transom/sync/waiting.hpp", "const std::uint32_t word = theirs.value.load(acquire);", "acquire -> relaxed",
       value_alone},
      {"transom/sync/waiting.hpp", "they_fence_ ? wait_word::must_fence : 0), release", "release -> relaxed",
       value_alone},
      {"transom/sync/waiting.hpp", "fetch_or(wait_word::must_fence, release)", "release -> relaxed",
       "the heavy fence that follows is stronger"},
      {"transom/sync/waiting.hpp", "fetch_or(wait_word::closed, release)", "release -> relaxed", value_alone},
      {"transom/sync/waiting.hpp", "bool is_closed() const noexcept", "acquire -> relaxed", value_alone},
      {"transom/sync/waiting.hpp", "word = word_->value.load(acquire);  // E1", ":31 load acquire -> relaxed",
       no_fencer},
      {"transom/sync/semaphore_permit.cpp", "of.more.compare_exchange(more, with(more, to)", "release -> relaxed",
       number},
      {"transom/sync/semaphore_permit.cpp", "const std::uint64_t more = about.more.load", "acquire -> relaxed", number},
      {"transom/sync/semaphore_permit.cpp", "left.about.compare_exchange(about, 0", "release -> relaxed",
       "it keeps the step after those that gave the permit back, for the case that the settler is killed in between; "
       "the "
       "model delays stores beyond a death, and no compare-and-swap"},
      {"transom/shm/lane_writer.cpp", "if (any_returned_.load(sync::acquire) == 0) return;", "acquire -> relaxed",
       "the mutex hands the list over; the flag only says that it is worth a look"},
      {"transom/shm/lane_writer.cpp", "any_returned_.store(1, sync::release);", "release -> relaxed",
       "the mutex hands the list over; the flag only says that it is worth a look"},
      {"transom/shm/lane_reader.cpp", "released_.fetch_add(1, sync::release);", "release -> relaxed",
       "it guards private memory, the reader's own, which no scenario gives back while a view is out"},
      {"transom/shm/lane_reader.hpp", "sync::kill_fence();", "removed",
       "head is stored with release (E2), which no compiler moves before the hold either; K1 says what else it is "
       "there for"},
      {"transom/shm/lane_writer.cpp", "while (entering_.load(sync::acquire) != next_", ":24 load acquire -> relaxed",
       "the load of next_ is the end of E6"},
      {"transom/shm/lane_reader.cpp", "while (entering_.load(sync::acquire) != next_", ":24 load acquire -> relaxed",
       "the load of next_ is the end of E6"},
      {"transom/sync/event.hpp", "return count_of(word_.load(acquire));", "acquire -> relaxed",
       "the scenarios look at what they wait for and then wait(), which has the edge too; a program that looks at "
       "value() alone needs it"},
  };
  return all;
}

}  // namespace transom::explore
