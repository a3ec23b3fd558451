// transom/transport/shared_membership.hpp - what the locks in a shared object ask about their users: the rows of its
// record, and the notes in its body. Private to the library.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "transom/meter/record.hpp"
#include "transom/sync/membership.hpp"

namespace transom::transport {

/// The first page of the body, zeros but for the numbers, which are constant from birth. Format 1.
struct shared_header {
  std::uint32_t version = 0, rows = 0;
  std::uint64_t object_size = 0;
  std::uint64_t object_offset = 0;  ///< in the body; 0: it lies in a segment of its own
  std::uint64_t notes_offset = 0;
  sync::atomic<std::uint32_t> rows_noted;  ///< rows beyond have never used a note; only grows
  std::array<std::byte, 988> reserved{};
  std::array<sync::atomic<std::uint32_t>, meter::record_participants> notes_used;  ///< of each row; only grows
  std::array<std::byte, 2048> reserved_too{};
};
static_assert(offsetof(shared_header, object_size) == 8 && offsetof(shared_header, notes_used) == 1024);
static_assert(offsetof(shared_header, rows_noted) == 32);
static_assert(sizeof(shared_header) == 4096);
inline constexpr std::uint32_t shared_version = 1;
inline constexpr std::size_t notes_bytes = sync::notes_each * sizeof(sync::note);
static_assert(notes_bytes == 4096);

/// The participants of one object, as seen by one of them. Lives as long as the record's handle.
class shared_membership final : public sync::membership {
 public:
  shared_membership(const meter::record& in, std::span<std::byte> object) noexcept
      : membership(in.id(), reinterpret_cast<std::uintptr_t>(object.data()), object.size()), in_(&in) {}

  bool is_gone(std::uint32_t participant) const noexcept override;
  unsigned rows() const noexcept override;
  std::span<sync::note> notes_of(unsigned row) const noexcept override;
  std::string describe(std::uint32_t participant) const override;
  std::uint64_t process_of(std::uint32_t participant) const noexcept override;
  int pid_of(std::uint32_t participant) const noexcept override;

 protected:
  std::span<sync::note> own_notes(unsigned count) noexcept override;

 private:
  shared_header& header() const noexcept { return *reinterpret_cast<shared_header*>(in_->body().data()); }
  std::span<sync::note> all_notes(unsigned row) const noexcept;
  const meter::record* in_;
};

}  // namespace transom::transport
