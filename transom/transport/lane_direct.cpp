// transom/transport/lane_direct.cpp - the part of lane that reads large payloads straight into the caller's memory. See
// lane.hpp.
#include <algorithm>
#include <cstring>

#include "transom/sync/backoff.hpp"
#include "transom/transport/lane.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t direct_from = 4096;  // below, one copy is cheaper than a scattered read

}  // namespace

bool lane::wants_direct(std::size_t room) const noexcept {
  if (shape_.framing != framing::native) return false;
  if (pending() == 0) return last_length_ >= direct_from && last_length_ <= room;
  return !shape_.packets && pending() >= frame_header_size;
}

// The rest of a message whose header lies in the buffer, and the header of the one after it. The first `have` bytes of
// the payload are in place; those of them that lie in the buffer too stay there until all have come.
result<bool> lane::finish_into(std::span<std::byte> into, std::size_t length, std::size_t have, bool patient,
                               std::optional<std::size_t>& received_in_place) {
  std::array<std::byte, frame_header_size> ahead;
  for (int looks = patient ? looks_inside_a_message : 0;;) {
    const std::array<os::space, 2> parts{os::space{into.data() + have, length - have},
                                         os::space{ahead.data(), ahead.size()}};
    std::size_t n = 0;
    auto came = read(parts, n);
    if (came && *came && n >= length - have) {
      begin_ = 0;
      end_ = n - (length - have);
      std::memcpy(buffer_.get(), ahead.data(), end_);
      last_length_ = length;
      received_in_place = length;
      return true;
    }
    have += n;
    if (came && *came) continue;
    if (came.failed_with(errc::would_block) && looks-- > 0) {
      sync::relax_for(look_after);
      continue;
    }
    const std::size_t known = pending() - frame_header_size;
    make_room(have - known);
    std::memcpy(buffer_.get() + end_, into.data() + known, have - known);
    end_ += have - known;
    return came;
  }
}

result<bool> lane::fill_into(std::span<std::byte> into, bool patient, std::optional<std::size_t>& received_in_place) {
  make_room(3 * frame_header_size + (shape_.packets ? shape_.max_message : 0));
  if (pending() >= frame_header_size) {
    const auto header = decode_header(buffer_.get() + begin_);
    const bool fits = header && header->kind == frame_kind::data && header->descriptors == 0 &&
                      header->length >= direct_from && header->length <= std::min(into.size(), shape_.max_message);
    if (!fits) return fill();
    const std::size_t have = pending() - frame_header_size;
    std::memcpy(into.data(), buffer_.get() + begin_ + frame_header_size, have);
    return finish_into(into, header->length, have, patient, received_in_place);
  }
  // Nothing is there yet: the next message is probably as long as the last one.
  const std::size_t expected = last_length_;
  std::byte* const ahead = buffer_.get() + frame_header_size;
  const std::size_t spare = shape_.packets ? size_ - frame_header_size : frame_header_size;
  const std::array<os::space, 3> parts{os::space{buffer_.get(), frame_header_size}, os::space{into.data(), expected},
                                       os::space{ahead, spare}};
  std::size_t n = 0;
  auto came = read(parts, n);
  if (!came || !*came) return came;
  begin_ = 0;
  end_ = std::min(n, frame_header_size);
  n -= end_;
  const std::size_t placed = std::min(n, expected), beyond = n - placed;
  const auto header = end_ == frame_header_size ? decode_header(buffer_.get()) : std::nullopt;
  const bool as_expected = header && header->kind == frame_kind::data && header->descriptors == 0 &&
                           header->length == expected && expected <= shape_.max_message;
  if (as_expected && placed == expected && (!shape_.packets || beyond == 0)) {
    begin_ = frame_header_size;
    end_ = frame_header_size + beyond;
    received_in_place = expected;
    return true;
  }
  if (as_expected && !shape_.packets && placed < expected) {
    return finish_into(into, expected, placed, patient, received_in_place);
  }
  // Another message than expected: what came goes where fill() would have put it, between the header and what lies
  // behind it already.
  end_ += beyond;
  make_room(placed);
  std::byte* const body = buffer_.get() + frame_header_size;
  std::memmove(body + placed, body, beyond);
  std::memcpy(body, into.data(), placed);
  end_ += placed;
  return true;
}

}  // namespace transom::transport
