// transom/channel/msgpack_reader.cpp - see msgpack_reader.hpp.
#include "transom/channel/msgpack_reader.hpp"

namespace transom::detail {

bool msgpack_reader::fail(const char* what, std::size_t where) noexcept {
  if (expected_ == nullptr) {
    expected_ = what;
    failed_at_ = where;
  }
  at_ = end_;
  return false;
}

bool msgpack_reader::fail_in(std::size_t field, std::string_view type) noexcept {
  if (type_.empty()) {
    field_ = field;
    type_ = type;
  }
  return false;
}

bool msgpack_reader::fail_with(const error& why) {
  if (expected_ == nullptr) words_ = why.detail().empty() ? why.code().message() : std::string(why.detail());
  return refuse("a valid value");
}

error decode_failure(std::string_view words) { return error(errc::decode_failed, "decode").with_detail(words); }

error wrong_size(const char* what, std::size_t expected, std::size_t found) {
  std::string words = "expected ";
  words.append(what).append(": ").append(std::to_string(expected)).append(", found ").append(std::to_string(found));
  return decode_failure(words);
}

error msgpack_reader::failure() const {
  std::string words = "expected ";
  words.append(expected_ != nullptr ? expected_ : "a message").append(" at byte ").append(std::to_string(failed_at_));
  words.append(" of ").append(std::to_string(end_ - begin_));
  if (!type_.empty()) words.append(", in field ").append(std::to_string(field_ + 1)).append(" of ").append(type_);
  if (!words_.empty()) words.append(": ").append(words_);
  return decode_failure(words);
}

bool msgpack_reader::head(unsigned& tag) {
  if (expected_ != nullptr) return false;
  value_at_ = offset();
  if (at_ == end_) return refuse("more bytes");
  tag = std::to_integer<unsigned>(*at_++);
  return true;
}

bool msgpack_reader::big_endian(std::size_t width, std::uint64_t& v) {
  if (remaining() < width) return refuse("more bytes");
  switch (width) {
    case 1: v = std::to_integer<std::uint64_t>(*at_); break;
    case 2: v = load_be<std::uint16_t>(at_); break;
    case 4: v = load_be<std::uint32_t>(at_); break;
    default: v = load_be<std::uint64_t>(at_);
  }
  at_ += width;
  return true;
}

bool msgpack_reader::bytes_of(std::uint64_t size, std::span<const std::byte>& v) {
  if (size > remaining()) return refuse("a length within the message");
  v = {at_, static_cast<std::size_t>(size)};
  at_ += size;
  return true;
}

bool msgpack_reader::count_of(std::uint64_t n, std::size_t bytes_each, std::size_t& count) {
  if (n > remaining() / bytes_each) return refuse("a count within the message");
  count = static_cast<std::size_t>(n);
  return true;
}

bool msgpack_reader::boolean(bool& v) {
  unsigned tag = 0;
  if (!head(tag)) return false;
  if ((tag & 0xfe) != 0xc2) return refuse("a bool");
  v = tag == 0xc3;
  return true;
}

bool msgpack_reader::integer(std::uint64_t& bits, bool& negative) {
  unsigned tag = 0;
  if (!head(tag)) return false;
  negative = false;
  if (tag < 0x80) {
    bits = tag;
    return true;
  }
  if (tag >= 0xe0) {
    bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int8_t>(tag)));
    negative = true;
    return true;
  }
  if (tag >= 0xcc && tag <= 0xcf) return big_endian(std::size_t{1} << (tag - 0xcc), bits);
  if (tag >= 0xd0 && tag <= 0xd3) {
    const std::size_t width = std::size_t{1} << (tag - 0xd0);
    if (!big_endian(width, bits)) return false;
    const unsigned unused = 64 - 8 * static_cast<unsigned>(width);
    const auto extended = static_cast<std::int64_t>(bits << unused) >> unused;
    bits = static_cast<std::uint64_t>(extended);
    negative = extended < 0;
    return true;
  }
  return refuse("an integer");
}

bool msgpack_reader::real(float& v) {
  unsigned tag = 0;
  std::uint64_t bits = 0;
  if (!head(tag)) return false;
  if (tag != 0xca) return refuse("a float 32");
  if (!big_endian(4, bits)) return false;
  v = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return true;
}

bool msgpack_reader::real_slowly(double& v) {
  unsigned tag = 0;
  std::uint64_t bits = 0;
  if (!head(tag)) return false;
  if (tag == 0xca) {
    if (!big_endian(4, bits)) return false;
    v = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    return true;
  }
  if (tag != 0xcb) return refuse("a float 64");
  if (!big_endian(8, bits)) return false;
  v = std::bit_cast<double>(bits);
  return true;
}

bool msgpack_reader::text(std::string_view& v) {
  unsigned tag = 0;
  std::uint64_t size = 0;
  std::span<const std::byte> raw;
  if (!head(tag)) return false;
  if ((tag & 0xe0) == 0xa0) size = tag & 0x1f;
  else if (tag < 0xd9 || tag > 0xdb) return refuse("a str");
  else if (!big_endian(std::size_t{1} << (tag - 0xd9), size)) return false;
  if (!bytes_of(size, raw)) return false;
  v = as_text(raw);
  return true;
}

bool msgpack_reader::binary(std::span<const std::byte>& v) {
  unsigned tag = 0;
  std::uint64_t size = 0;
  if (!head(tag)) return false;
  if (tag < 0xc4 || tag > 0xc6) return refuse("a bin");
  return big_endian(std::size_t{1} << (tag - 0xc4), size) && bytes_of(size, v);
}

bool msgpack_reader::array(std::size_t& count) {
  unsigned tag = 0;
  std::uint64_t n = 0;
  if (!head(tag)) return false;
  if ((tag & 0xf0) == 0x90) n = tag & 0x0f;
  else if (tag != 0xdc && tag != 0xdd) return refuse("an array");
  else if (!big_endian(tag == 0xdc ? 2 : 4, n)) return false;
  return count_of(n, 1, count);
}

bool msgpack_reader::map(std::size_t& count) {
  unsigned tag = 0;
  std::uint64_t n = 0;
  if (!head(tag)) return false;
  if ((tag & 0xf0) == 0x80) n = tag & 0x0f;
  else if (tag != 0xde && tag != 0xdf) return refuse("a map");
  else if (!big_endian(tag == 0xde ? 2 : 4, n)) return false;
  return count_of(n, 2, count);
}

bool msgpack_reader::take_nil() noexcept {
  if (at_ == end_ || *at_ != std::byte{0xc0}) return false;
  ++at_;
  return true;
}

bool msgpack_reader::next_is_array() const noexcept {
  if (at_ == end_) return false;
  const auto tag = std::to_integer<unsigned>(*at_);
  return (tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd;
}

bool msgpack_reader::skip() {
  // `left` values are still to come. Each needs at least one byte, so a count can be added without overflow, and no
  // recursion is needed however deep the nesting is.
  for (std::uint64_t left = 1; left > 0; --left) {
    unsigned tag = 0;
    std::uint64_t n = 0;
    std::size_t count = 0;
    std::span<const std::byte> raw;
    if (!head(tag)) return false;
    if (tag < 0x80 || tag >= 0xe0 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3) continue;
    if (tag < 0xc0 || (tag >= 0xdc && tag <= 0xdf)) {
      const bool is_map = tag < 0x90 || tag >= 0xde;
      if (tag >= 0xdc) {
        if (!big_endian(tag % 2 == 0 ? 2 : 4, n)) return false;
      } else {
        n = tag & (tag < 0xa0 ? 0x0f : 0x1f);
      }
      if (tag >= 0xa0 && tag < 0xc0) {
        if (!bytes_of(n, raw)) return false;
      } else {
        if (!count_of(n, is_map ? 2 : 1, count)) return false;
        left += is_map ? 2 * count : count;
      }
      continue;
    }
    if (tag == 0xc1) return refuse("a MessagePack value");
    if (tag >= 0xca && tag <= 0xd3) {
      const unsigned log = tag <= 0xcb ? tag - 0xca + 2 : (tag - 0xcc) % 4;
      if (!bytes_of(std::uint64_t{1} << log, raw)) return false;
    } else if (tag >= 0xd4 && tag <= 0xd8) {  // fixext: a type byte and the data
      if (!bytes_of(1 + (std::uint64_t{1} << (tag - 0xd4)), raw)) return false;
    } else {  // bin c4..c6, ext c7..c9, str d9..db
      const unsigned first = tag >= 0xd9 ? 0xd9 : tag >= 0xc7 ? 0xc7 : 0xc4;
      if (!big_endian(std::size_t{1} << (tag - first), n) || !bytes_of(n + (first == 0xc7 ? 1 : 0), raw)) return false;
    }
  }
  return true;
}

bool msgpack_reader::take_descriptors(std::uint64_t first, std::uint64_t count, std::span<fd>& taken) {
  if (first != taken_) return refuse("the index of the next descriptor");
  if (count > descriptors_.size() - taken_) return refuse("a descriptor that came with the message");
  taken = descriptors_.subspan(taken_, static_cast<std::size_t>(count));
  taken_ += taken.size();
  return true;
}

bool msgpack_reader::finish() {
  if (expected_ != nullptr) return false;
  if (at_ != end_) return fail("the end of the message");
  if (taken_ != descriptors_.size()) return fail("as many descriptors as the message names");
  return true;
}

}  // namespace transom::detail
