// transom/channel/view.hpp - a received message that is read where it lies, and what is known about it.
//
// Invariants
//   I1  A view has the mechanism's own message (zero copy, plain T and bytes: no block, and a keeper where many can be
//       kept), or a block of the receiver's pool, or, for any other T, the value itself.
//   I2  When the view goes, the slot or block is free for the next message.
#pragma once
#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "transom/base/bytes.hpp"
#include "transom/base/ensure.hpp"
#include "transom/channel/plain.hpp"
#include "transom/channel/receiving_core.hpp"

namespace transom {

template <typename T>
class receiver;

/// The bytes behind a view<bytes>: a std::span that also compares with and becomes `bytes`.
class bytes_view : public std::span<const std::byte> {
 public:
  bytes_view(std::span<const std::byte> memory) noexcept  // NOLINT(google-explicit-constructor): the same thing
      : std::span<const std::byte>(memory) {}
  operator bytes() const { return {begin(), end()}; }  // NOLINT(google-explicit-constructor): a copy on request
  friend bool operator==(const bytes_view& a, const bytes& b) noexcept { return std::ranges::equal(a, b); }
};

namespace detail {

/// The memory of a message that is looked at in place. Moves, does not copy.
class viewed_memory {
 public:
  /// The message that `core` has lent.
  viewed_memory(receiving_core& core, std::span<const std::byte> slot) noexcept : core_(&core), memory_(slot) {
    core.lend();
  }
  /// A message that its keeper keeps.
  viewed_memory(receiving_core& core, const transport::kept_message& kept) noexcept
      : core_(&core), memory_(kept.payload), keeper_(kept.by), token_(kept.token) {}
  viewed_memory(receiving_core& core, block own, std::size_t size) noexcept
      : core_(&core), own_(std::move(own)), memory_(own_.data(), size) {}
  viewed_memory(viewed_memory&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        own_(std::move(other.own_)),
        memory_(other.memory_),
        keeper_(other.keeper_),
        token_(other.token_) {}
  viewed_memory& operator=(viewed_memory&& other) noexcept {
    if (this == &other) return *this;
    give_back();
    core_ = std::exchange(other.core_, nullptr);
    own_ = std::move(other.own_);
    memory_ = other.memory_;
    keeper_ = other.keeper_;
    token_ = other.token_;
    return *this;
  }
  ~viewed_memory() { give_back(); }
  std::span<const std::byte> span() const {
    ensure(core_ != nullptr, "a moved-from view is used");
    return memory_;
  }

 private:
  void give_back() noexcept {
    if (core_ == nullptr) return;
    if (keeper_ != nullptr) keeper_->release(token_);
    else if (own_.data() == nullptr) core_->take_back();
    else core_->pool.give_back(std::move(own_));
  }
  receiving_core* core_;
  block own_;
  std::span<const std::byte> memory_;
  transport::keeper* keeper_ = nullptr;
  void* token_ = nullptr;
};

}  // namespace detail

/// A received T and its message_info. May move between threads; must not outlive its receiver.
template <typename T>
class [[nodiscard]] view {
 public:
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  const message_info& info() const noexcept { return info_; }

 private:
  friend class receiver<T>;
  view(T value, const message_info& info) : value_(std::move(value)), info_(info) {}
  T value_;
  message_info info_;
};

template <plain T>
class [[nodiscard]] view<T> {
 public:
  const T& operator*() const { return *reinterpret_cast<const T*>(memory_.span().data()); }
  const T* operator->() const { return &**this; }
  const message_info& info() const noexcept { return info_; }

 private:
  friend class receiver<T>;
  view(detail::viewed_memory memory, const message_info& info) noexcept : memory_(std::move(memory)), info_(info) {}
  detail::viewed_memory memory_;
  message_info info_;
};

template <>
class [[nodiscard]] view<bytes> {
 public:
  bytes_view operator*() const { return bytes_view(memory_.span()); }
  const bytes_view* operator->() const { return &seen_; }
  std::span<const std::byte> span() const { return memory_.span(); }
  const message_info& info() const noexcept { return info_; }

 private:
  friend class receiver<bytes>;
  view(detail::viewed_memory memory, const message_info& info) noexcept
      : memory_(std::move(memory)), seen_(memory_.span()), info_(info) {}
  detail::viewed_memory memory_;
  bytes_view seen_;  // blocks and slots stay where they are when a view moves
  message_info info_;
};

}  // namespace transom
