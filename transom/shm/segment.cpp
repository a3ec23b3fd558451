// transom/shm/segment.cpp - see segment.hpp.
#include "transom/shm/segment.hpp"

#include <chrono>

#include "transom/os/allocation.hpp"
#include "transom/os/byte_lock.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/process.hpp"
#include "transom/os/tmpfile.hpp"

namespace transom::shm {
namespace {

template <typename Clock>
std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

error refused(const std::string& path, const segment_kind& kind, const std::string& why) {
  return error(errc::protocol_error, "open segment",
               place(path, "this is no " + std::string(kind.name) + " that can be used: " + why));
}

// Judged before anything is mapped: that nobody else could have put it there, and that its header exists.
result<void> check_file(const os::entry& found, const std::string& path, const segment_kind& kind) {
  if (found.what != os::entry::kind::file) return refused(path, kind, "it is not a regular file");
  if (found.owner != os::effective_user()) {
    return error::system(static_cast<int>(std::errc::operation_not_permitted), "open segment",
                         place(path, "it belongs to uid " + std::to_string(found.owner)));
  }
  if (found.size < sizeof(segment_header)) {
    return refused(path, kind,
                   "it is truncated, " + std::to_string(found.size) + " bytes; remove the file if nobody uses it");
  }
  return {};
}

result<void> check_header(const segment_header& header, std::uint64_t size, const std::string& path,
                          const segment_kind& kind) {
  if (header.magic != kind.magic) return refused(path, kind, "its magic is another; remove the file if nobody uses it");
  if (header.version != kind.version) {
    return refused(path, kind,
                   "it has format " + std::to_string(header.version) + ", this program knows format " +
                       std::to_string(kind.version) + "; close the programs of the other version first");
  }
  if ((header.features & ~kind.known_features) != 0) {
    return refused(path, kind,
                   "it uses features " + std::to_string(header.features) + ", this program knows " +
                       std::to_string(kind.known_features));
  }
  if (header.total_size != size) {
    return refused(path, kind,
                   "it is truncated, " + std::to_string(size) + " bytes of " + std::to_string(header.total_size) +
                       "; remove the file if nobody uses it");
  }
  const std::uint64_t rows_end = header.rows_offset + std::uint64_t{header.row_stride} * header.row_count;
  const bool sound = header.header_length == kind.header_length && header.rows_offset == kind.header_length &&
                     header.row_stride == 256 && rows_end <= size &&
                     (kind.row_count == 0 || header.row_count == kind.row_count);
  if (!sound) return refused(path, kind, "its geometry is impossible; remove the file if nobody uses it");
  return {};
}

}  // namespace

void begin_header(segment_header& header, const segment_kind& kind, std::uint64_t total_size, std::uint32_t row_count) {
  const os::process_identity self = os::identity_of_self();
  header.magic = kind.magic;
  header.version = kind.version;
  header.total_size = total_size;
  header.header_length = kind.header_length;
  header.rows_offset = kind.header_length;
  header.row_stride = 256;
  header.row_count = row_count;
  header.boot_id = self.boot_id;
  header.pid_namespace = self.pid_namespace;
  header.created_unix_ns = now_ns<std::chrono::system_clock>();
  header.created_steady_ns = now_ns<std::chrono::steady_clock>();
  header.creator_pid = static_cast<std::uint32_t>(self.pid);
  header.creator_uid = self.uid;
}

result<segment> segment::make(const directory& in, std::size_t size, std::optional<std::size_t> allocated) {
  auto made = os::make_unnamed(in.path(), 0600, size, allocated);
  if (!made) return made.error();
  auto hold = private_hold::map(made->get(), size, place(in.path()));
  if (!hold) return hold.error();
  return segment(std::move(*made), std::move(*hold));
}

result<segment> segment::open(const directory& in, std::string_view file, const segment_kind& kind) {
  const std::string path = in.path_of(file);
  auto opened = os::open_file(path, true);
  if (!opened) return opened.error();
  auto found = os::entry::look(opened->get());
  if (!found) return found.error();
  if (auto ok = check_file(*found, path, kind); !ok) return ok.error();
  auto hold = private_hold::map(opened->get(), found->size, place(path));
  if (!hold) return hold.error();
  segment all(std::move(*opened), std::move(*hold));
  if (auto ok = check_header(all.header(), found->size, path, kind); !ok) return ok.error();
  return all;
}

result<bool> segment::try_lock(std::uint64_t byte) const {
  return os::byte_lock::try_lock(locking_.get(), byte, os::byte_lock::kind::exclusive);
}

result<void> segment::unlock(std::uint64_t byte) const { return os::byte_lock::unlock(locking_.get(), byte); }

result<void> segment::publish(const directory& in, std::string_view file) {
  const std::string path = in.path_of(file);
  if (auto named = os::give_name(locking_.get(), path); !named) return named.error();
  auto settled = settle(in, file);
  if (!settled && has_name(path)) os::remove_file(path).ignore();
  return settled;
}

result<void> segment::replace(const directory& in, std::string_view file) {
  const std::string path = in.path_of(file), next = path + ".next";
  auto removed = os::remove_file(next);
  if (!removed && removed.error() != std::errc::no_such_file_or_directory) return removed.error();
  if (auto named = os::give_name(locking_.get(), next); !named) return named.error();
  if (auto moved = os::replace_file(next, path); !moved) return moved.error();
  return settle(in, file);
}

result<void> segment::settle(const directory& in, std::string_view file) {
  const std::string path = in.path_of(file);
  const error moved_on(errc::would_block, "open segment", place(path, "it was replaced meanwhile"));
  auto second = os::open_file(path, true);
  if (!second && second.error() == std::errc::no_such_file_or_directory) return moved_on;
  if (!second) return second.error();
  auto ours = os::entry::look(locking_.get()), theirs = os::entry::look(second->get());
  if (!ours) return ours.error();
  if (!theirs) return theirs.error();
  if (!ours->same_object(*theirs)) return moved_on;
  asking_ = std::move(*second);
  locking_.reset();
  return {};
}

result<bool> segment::is_held(std::uint64_t byte) const {
  return os::byte_lock::is_held(asking_ ? asking_.get() : locking_.get(), byte);
}

result<void> segment::allocate(std::size_t offset, std::size_t length, const place& where) const {
  return os::allocate(asking_ ? asking_.get() : locking_.get(), offset, length, where);
}

bool segment::has_name(const std::string& path) const noexcept {
  auto here = os::entry::look(path), mine = os::entry::look(asking_ ? asking_.get() : locking_.get());
  return here && mine && here->same_object(*mine);
}

}  // namespace transom::shm
