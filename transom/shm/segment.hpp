// transom/shm/segment.hpp - a named piece of shared memory: a file of our directory that is born complete, checked
// before use, and mapped so that the locks on its bytes belong to this address space alone.
//
// Layout: every segment begins with a segment_header of 256 bytes (format tables in docs/formats/).
//
// Invariants
//   S1  A file that has a name is complete: nameless, allocated, filled, its creator's byte locked, and then linked.
//   S2  After settle() or publish() no descriptor of the mapping's open file description exists: its locks live
//       exactly as long as this mapping, whatever the process forks or executes.
//   S3  Questions about locks are asked through a second description, which never locks anything. To it, the locks
//       of our own mapping are held like anybody else's.
//
// Death: at every instruction the kernel has either released all locks of the mapping or none. A fork by another
// thread between open() and settle() delays the release until that child executes or exits; it never advances it.
//
// Trust: everybody who can open the file is this user. What the header says is checked once, at open, and not read
// again; the file is never resized.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/shm/directory.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::shm {

/// The first 256 bytes of every segment, little-endian. Constant from birth, except rows_used.
struct segment_header {
  std::uint32_t magic = 0, version = 0;
  std::uint64_t features = 0;  ///< bits; a reader refuses what it does not know
  std::uint64_t total_size = 0;
  std::uint32_t header_length = 0;  ///< where the kind's own header ends
  std::uint32_t rows_offset = 0, row_stride = 0, row_count = 0;
  std::array<std::byte, 16> boot_id{};
  std::uint64_t pid_namespace = 0;
  std::uint64_t created_unix_ns = 0, created_steady_ns = 0;
  std::uint32_t creator_pid = 0, creator_uid = 0;
  std::array<std::byte, 40> reserved{};
  alignas(64) sync::atomic<std::uint32_t> rows_used;  ///< rows beyond were never claimed; only grows
  std::array<std::byte, 124> reserved_too{};
};
static_assert(offsetof(segment_header, total_size) == 16 && offsetof(segment_header, header_length) == 24);
static_assert(offsetof(segment_header, row_count) == 36 && offsetof(segment_header, boot_id) == 40);
static_assert(offsetof(segment_header, pid_namespace) == 56 && offsetof(segment_header, creator_pid) == 80);
static_assert(offsetof(segment_header, rows_used) == 128 && sizeof(segment_header) == 256);

/// What a file must be for the code that opens it.
struct segment_kind {
  std::uint32_t magic = 0, version = 0;
  std::uint64_t known_features = 0;
  std::uint32_t header_length = 0;
  std::uint32_t row_count = 0;   ///< 0: any
  const char* name = "segment";  ///< for people: "record"
};

/// Writes the common header of a new segment; the rows begin right behind the kind's own header.
void begin_header(segment_header& header, const segment_kind& kind, std::uint64_t total_size, std::uint32_t row_count);

/// A mapping of one file and the right to lock its bytes. Moves, does not copy. Its life has two parts: until
/// settle() or publish() bytes can be locked, afterwards only asked about. Thread safety: is_held() any thread.
class segment {
 public:
  /// A new file without a name: `size` bytes of zeros, the first `allocated` of them (all, if it is not said) truly
  /// allocated. Fails with no_space_on_device.
  static result<segment> make(const directory& in, std::size_t size, std::optional<std::size_t> allocated = {});
  /// Opens what stands at `file` and checks that it is a `kind`. Fails with no_such_file_or_directory,
  /// protocol_error (not one, truncated, or of another version: the detail names both), operation_not_permitted.
  static result<segment> open(const directory& in, std::string_view file, const segment_kind& kind);

  std::span<std::byte> bytes() const noexcept { return hold_.bytes(); }
  segment_header& header() const noexcept { return *reinterpret_cast<segment_header*>(hold_.bytes().data()); }
  /// Takes a byte exclusively; false: somebody has it. Before settle() only.
  result<bool> try_lock(std::uint64_t byte) const;
  result<void> unlock(std::uint64_t byte) const;
  /// Gives a new segment its name, then settles. Fails with file_exists.
  result<void> publish(const directory& in, std::string_view file);
  /// The same in place of what has the name now; at every instant there is one or the other. The caller holds the
  /// lock of the name. A death in between leaves a complete file at `file`.next, which the next replace() removes.
  result<void> replace(const directory& in, std::string_view file);
  /// Lets go of the descriptor: from now on the mapping alone holds the locks. Fails with would_block when the name
  /// leads elsewhere meanwhile: start over.
  result<void> settle(const directory& in, std::string_view file);

  /// Whether any process, this one included, holds the byte. fcntl(2): F_OFD_GETLK.
  result<bool> is_held(std::uint64_t byte) const;
  /// Allocates part of what make() left unallocated: before anybody touches it. Any participant, any time. Fails with
  /// no_space_on_device; `where` is what the error names.
  result<void> allocate(std::size_t offset, std::size_t length, const place& where) const;
  /// Whether `path` leads to this file.
  bool has_name(const std::string& path) const noexcept;
  bool forked() const noexcept { return hold_.forked(); }

 private:
  segment(transom::fd opened, private_hold hold) noexcept : locking_(std::move(opened)), hold_(std::move(hold)) {}
  transom::fd locking_;  ///< the mapping's own description, until settle()
  transom::fd asking_;   ///< another description, without locks
  private_hold hold_;
};

}  // namespace transom::shm
