// transom/channel/receiver_templates.hpp - the part of receiver<T> that decodes; included by receiver.hpp alone.
#pragma once
#include <cstdint>
#include <cstring>

#include "transom/channel/receiver.hpp"
#include "transom/shm/lane_reader.hpp"
#include "transom/sync/backoff.hpp"

namespace transom {
namespace detail {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
/// Makes a T that is about to be overwritten whole: not even zeros are written into it.
template <typename T>
struct room_for {
  operator T() const noexcept {
    T value;
    return value;
  }
};
#pragma GCC diagnostic pop

}  // namespace detail

template <typename T>
[[gnu::always_inline]] inline bool receiver<T>::take_quickly(T& value, bool spin) noexcept {
  const transport::lane_inlet& inlet = *core_->inlet;
  for (unsigned looks = 0;; ++looks) {
    if constexpr (sizeof(T) <= shm::inline_bytes) {
      if (inlet.current->receive_quick(reinterpret_cast<std::byte*>(&value), sizeof(T))) return true;
    } else {
      const auto copy = [&value](std::span<const std::byte> payload) {
        if (payload.size() != sizeof(T)) return false;
        sync::copy_bytes(reinterpret_cast<std::byte*>(&value), payload.data(), sizeof(T));
        return true;
      };
      if (inlet.current->take_quick_of_any_size(copy)) return true;
    }
    if (!spin || looks >= inlet.spins || !inlet.current->is_quick()) return false;
    sync::relax();
  }
}

template <typename T>
[[gnu::always_inline]] inline bool receiver<T>::nothing_quickly() noexcept {
  transport::lane_inlet& inlet = *core_->inlet;
  if (inlet.answers == 0 || !inlet.current->has_nothing() || inlet.changes->load(sync::relaxed) != inlet.seen)
    return false;
  --inlet.answers;
  sync::relax();
  return true;
}

template <typename T>
template <typename Otherwise>
[[gnu::always_inline]] inline result<T> receiver<T>::take_quickly_or(bool allowed, bool spin, Otherwise otherwise) {
  result<T> value(std::in_place, detail::room_for<T>{});
  if (!allowed || !has_lane()) value = otherwise();
  else if (!take_quickly(*value, spin)) [[unlikely]] {
    if (!spin && nothing_quickly()) value = error(errc::would_block, "recv", core_->where);
    else value = otherwise();
  }
  return value;
}

template <typename T>
[[gnu::noinline]] result<T> receiver<T>::take(recv_options which, const patience& how) {
  auto& core = opened();
  const detail::occupancy::stay stay(core.occupied);
  auto lent = core.front(which, how);
  if (!lent) return lent.error();
  auto value = detail::wire_read<T>(*lent, core.portable, core.largest_message);
  core.release();
  if (!value) [[unlikely]]
    return core.undecodable(value.error());
  return value;
}

template <typename T>
[[gnu::always_inline]] inline bool receiver<T>::keep_quickly(transport::kept_message& kept, message_info& info,
                                                             bool spin) noexcept {
  constexpr std::size_t exactly = std::same_as<T, bytes> ? 0 : sizeof(T);
  const transport::lane_inlet& inlet = *core_->inlet;
  if (inlet.keeps == nullptr || core_->portable) return false;
  for (unsigned looks = 0;; ++looks) {
    std::uint64_t n = 0;
    if (shm::lane_slot* const hold = inlet.current->show_quick(kept.payload, n, exactly)) {
      kept.by = inlet.keeps;
      kept.token = hold;
      info.sequence = n - inlet.current->first_of_sender() + 1;
      info.pid = inlet.pid;
      info.uid = inlet.uid;
      return true;
    }
    if (!spin || looks >= inlet.spins || !inlet.current->is_quick()) return false;
    sync::relax();
  }
}

template <typename T>
result<view<T>> receiver<T>::look(recv_options which, const patience& how) {
  auto& core = opened();
  const detail::occupancy::stay stay(core.occupied);
  if constexpr (std::same_as<T, bytes> || detail::lies_quickly<T>) {
    if (has_lane() && which.type == 0 && !how.stop.stop_requested()) {
      transport::kept_message kept;
      message_info info;
      if (keep_quickly(kept, info, !how.nonblocking)) return view<T>(detail::viewed_memory(core, kept), info);
      if (how.nonblocking && nothing_quickly()) return error(errc::would_block, "recv", core.where);
    }
  }
  auto lent = core.front(which, how);
  if (!lent) return lent.error();
  const message_info info = lent->info;
  if constexpr (std::same_as<T, bytes>) {
    if (core.keeps_many) {
      auto kept = core.end().keep();
      if (!kept) return kept.error();
      return view<T>(detail::viewed_memory(core, *kept), info);
    }
    if (core.zero_copy) return view<T>(detail::viewed_memory(core, lent->payload), info);
    const std::size_t size = lent->payload.size();
    detail::block copy = core.pool.take(size, 1);
    if (size != 0) std::memcpy(copy.data(), lent->payload.data(), size);
    core.release();
    return view<T>(detail::viewed_memory(core, std::move(copy), size), info);
  } else if constexpr (plain<T>) {
    const std::byte* at = lent->payload.data();
    const bool in_place = core.zero_copy && !core.portable && lent->payload.size() == sizeof(T) &&
                          reinterpret_cast<std::uintptr_t>(at) % alignof(T) == 0;
    if (in_place && detail::bools_are_valid(*reinterpret_cast<const T*>(at))) {
      if (core.keeps_many) {
        auto kept = core.end().keep();
        if (!kept) return kept.error();
        return view<T>(detail::viewed_memory(core, *kept), info);
      }
      return view<T>(detail::viewed_memory(core, lent->payload), info);
    }
    auto value = detail::wire_read<T>(*lent, core.portable, core.largest_message);
    core.release();
    if (!value) return core.undecodable(value.error());
    detail::block copy = core.pool.take(sizeof(T), alignof(T));
    std::memcpy(copy.data(), &*value, sizeof(T));
    return view<T>(detail::viewed_memory(core, std::move(copy), sizeof(T)), info);
  } else {
    auto value = detail::wire_read<T>(*lent, core.portable, core.largest_message);
    core.release();
    if (!value) return core.undecodable(value.error());
    return view<T>(std::move(*value), info);
  }
}

}  // namespace transom
