// tests/explore/sites.hpp - the places of the code under exploration where an order or a fence stands, and the mutants
// that follow from them: each order above relaxed one step weaker, each fence gone, one at a time.
#pragma once
#include <atomic>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace transom::explore {

enum class kind : std::uint8_t { load, store, modify, compare, full_fence, kill_fence, light_fence, heavy_fence };

/// One call in the text.
struct site {
  const char* file;
  std::uint32_t line, column;
  kind what;
  std::memory_order order;

  /// "transom/sync/doorbell.hpp:46:5"
  std::string name() const;
  /// The line of the source, without its indentation.
  std::string text() const;
};

/// The text with one change. `site` 0: none.
struct mutant {
  std::size_t site = 0;  // index + 1
  std::memory_order order = std::memory_order_relaxed;

  /// "transom/sync/doorbell.hpp:46:5 full fence removed"
  std::string name() const;
};

/// Notes that the code stands at `where`, and returns the order that applies: the text's, or the mutant's.
std::memory_order at_site(const std::source_location& where, kind what, std::memory_order order);
/// The same for fences: false if the mutant has none there.
bool fence_at_site(const std::source_location& where, kind what);

const std::vector<site>& all_sites();
/// Which sites were passed since the last call of forget_passed().
std::vector<std::size_t> passed_sites();
void forget_passed();
std::vector<mutant> mutants_of(std::size_t site_index);
void set_mutant(const mutant& changed);

const char* name_of(std::memory_order order);
const char* name_of(kind what);

}  // namespace transom::explore
