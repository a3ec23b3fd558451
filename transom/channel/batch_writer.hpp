// transom/channel/batch_writer.hpp - many messages, few calls of the mechanism: what send_all() writes into.
#pragma once
#include <cstddef>
#include <optional>
#include <span>

#include "transom/channel/sending_core.hpp"

namespace transom::detail {

/// Collects messages and sends them in portions. One batch is all in place or all encoded.
class batch_writer {
 public:
  batch_writer(sending_core& core, const patience& how);

  /// A message that stays where it is until finish(). False: no more is wanted.
  bool add_in_place(std::span<const std::byte> payload);
  /// Room to encode a message of `size` bytes into, valid until the next call. `goes_on` false: no more is wanted.
  std::span<std::byte> add(std::size_t size, bool& goes_on);
  /// Sends the rest. How many were accepted; fails only if something failed and none were.
  result<std::size_t> finish();

 private:
  bool admit(std::size_t size);
  bool flush();

  sending_core& core_;
  const patience& how_;
  std::size_t used_ = 0;  // bytes of the scratch
  std::size_t accepted_ = 0;
  std::optional<error> failure_;
};

}  // namespace transom::detail
