// transom/transport/shared_membership.cpp - see shared_membership.hpp.
//
// Ordering
//   E1  used  the notes of a row, allocated  ->  whoever reads as many rows and notes as the counts say
#include "transom/transport/shared_membership.hpp"

#include <algorithm>

namespace transom::transport {

bool shared_membership::is_gone(std::uint32_t participant) const noexcept {
  return participant != id() && in_->rows().is_gone(participant);
}

unsigned shared_membership::rows() const noexcept {
  return std::min(header().rows_noted.load(sync::acquire), meter::record_participants);  // E1
}

std::span<sync::note> shared_membership::all_notes(unsigned row) const noexcept {
  auto* first = reinterpret_cast<sync::note*>(in_->body().data() + header().notes_offset + row * notes_bytes);
  return {first, sync::notes_each};
}

std::span<sync::note> shared_membership::notes_of(unsigned row) const noexcept {
  const std::uint32_t used = header().notes_used[row].load(sync::acquire);  // E1
  return all_notes(row).first(std::min(used, sync::notes_each));
}

std::span<sync::note> shared_membership::own_notes(unsigned count) noexcept {
  const auto raise = [](sync::atomic<std::uint32_t>& word, std::uint32_t to) noexcept {
    std::uint32_t known = word.load(sync::relaxed);
    while (known < to && !word.compare_exchange_weak(known, to, sync::release, sync::relaxed)) {}  // E1
  };
  const unsigned row = in_->row();
  if (count != 0) raise(header().rows_noted, row + 1);
  raise(header().notes_used[row], count);
  return all_notes(row);
}

std::string shared_membership::describe(std::uint32_t participant) const {
  const shm::participants rows = in_->rows();
  const unsigned row = participant & 255;
  if (row >= rows.size() || rows.id(row) != participant) return "a process that is gone";
  std::string text = "pid " + std::to_string(pid_of(participant));
  const auto pid_namespace = rows.row(row).pid_namespace.load(sync::relaxed);
  if (pid_namespace != rows.row(in_->row()).pid_namespace.load(sync::relaxed))
    text += " of pid namespace " + std::to_string(pid_namespace);
  return text + " (" + rows.comm(row) + ")";
}

std::uint64_t shared_membership::process_of(std::uint32_t participant) const noexcept {
  const shm::participants rows = in_->rows();
  const unsigned row = participant & 255;
  if (row >= rows.size() || rows.id(row) != participant) return 0;
  const shm::participant_row& who = rows.row(row);
  std::uint64_t all = who.pid.load(sync::relaxed);
  for (const std::uint64_t more : {who.pid_namespace.load(sync::relaxed), who.start_time.load(sync::relaxed)}) {
    all = (all ^ more) * 0x9e3779b97f4a7c15;
    all ^= all >> 32;
  }
  return all == 0 ? 1 : all;
}

int shared_membership::pid_of(std::uint32_t participant) const noexcept {
  const shm::participants rows = in_->rows();
  const unsigned row = participant & 255;
  return row < rows.size() ? static_cast<int>(rows.row(row).pid.load(sync::relaxed)) : 0;
}

}  // namespace transom::transport
