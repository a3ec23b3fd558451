// transom/sync/testing.hpp - memory that forked processes share, with a membership whose deaths the test declares: for
// what is tested and proved without a segment. For tests only.
#pragma once
#include <unistd.h>

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "transom/os/mapping.hpp"
#include "transom/sync/membership.hpp"

namespace transom::sync::testing {

inline constexpr unsigned seats = 8;

/// What lies in the memory besides the object.
struct table {
  std::array<atomic<std::uint32_t>, seats> lives, buried, pids;
  std::array<std::array<note, notes_each>, seats> notes;
};

/// The part of one process.
class seat final : public membership {
 public:
  seat(table& in, unsigned row, std::uintptr_t begin, std::size_t size) noexcept
      : membership((in.lives[row].fetch_add(1, relaxed) + 1) << 8 | row, begin, size), table_(&in), row_(row) {
    in.pids[row].store(static_cast<std::uint32_t>(::getpid()), relaxed);
  }
  bool is_gone(std::uint32_t who) const noexcept override {
    return (who & 0xff) < seats && table_->buried[who & 0xff].load(relaxed) >= who >> 8;
  }
  unsigned rows() const noexcept override { return seats; }
  std::span<note> notes_of(unsigned row) const noexcept override { return table_->notes[row]; }
  std::string describe(std::uint32_t who) const override { return "pid " + std::to_string(pid_of(who)); }
  std::uint64_t process_of(std::uint32_t who) const noexcept override {
    return is_gone(who) ? 0 : static_cast<std::uint64_t>(pid_of(who));
  }
  int pid_of(std::uint32_t who) const noexcept override {
    return static_cast<int>(table_->pids[who & 0xff].load(relaxed));
  }

 protected:
  std::span<note> own_notes(unsigned) noexcept override { return table_->notes[row_]; }

 private:
  table* table_;
  unsigned row_;
};

/// A T, constructed once, and seats for the processes that use it.
template <typename T>
class room {
 public:
  template <typename... Arguments>
  explicit room(Arguments&&... arguments)
      : memory_(os::mapping::anonymous(sizeof(contents), os::share::shared).or_throw()) {
    renew(std::forward<Arguments>(arguments)...);
  }
  /// Everything new, as if there had been nobody before. Nobody sits.
  template <typename... Arguments>
  void renew(Arguments&&... arguments) {
    leave();
    ::new (memory_.data()) contents(std::forward<Arguments>(arguments)...);
  }
  T* operator->() const noexcept { return &all().object; }
  T& operator*() const noexcept { return all().object; }

  /// Sits down in `row`, in this process; a child sits down for itself.
  void join(unsigned row) {
    join_quietly(row);
    mine_->reap();
  }
  /// The same, and leaves what the dead left to others.
  void join_quietly(unsigned row) {
    leave();
    mine_ = std::make_unique<seat>(all().who, row, reinterpret_cast<std::uintptr_t>(memory_.data()), sizeof(contents));
    known_.emplace(*mine_);
  }
  /// Gets up, without a word.
  void leave() noexcept {
    known_.reset();
    mine_.reset();
  }
  membership& me() const noexcept { return *mine_; }
  /// Whoever sat there has ended, and the caller has the kernel's word for it.
  void bury(unsigned row) noexcept { all().who.buried[row].store(all().who.lives[row].load(relaxed), relaxed); }
  /// How many notes say anything.
  unsigned notes_in_use() const noexcept {
    unsigned count = 0;
    for (const auto& row : all().who.notes)
      for (const note& one : row) count += one.about.load(relaxed) != 0;
    return count;
  }

 private:
  struct contents {
    template <typename... Arguments>
    explicit contents(Arguments&&... arguments) : object(std::forward<Arguments>(arguments)...) {}
    table who{};
    T object;
  };
  contents& all() const noexcept { return *reinterpret_cast<contents*>(memory_.data()); }

  os::mapping memory_;
  std::unique_ptr<seat> mine_;
  std::optional<registration> known_;
};

}  // namespace transom::sync::testing
