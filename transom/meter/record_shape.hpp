// transom/meter/record_shape.hpp - what a record has room for, and what has become of its owners.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace transom::meter {

/// The largest number of handles, owners and senders together, that one record has room for.
inline constexpr unsigned record_participants = 256;

/// How large a new record is. One that is joined or adopted keeps the shape it was born with.
struct record_shape {
  unsigned rows = record_participants;  ///< participants, owners included: 1 to record_participants
  std::size_t body_size = 0;            ///< bytes behind the rows, for the mechanism; zeros at birth
  std::size_t body_allocated = 0;       ///< so many of them, from the first, are truly there at birth
  /// Writes the first words of the body, before anybody can see it. It may touch what is allocated.
  std::function<void(std::span<std::byte>)> fill{};
  std::string directory{};  ///< an absolute path instead of the user's directory; empty: that
};

/// What has become of the owners of a record.
enum class owner_standing : std::uint8_t {
  alive,  ///< at least one lives; a stopped one does
  kept,   ///< the last one left it in place for a successor
  dead,   ///< none lives, and at least one died
  gone    ///< all have left
};

}  // namespace transom::meter
