// transom/channel/loan.hpp - room for a message that is filled where it will be sent from.
//
// Invariants
//   I1  A loan is a slot of the mechanism (no block; `slot_` where it lends any number) or a block of the sender's pool
//       (a copying mechanism, or a message so small that a copy is cheaper), or it has been moved from and is neither.
//   I2  Until it is sent nothing has happened: a loan that ends unsent gives its room back.
#pragma once
#include <cstddef>
#include <span>
#include <utility>

#include "transom/base/bytes.hpp"
#include "transom/base/ensure.hpp"
#include "transom/channel/plain.hpp"
#include "transom/channel/sending_core.hpp"

namespace transom {

template <typename T>
class sender;

namespace detail {

/// The room itself. Moves, does not copy.
class loaned_room {
 public:
  loaned_room(sending_core& core, std::span<std::byte> slot) noexcept : core_(&core), room_(slot) {
    core.slot_lent(true);
  }
  loaned_room(sending_core& core, const transport::lent_room& slot) noexcept
      : core_(&core), room_(slot.memory), slot_(slot) {}
  loaned_room(sending_core& core, block own, std::size_t size) noexcept
      : core_(&core), own_(std::move(own)), room_(own_.data(), size) {}
  loaned_room(loaned_room&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        own_(std::move(other.own_)),
        room_(std::exchange(other.room_, {})),
        slot_(std::exchange(other.slot_, {})) {}
  loaned_room& operator=(loaned_room&& other) noexcept {
    if (this == &other) return *this;
    give_back();
    core_ = std::exchange(other.core_, nullptr);
    own_ = std::move(other.own_);
    room_ = std::exchange(other.room_, {});
    slot_ = std::exchange(other.slot_, {});
    return *this;
  }
  ~loaned_room() { give_back(); }

  std::span<std::byte> span() const {
    ensure(core_ != nullptr, "a loan is used that was sent or moved from");
    return room_;
  }
  void shrink(std::size_t used) {
    ensure(used <= span().size(), "a loan is resized beyond what was asked for");
    room_ = room_.first(used);
  }
  bool belongs_to(const sending_core& core) const noexcept { return core_ == &core; }
  bool is_slot() const noexcept { return core_ != nullptr && own_.data() == nullptr; }
  /// One of many slots that the end has lent.
  const transport::lent_room* slot() const noexcept { return slot_.memory.data() == nullptr ? nullptr : &slot_; }
  void was_sent() noexcept {
    if (slot() == nullptr) give_back();
    core_ = nullptr;
  }
  void give_back() noexcept {
    if (core_ == nullptr) return;
    if (slot() != nullptr) core_->end().give_back(slot_);
    else if (is_slot()) core_->slot_lent(false);
    else core_->pool.give_back(std::move(own_));
    core_ = nullptr;
  }

 private:
  sending_core* core_;
  block own_;
  std::span<std::byte> room_;
  transport::lent_room slot_;
};

}  // namespace detail

/// Room for one plain T. `*slot` is not initialised: fill all of it, then `tx.send(std::move(slot))`. May move between
/// threads; must not outlive its sender.
template <typename T>
class [[nodiscard]] loan {
  static_assert(plain<T>, "transom: only plain types and bytes can be loaned");

 public:
  T& operator*() const { return *reinterpret_cast<T*>(room_.span().data()); }
  T* operator->() const { return &**this; }

 private:
  friend class sender<T>;
  explicit loan(detail::loaned_room room) noexcept : room_(std::move(room)) {}
  detail::loaned_room room_;
};

/// Room for a message of bytes, of the size that was asked for until resize() makes it smaller.
template <>
class [[nodiscard]] loan<bytes> {
 public:
  std::span<std::byte> span() const { return room_.span(); }
  /// What is beyond `used` is not sent. Only smaller.
  void resize(std::size_t used) { room_.shrink(used); }

 private:
  friend class sender<bytes>;
  explicit loan(detail::loaned_room room) noexcept : room_(std::move(room)) {}
  detail::loaned_room room_;
};

}  // namespace transom
