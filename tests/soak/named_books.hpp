// tests/soak/named_books.hpp - what the programs of the named soak write down, in a memfd that outlives them.
#pragma once
#include <array>
#include <string>

#include "tests/soak/lane_books.hpp"
#include "transom/base/options.hpp"

namespace transom::soak {

struct named_books {
  static constexpr unsigned most_incarnations = 1 << 16, most_views = 256;
  round_books common;  ///< faults, finish (1: the consumer ends when nothing more comes), finished, handled
  word copies;         ///< the consumer uses recv(): its death may cost one note
  word allowance;      ///< such notes that may miss still
  word defective;      ///< the control: consumers give views up when they are shown
  word opened;         ///< how many consumers were let in
  word viewed, copied, redelivered, unnoted, bells, loans, departed, adopted;
  std::array<word, most_incarnations> sent, passed;
  std::array<word, most_views> shown, releasing;  ///< claims plus 1, as lane_books has counts
};

inline options named_options(std::uint64_t seed) {
  dice of(seed);
  options how;
  how.capacity = 16 + of.below(200);
  how.max_message = 8192;
  how.keep = true;
  return how;
}
inline constexpr traffic named_traffic{.usual = 6000, .largest = 6000};

/// What a role was told.
struct named_role {
  std::string url;
  std::uint64_t seed = 0, options_seed = 0, incarnation = 0;
  named_books* books = nullptr;
};
void be_named_producer(const named_role& role);
void be_named_consumer(const named_role& role);

}  // namespace transom::soak
