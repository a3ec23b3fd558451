// transom/process/given.hpp - the list of what a parent gave its child: a sealed memfd whose number stands in the
// environment variable TRANSOM_GIVEN. Not for users.
//
// Trust: a child trusts its parent, but not the variable, which may be stale: a descriptor that is not a sealed memfd
// with our first words in it is no list.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/base/error.hpp"
#include "transom/base/options.hpp"
#include "transom/os/fd.hpp"

namespace transom::detail {

inline constexpr const char* given_variable = "TRANSOM_GIVEN";

enum class given_kind : std::uint8_t { descriptor, sender, receiver };

/// One thing given, by name. `descriptors` are numbers in the child.
struct given_entry {
  std::string name = {};
  given_kind kind = given_kind::descriptor;
  std::string url = {};
  std::uint64_t schema_hash = 0;
  std::string schema_text = {};
  std::vector<int> descriptors = {};
  bytes state = {};
  std::uint64_t capacity = 0, max_message = 0;
  std::uint8_t on_full = 0, framing = 0;
  bool keep_open = false;
};

/// The list in a sealed memfd.
result<fd> write_given(const std::vector<given_entry>& entries);
/// Takes the entry of this name out of what this process was given: each can be taken once. no_peer if there is none,
/// type_mismatch if it is of another kind; the detail names what there is.
result<given_entry> take_given(std::string_view name, given_kind kind);

}  // namespace transom::detail
