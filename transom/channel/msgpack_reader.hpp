// transom/channel/msgpack_reader.hpp - reads MessagePack that somebody else wrote.
//
// Invariants
//   I1  begin_ <= at_ <= end_; nothing outside is ever read.
//   I2  A length or count that was returned is at most the bytes that remain (a map's entries need two each).
//   I3  The first failure stays; after it nothing is read any more.
//
// Number formats need not be minimal, types are strict: no integer for a float, no str for a bin. A double may come
// as float 32, which loses nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "transom/base/error.hpp"
#include "transom/channel/msgpack.hpp"

namespace transom::detail {

/// decode_failed in these words.
error decode_failure(std::string_view words);
/// decode_failed: "expected `what`: 16, found 3".
error wrong_size(const char* what, std::size_t expected, std::size_t found);

class msgpack_reader {
 public:
  explicit msgpack_reader(std::span<const std::byte> in, std::span<fd> descriptors = {}) noexcept
      : begin_(in.data()), at_(in.data()), end_(in.data() + in.size()), descriptors_(descriptors) {}

  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

  // Each returns false and notes where, if something else is there.
  bool boolean(bool& v);
  bool integer(std::uint64_t& bits, bool& negative);  ///< two's complement in `bits`
  bool real(float& v);
  bool real(double& v) {
    if (remaining() < 9 || *at_ != std::byte{0xcb}) return real_slowly(v);
    v = std::bit_cast<double>(load_be<std::uint64_t>(at_ + 1));
    at_ += 9;
    return true;
  }
  bool text(std::string_view& v);              ///< points into the input
  bool binary(std::span<const std::byte>& v);  ///< points into the input
  bool array(std::size_t& count);              ///< count <= remaining()
  bool map(std::size_t& count);                ///< count <= remaining() / 2
  bool skip();                                 ///< one whole value of any type
  /// Takes a nil if one is next. Never fails.
  bool take_nil() noexcept;
  bool next_is_array() const noexcept;

  /// The next `count` descriptors, in the order of their indices; `first` is what the message says it is.
  bool take_descriptors(std::uint64_t first, std::uint64_t count, std::span<fd>& taken);

  /// Around everything inside an array or map.
  bool enter() {
    if (++depth_ > deepest) return fail("less nesting");
    return true;
  }
  void leave() noexcept { --depth_; }

  /// Everything has been read and every descriptor taken.
  bool finish();

  /// Notes "expected `what`" here, or at `where`; returns false.
  bool fail(const char* what) noexcept { return fail(what, offset()); }
  bool fail(const char* what, std::size_t where) noexcept;
  /// The same at the beginning of the value that was read last: it is well-formed, but not for this type.
  bool refuse(const char* what) noexcept { return fail(what, value_at_); }
  /// Says in which field the failure is; the innermost one stays.
  bool fail_in(std::size_t field, std::string_view type) noexcept;
  /// A failure in words of its own: of a user's codec, of taking over a descriptor.
  bool fail_with(const error& why);

  /// decode_failed with what, where and in which field.
  error failure() const;

 private:
  bool head(unsigned& tag);
  bool real_slowly(double& v);
  bool big_endian(std::size_t width, std::uint64_t& v);
  bool bytes_of(std::uint64_t size, std::span<const std::byte>& v);
  bool count_of(std::uint64_t n, std::size_t bytes_each, std::size_t& count);

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  std::span<fd> descriptors_;
  std::size_t taken_ = 0;
  unsigned depth_ = 0;

  std::size_t value_at_ = 0;  // where the value being read begins
  const char* expected_ = nullptr;
  std::size_t failed_at_ = 0;
  std::size_t field_ = 0;
  std::string_view type_;
  std::string words_;
};

}  // namespace transom::detail
