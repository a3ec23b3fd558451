// transom/channel/batch_writer.cpp - see batch_writer.hpp.
#include "transom/channel/batch_writer.hpp"

#include <algorithm>

namespace transom::detail {
namespace {

constexpr std::size_t most_messages = 512;
constexpr std::size_t most_bytes = 1 << 20;

}  // namespace

batch_writer::batch_writer(sending_core& core, const patience& how) : core_(core), how_(how) {
  core_.batch.clear();
  core_.sizes.clear();
}

bool batch_writer::admit(std::size_t size) {
  if (failure_) return false;
  if (auto ok = core_.admit_size(size); !ok) {
    failure_ = ok.error();
    return false;
  }
  return true;
}

bool batch_writer::add_in_place(std::span<const std::byte> payload) {
  if (!admit(payload.size())) return false;
  core_.batch.push_back({.payload = payload});
  return core_.batch.size() < most_messages || flush();
}

std::span<std::byte> batch_writer::add(std::size_t size, bool& goes_on) {
  const bool full = core_.sizes.size() == most_messages || (used_ != 0 && used_ + size > most_bytes);
  goes_on = admit(size) && (!full || flush());
  if (!goes_on) return {};
  if (core_.scratch.size() < used_ + size) core_.scratch.resize(std::max(used_ + size, 2 * core_.scratch.size()));
  core_.sizes.push_back(size);
  used_ += size;
  return std::span(core_.scratch).subspan(used_ - size, size);
}

bool batch_writer::flush() {
  // Payloads are made only now: the scratch has moved while it grew.
  for (std::size_t at = 0; const std::size_t size : core_.sizes) {
    core_.batch.push_back({.payload = std::span(core_.scratch).subspan(at, size)});
    at += size;
  }
  const std::size_t wanted = core_.batch.size();
  auto sent = wanted == 0 ? result<std::size_t>(0) : core_.send_many(core_.batch, how_);
  core_.batch.clear();
  core_.sizes.clear();
  used_ = 0;
  const std::size_t went = sent ? *sent : 0;
  accepted_ += went;
  if (went == wanted) return true;
  if (core_.how.on_full == overflow::drop_newest && (sent || sent.failed_with(errc::would_block))) {
    core_.drop(wanted - went);
    return true;
  }
  failure_ = sent ? error(errc::would_block, "send", core_.where) : sent.error();
  return false;
}

result<std::size_t> batch_writer::finish() {
  const std::optional<error> before = failure_;  // of a message too large: those before it go all the same
  if (!core_.batch.empty() || !core_.sizes.empty()) flush();
  if (accepted_ != 0) return accepted_;
  if (before) return *before;
  if (failure_) return *failure_;
  return accepted_;
}

}  // namespace transom::detail
