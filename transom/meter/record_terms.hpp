// transom/meter/record_terms.hpp - what the two ends of a named object tell each other in its record.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace transom::meter {

/// What both ends must agree on before the first message.
struct record_terms {
  std::uint64_t schema_hash = 0;  ///< decides; 0: no type is declared (foreign framing), matches everything
  std::string schema_text;        ///< for people; stored up to 6144 bytes
  std::uint64_t capacity = 0;     ///< messages; what the owner chose, for senders to know
  std::uint64_t max_message = 0;  ///< bytes; the same
  /// For join(): may an owner that declared this be joined besides? Null: only one of the same hash. Not stored.
  bool (*compatible)(std::uint64_t hash, std::string_view text) = nullptr;
};

/// Where the kernel object beside a record comes from: what the owner said before it made it. "unsaid": it died first.
enum class object_origin : std::uint32_t { unsaid, made, found };

}  // namespace transom::meter
