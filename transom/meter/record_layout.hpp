// transom/meter/record_layout.hpp - the bytes of a record, format 1. docs/formats/record.md is the same as a table; for
// record.cpp and for tools that map records read-only. Private to the library.
//
//      0  header of every segment, 256 bytes (transom/shm/segment.hpp)
//    256  terms and identity: constant from birth
//    320  words that change, and the two bells, each on a line of its own
//   1024  identity text, 2048 schema text: UTF-8, not ended by a zero
//   8192  256 rows of 256 bytes (transom/shm/participants.hpp); the second half of a row is its counters
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
  std::array<std::byte, 20> reserved{};
  alignas(64) sync::atomic<std::uint32_t> owners_closed;
  sync::atomic<std::uint32_t> ever_joined, origin;
  alignas(64) sync::doorbell receivers_bell;
  alignas(64) sync::doorbell senders_bell;
  alignas(64) std::array<std::byte, 512> reserved_too{};
  std::array<char, 1024> identity{};
  std::array<char, 6144> schema{};
};
static_assert(offsetof(record_page, schema_hash) == 256 && offsetof(record_page, identity_hash) == 280);
static_assert(offsetof(record_page, identity_length) == 288 && offsetof(record_page, many_owners) == 296);
static_assert(offsetof(record_page, owners_closed) == 320 && offsetof(record_page, ever_joined) == 324);
static_assert(offsetof(record_page, origin) == 328);
static_assert(offsetof(record_page, receivers_bell) == 384 && offsetof(record_page, senders_bell) == 448);
static_assert(offsetof(record_page, identity) == 1024 && offsetof(record_page, schema) == 2048);
static_assert(sizeof(record_page) == 8192);
static_assert(sizeof(counters) == sizeof(shm::participant_row::own_words));

inline constexpr std::size_t record_size = sizeof(record_page) + record_participants * sizeof(shm::participant_row);

/// What a record is for shm::segment::open(). The magic reads "TRrc" in a dump.
inline constexpr shm::segment_kind record_kind{.magic = 0x63725254,
                                               .version = 1,
                                               .known_features = 0,
                                               .header_length = sizeof(record_page),
                                               .row_count = record_participants,
                                               .name = "record"};

/// The suffix of record files in the directory: "<readable>-<hash>.record".
inline constexpr const char* record_suffix = "record";

}  // namespace transom::meter
