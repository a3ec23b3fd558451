// transom/meter/record_state.hpp - what a record handle owns, for record.cpp and record_opening.cpp. Private.
#pragma once
#include <chrono>
#include <span>
#include <string>

#include "transom/meter/record.hpp"
#include "transom/meter/record_layout.hpp"
#include "transom/shm/directory.hpp"
#include "transom/shm/participants.hpp"
#include "transom/shm/segment.hpp"

namespace transom::meter {

// Whoever holds the lock of a name does so for a few system calls. Longer than this means: it is stopped.
inline constexpr std::chrono::seconds longest_hold{5};

inline record_page& page_of(const shm::segment& file) noexcept {
  return *reinterpret_cast<record_page*>(file.bytes().data());
}

inline int pid_at(const shm::participants& rows, unsigned row) noexcept {
  return static_cast<int>(rows.row(row).pid.load(sync::relaxed));
}

inline void wake_everybody(const shm::segment& file) noexcept {
  page_of(file).receivers_bell.ring_loudly();
  page_of(file).senders_bell.ring_loudly();
}

/// The body, as the header says; its numbers were checked when the file was opened.
inline std::span<std::byte> body_of(const shm::segment& file) noexcept {
  const record_page& page = page_of(file);
  return file.bytes().subspan(page.body_size == 0 ? 0 : page.body_offset, page.body_size);
}

/// R6. Under the lock of the name, or by the one owner there is.
inline void say_kept(record_page& page, bool yes) noexcept {
  std::uint32_t count = page.kept.load(sync::relaxed);
  while (((count & 1) != 0) != yes &&
         !page.kept.compare_exchange_weak(count, count + 1, sync::acq_rel, sync::relaxed)) {}  // E3
}

/// See record::owners(). Fails as fcntl(2).
result<owner_standing> standing_of(const shm::segment& file);

struct record::state {
  shm::segment file;
  shm::directory in;
  std::string name;  ///< of the file
  std::string identity;
  record_terms terms;
  shm::role as = shm::role::none;
  unsigned row = 0;
  bool present = true;

  shm::participants rows() const noexcept { return shm::participants(file); }
  record_page& page() const noexcept { return page_of(file); }
};

}  // namespace transom::meter
