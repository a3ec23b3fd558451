// transom/meter/record_layout.hpp - the bytes of a record, format 1. docs/formats/record.md is the same as a table; for
// record.cpp and for tools that map records read-only. Private to the library.
//
//      0  header of every segment, 256 bytes (transom/shm/segment.hpp)
//    256  terms and identity: constant from birth
//    320  words that change, and the two bells, each on a line of its own
//   1024  identity text, 2048 schema text: UTF-8, not ended by a zero
//   8192  rows of 256 bytes (transom/shm/participants.hpp), 256 unless its creator wanted fewer; the second half of a
//         row is its counters
//   from the next multiple of 4096 on: the body, if there is one
//
// Invariants
//   R1  A record that has a name is complete: made nameless, written whole (its body as far as the creator fills it),
//       its creator's row locked and LIVE, and only then linked. A creator that dies before leaves nothing.
//   R2  A name changes hands only under the lock of the name: from one complete record to the next in one step, or,
//       adopted, from owners that are gone to one that is LIVE. From the first own() to the last leave() there is a
//       record. A record whose only owner leaves is unlinked by that owner while its row is still LIVE, so that nobody
//       else may touch the name.
//   R3  Who takes part is decided by row locks, which the kernel releases at death (transom/shm/participants.hpp).
//       A LIVE row whose lock is free is somebody who died.
//   R4  owners_closed goes from 0 to 1 once, by the last living owner, before its row says LEFT (with many owners:
//       under the lock of the name, so that none can come meanwhile). A closed record is never adopted.
//   R5  ever_joined goes from 0 to 1 once, right after the first sender became LIVE, or when its death is reported.
//   R6  kept is odd from before the row of the owner that leaves it for another says LEFT (or the rows of dead owners
//       are freed for a successor that finds no other) until after the row of the successor says LIVE, and changes at
//       no other time: who reads it, asks the locks and reads the same again knows whether an absence of owners was
//       meant.
//
// Ordering
//   E1  close   all that an owner did before owners_closed  ->  a sender that sees it
//   E2  join    rows_used and the row of the first sender   ->  a receiver that sees ever_joined
//   E3  keep    kept, before LEFT and after LIVE            ->  who reads it on both sides of the question
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "transom/meter/counters.hpp"
#include "transom/meter/record.hpp"
#include "transom/shm/participants.hpp"
#include "transom/shm/segment.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/sync/doorbell.hpp"

namespace transom::meter {

struct record_page {
  shm::segment_header common;
  std::uint64_t schema_hash = 0, capacity = 0, max_message = 0, identity_hash = 0;
  std::uint32_t identity_length = 0, schema_length = 0;  ///< bytes stored below
  std::uint32_t many_owners = 0;                         ///< 1: several owners at once
  std::array<std::byte, 4> reserved{};
  std::uint64_t body_offset = 0, body_size = 0;  ///< bytes; both 0: no body
  alignas(64) sync::atomic<std::uint32_t> owners_closed;
  sync::atomic<std::uint32_t> ever_joined, origin, kept;
  alignas(64) sync::doorbell receivers_bell;
  alignas(64) sync::doorbell senders_bell;
  alignas(64) std::array<std::byte, 512> reserved_too{};
  std::array<char, 1024> identity{};
  std::array<char, 6144> schema{};
};
static_assert(offsetof(record_page, schema_hash) == 256 && offsetof(record_page, identity_hash) == 280);
static_assert(offsetof(record_page, identity_length) == 288 && offsetof(record_page, many_owners) == 296);
static_assert(offsetof(record_page, owners_closed) == 320 && offsetof(record_page, ever_joined) == 324);
static_assert(offsetof(record_page, body_offset) == 304 && offsetof(record_page, body_size) == 312);
static_assert(offsetof(record_page, origin) == 328 && offsetof(record_page, kept) == 332);
static_assert(offsetof(record_page, receivers_bell) == 384 && offsetof(record_page, senders_bell) == 448);
static_assert(offsetof(record_page, identity) == 1024 && offsetof(record_page, schema) == 2048);
static_assert(sizeof(record_page) == 8192);
static_assert(sizeof(counters) == sizeof(shm::participant_row::own_words));

constexpr std::size_t rows_end(unsigned rows) noexcept {
  return sizeof(record_page) + rows * sizeof(shm::participant_row);
}
/// Where the body of a record with so many rows begins.
constexpr std::size_t body_begin(unsigned rows) noexcept { return (rows_end(rows) + 4095) / 4096 * 4096; }
/// Of a record without a body.
inline constexpr std::size_t record_size = rows_end(record_participants);

/// What a record is for shm::segment::open(). The magic reads "TRrc" in a dump.
inline constexpr shm::segment_kind record_kind{.magic = 0x63725254,
                                               .version = 1,
                                               .known_features = 0,
                                               .header_length = sizeof(record_page),
                                               .row_count = 0,
                                               .name = "record"};

/// The suffix of record files in the directory: "<readable>-<hash>.record".
inline constexpr const char* record_suffix = "record";

}  // namespace transom::meter
