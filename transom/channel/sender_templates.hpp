// transom/channel/sender_templates.hpp - the part of sender<T> that encodes; included by sender.hpp alone.
#pragma once
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "transom/channel/sender.hpp"
#include "transom/shm/lane_writer.hpp"

namespace transom {

template <typename T>
[[gnu::always_inline]] inline bool sender<T>::send_quickly(const T& value) noexcept {
  if constexpr (detail::encodes_in_place<T>) {
    if constexpr (detail::is_raw<T>) {
      const auto payload = detail::payload_of(value);
      return core_ != nullptr && core_->send_quickly(payload);
    } else if constexpr (sizeof(T) <= shm::inline_bytes) {
      return core_ != nullptr && core_->lane != nullptr &&
             core_->lane->send_quick(reinterpret_cast<const std::byte*>(&value), sizeof(T));
    } else {
      return core_ != nullptr && core_->lane != nullptr &&
             core_->lane->send_quick_in_arena(reinterpret_cast<const std::byte*>(&value), sizeof(T));
    }
  }
  return false;
}

template <typename T>
[[gnu::always_inline]] inline bool sender<T>::send_quickly(std::span<const std::byte> payload) noexcept
  requires std::same_as<T, bytes>
{
  return core_ != nullptr && core_->send_quickly(payload);
}

template <typename T>
[[gnu::noinline]] result<void> sender<T>::dispatch(detail::sending_core& core, const T& value, send_options with,
                                                   const patience& how) {
  if constexpr (detail::encodes_in_place<T>) {
    if (!core.portable || detail::is_raw<T>) return detail::send_payload(core, detail::payload_of(value), with, how);
  }
  const detail::occupancy::stay stay(core.occupied);
  if (auto ok = core.admit(with); !ok) return ok;
  if constexpr (detail::has_descriptors<T>) {
    try {
      return encode_and_send(core, value, with, how);
    } catch (const exception& refused) {  // an end inside the message that cannot travel
      return refused.reason();
    }
  } else {
    return encode_and_send(core, value, with, how);
  }
}

template <typename T>
result<void> sender<T>::encode_and_send(detail::sending_core& core, const T& value, send_options with,
                                        const patience& how) {
  const std::size_t size = detail::wire_size(value, core.portable);
  if (auto ok = core.admit_size(size); !ok) return ok;
  transport::outgoing message{.payload = {}, .priority = with.priority, .type = with.type};
  if constexpr (detail::has_descriptors<T>) {
    core.descriptors.clear();
    detail::collect_descriptors(value, core.descriptors);
    if (auto ok = core.admit_descriptors(core.descriptors.size()); !ok) return ok;
    message.descriptors = core.descriptors;
  } else if (core.zero_copy) {  // straight into the slot
    auto slot = core.claim(size, how);
    if (!slot) return slot.error();
    detail::wire_write(value, slot->first(size), core.portable);
    message.payload = slot->first(size);
    return core.commit(message, how);
  }
  if (core.scratch.size() < size) core.scratch.resize(size);
  detail::wire_write(value, std::span(core.scratch).first(size), core.portable);
  message.payload = std::span(core.scratch).first(size);
  return core.send(message, how);
}

template <typename T>
result<void> sender<T>::dispatch_loan(detail::sending_core& core, detail::loaned_room& room, const patience& how) {
  detail::ensure(room.belongs_to(core), "a loan is sent through another sender than the one that gave it");
  result<void> sent;
  if (const transport::lent_room* slot = room.slot()) {
    if (core.lane != nullptr && room.span().size() > shm::inline_bytes && !how.stop.stop_requested() &&
        core.lane->publish_run_quick(shm::arena_run::of(slot->token), room.span().size())) [[likely]] {
      room.was_sent();
      return {};
    }
    const detail::occupancy::stay stay(core.occupied);
    sent = core.end().send_lent(*slot, {.payload = room.span()}, how);
  } else if (room.is_slot()) {
    const detail::occupancy::stay stay(core.occupied);
    sent = core.commit({.payload = room.span()}, how);
  } else if constexpr (std::same_as<T, bytes>) {
    sent = detail::send_payload(core, room.span(), {}, how);
  } else {
    sent = dispatch(core, *reinterpret_cast<const T*>(room.span().data()), {}, how);
  }
  if (sent) room.was_sent();
  return sent;
}

template <typename T>
result<transom::loan<T>> sender<T>::borrow(std::size_t size, const patience& how) {
  constexpr std::size_t alignment = std::same_as<T, bytes> ? 1 : alignof(T);
  auto& core = opened();
  const detail::occupancy::stay stay(core.occupied);
  if (core.lane != nullptr && size > shm::inline_bytes && size <= core.largest_message && !core.portable &&
      alignment <= 64 && !how.stop.stop_requested()) {
    if (const shm::arena_run run = core.lane->claim_quick(size)) [[likely]]
      return transom::loan<T>(
          detail::loaned_room(core, transport::lent_room{core.lane->memory_of(run).first(size), run.token()}));
  }
  if (auto ok = core.admit({}); !ok) return ok.error();
  if (auto ok = core.admit_size(size); !ok) return ok.error();
  if (core.lends_many) {
    if (size > shm::inline_bytes && !core.portable && alignment <= 64) {
      auto slot = core.end().lend(size, how);
      if (!slot) return slot.error();
      return transom::loan<T>(detail::loaned_room(core, *slot));
    }
  } else if (core.zero_copy && !core.portable) {
    auto slot = core.claim(size, how);
    if (!slot) return slot.error();
    if (reinterpret_cast<std::uintptr_t>(slot->data()) % alignment == 0) {
      return transom::loan<T>(detail::loaned_room(core, slot->first(size)));
    }
  }
  if (how.stop.stop_requested()) return error(errc::canceled, "loan", core.where);
  return transom::loan<T>(detail::loaned_room(core, core.pool.take(size, alignment), size));
}

template <typename T>
template <std::ranges::input_range Range>
  requires std::convertible_to<std::ranges::range_reference_t<Range>, const T&>
result<std::size_t> sender<T>::send_all(Range&& values, std::stop_token stop) {
  auto& core = opened();
  const patience how = core.policy(std::move(stop));
  if constexpr (detail::has_descriptors<T>) {  // descriptors go with one message at a time
    std::size_t accepted = 0;
    for (const T& value : values) {
      if (auto sent = core.by_policy(dispatch(core, value, {}, how)); !sent) {
        if (accepted == 0) return sent.error();
        break;
      }
      ++accepted;
    }
    return accepted;
  } else {
    const detail::occupancy::stay stay(core.occupied);
    if (auto ok = core.admit({}); !ok) return ok.error();
    // Elements that stay where they are need no copy.
    constexpr bool stable = std::ranges::forward_range<Range> &&
                            std::is_same_v<std::remove_cvref_t<std::ranges::range_reference_t<Range>>, T> &&
                            std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>>;
    detail::batch_writer batch(core, how);
    for (const T& value : values) {
      bool goes_on = false;
      if constexpr (stable && detail::encodes_in_place<T>) {
        if (!core.portable || detail::is_raw<T>) {
          if (!batch.add_in_place(detail::payload_of(value))) break;
          continue;
        }
      }
      const std::span<std::byte> room = batch.add(detail::wire_size(value, core.portable), goes_on);
      if (!goes_on) break;
      detail::wire_write(value, room, core.portable);
    }
    return batch.finish();
  }
}

template <typename T>
result<sender<T>> sender<T>::clone() const {
  auto& core = opened();
  auto further = core.end().clone();
  if (!further) return further.error();
  return sender(
      std::make_unique<detail::sending_core>(detail::opened_sender{std::move(*further), core.how, core.portable}));
}

}  // namespace transom
