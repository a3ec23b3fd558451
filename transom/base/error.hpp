// transom/base/error.hpp - the one way a call in this library fails.
//
// An `error` is a value of 24 bytes: a code, the operation that failed, the peer it concerns, and a
// reference to the place (URL or kernel object) plus an optional detail. Copying it may touch one reference
// count; making one without a detail allocates nothing. The sentence is composed only when asked for.
//
// Invariants
//   I1  value_ > 0: an errc of transom::category(); value_ < 0: -errno of the system category. Never 0.
//   I2  operation_ points to a string literal (static storage); it is never freed.
//   I3  text_ is immutable once shared, so errors may be copied to and read from any thread.
#pragma once
#include <atomic>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace transom {

/// What went wrong, grouped by what the caller can do next, never by system call.
enum class errc {
  closed = 1,         ///< every peer ended in good order and all was received; or this handle was closed
  peer_died,          ///< a peer went away without closing
  owner_died,         ///< sync only: the holder of a lock died; the lock is not held
  timed_out,          ///< the deadline passed; nothing was sent, nothing was taken
  would_block,        ///< try_: empty or full just now
  canceled,           ///< the caller's stop token fired; nothing was sent, nothing was taken
  no_peer,            ///< nobody owns the name within the time allowed
  remote,             ///< the other side ran the request and refused it; detail() has its words
  message_too_large,  ///< beyond max_message, or beyond the caller's buffer (then it stays queued)
  type_mismatch,      ///< the two ends disagree on T; detail() has both descriptions
  decode_failed,      ///< a whole message arrived and is not a valid T; it is dropped, the channel goes on
  protocol_error,     ///< the peer speaks another version or broke the rules; the handle is finished
  unsupported,        ///< this mechanism, kernel or sandbox cannot do it; detail() names what is missing
  forked,             ///< a handle was used in a child of fork()
  bad_url,            ///< unknown scheme or key, malformed value; detail() marks the place
  would_deadlock,     ///< sync only: the wait would close a cycle and never end; detail() has the cycle
};

/// The category of errc. Where POSIX has the word, a code of it equals the std::errc too.
const std::error_category& category() noexcept;
std::error_code make_error_code(errc code) noexcept;

}  // namespace transom

template <>
struct std::is_error_code_enum<transom::errc> : std::true_type {};
namespace transom {

/// Where something happened: a URL or a kernel object ("/tmp/x", "fd 7"). A handle makes one when it opens and
/// lends it to each of its errors, so that an error names its place without allocating.
class place {
 public:
  place() noexcept = default;
  explicit place(std::string_view url, std::string_view detail = {});
  place(const place& other) noexcept : text_(other.text_) { retain(); }
  place(place&& other) noexcept : text_(std::exchange(other.text_, nullptr)) {}
  place& operator=(place other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~place() { release(); }

  std::string_view url() const noexcept;     ///< empty when unknown
  std::string_view detail() const noexcept;  ///< empty when there is none

 private:
  struct text;
  void retain() const noexcept;
  void release() noexcept;
  text* text_ = nullptr;
};

/// Why a call failed. Comparable with errc and std::errc.
class [[nodiscard]] error {
 public:
  /// `operation` must be a string literal: it is kept by address.
  error(errc code, const char* operation, place where = {}) noexcept
      : value_(static_cast<int>(code)), operation_(operation), where_(std::move(where)) {}
  /// A failure of the system: `number` is an errno value, > 0.
  static error system(int number, const char* operation, place where = {}) noexcept {
    return error(-number, operation, std::move(where), 0);
  }

  std::error_code code() const noexcept;
  std::string_view operation() const noexcept { return operation_; }
  std::string_view url() const noexcept { return where_.url(); }
  /// What a program may show or compare: the words of a remote failure, both descriptions of a mismatch, ...
  std::string_view detail() const noexcept { return where_.detail(); }
  int peer_pid() const noexcept { return peer_pid_; }  ///< 0: unknown
  /// One sentence, composed now: "recv unix:///run/x: peer pid 4711 died (signal 11)".
  std::string message() const;

  /// The same error with one thing more; each returns a copy.
  error with_peer(int pid) const noexcept;
  error with_detail(std::string_view detail) const;    ///< keeps the URL; allocates
  error at(place where) const noexcept;                ///< replaces URL and detail
  error during(const char* operation) const noexcept;  ///< replaces the operation

  friend bool operator==(const error& e, errc code) noexcept { return e.value_ == static_cast<int>(code); }
  friend bool operator==(const error& e, std::errc code) noexcept { return e.code() == code; }

 private:
  error(int value, const char* operation, place where, int pid) noexcept
      : value_(value), peer_pid_(pid), operation_(operation), where_(std::move(where)) {}

  int value_;
  int peer_pid_ = 0;
  const char* operation_;
  place where_;
};
static_assert(sizeof(error) <= 32);

/// What constructors, .or_throw() and range-for throw.
class exception : public std::system_error {
 public:
  explicit exception(error reason) : std::system_error(reason.code(), reason.message()), reason_(std::move(reason)) {}
  const error& reason() const noexcept { return reason_; }
  const char* what() const noexcept override;

 private:
  error reason_;
  std::string sentence_ = reason_.message();
};

/// A value, or why there is none.
template <typename T>
class [[nodiscard]] result : public std::expected<T, error> {
  using base = std::expected<T, error>;

 public:
  using base::base;
  result() = default;
  // An error is a failed result. (Spelled out: std::expected only converts from std::unexpected.)
  result(error reason) : base(std::unexpect, std::move(reason)) {}  // NOLINT(google-explicit-constructor)

  /// False on success: safe to ask at any time.
  bool failed_with(errc code) const noexcept { return !this->has_value() && this->error() == code; }
  bool failed_with(std::errc code) const noexcept { return !this->has_value() && this->error() == code; }

  T or_throw() && {
    check();
    if constexpr (!std::is_void_v<T>) return std::move(**this);
  }
  std::add_lvalue_reference_t<T> or_throw() & {
    check();
    if constexpr (!std::is_void_v<T>) return **this;
  }
  std::add_lvalue_reference_t<const T> or_throw() const& {
    check();
    if constexpr (!std::is_void_v<T>) return **this;
  }
  /// Says "on purpose" to [[nodiscard]].
  void ignore() const noexcept {}

 private:
  void check() const {
    if (!this->has_value()) throw exception(this->error());
  }
};

}  // namespace transom
