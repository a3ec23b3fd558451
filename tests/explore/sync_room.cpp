// tests/explore/sync_room.cpp - see sync_room.hpp. Stands in for transom/sync/membership.cpp: what that does in private
// memory is done more simply here, what it does in shared memory is the same.
#include "tests/explore/sync_room.hpp"

#include <new>

#include "transom/sync/membership.hpp"
#include "transom/sync/settle.hpp"

namespace transom::explore {

namespace {

constexpr unsigned rows_of_a_room = 4, notes_of_a_row = 2;

struct note_rows {
  std::array<std::array<sync::note, notes_of_a_row>, rows_of_a_room> all;
};

class seat final : public sync::membership {
 public:
  seat(note_rows& in, unsigned row, std::uintptr_t begin, std::size_t size, bool deaths_show) noexcept
      : membership(1u << 8 | row, begin, size), rows_(&in), row_(row), deaths_show_(deaths_show) {}
  bool is_gone(std::uint32_t who) const noexcept override { return deaths_show_ && is_over(who & 0xff); }
  unsigned rows() const noexcept override { return rows_of_a_room; }
  std::span<sync::note> notes_of(unsigned row) const noexcept override { return rows_->all[row]; }
  std::string describe(std::uint32_t) const override { return {}; }
  std::uint64_t process_of(std::uint32_t) const noexcept override { return 0; }
  int pid_of(std::uint32_t) const noexcept override { return 0; }
  std::span<sync::note> own_notes(unsigned) noexcept override { return rows_->all[row_]; }
  std::array<bool, notes_of_a_row> taken{};

 private:
  note_rows* rows_;
  unsigned row_;
  bool deaths_show_;
};

// Of this execution.
struct sitting {
  const modelled_thread* who = nullptr;
  sync::standing as;
};
std::array<sitting, max_threads> all_sitting;
alignas(seat) std::array<std::array<std::byte, sizeof(seat)>, rows_of_a_room> seat_memory;
seat& seat_of(unsigned row) { return *std::launder(reinterpret_cast<seat*>(seat_memory[row].data())); }

}  // namespace

std::function<void(unsigned)> make_room(world& w, void* object, std::size_t size, bool deaths_show) {
  auto& notes = w.make<note_rows>();
  for (unsigned row = 0; row < rows_of_a_room; ++row)
    new (seat_memory[row].data()) seat(notes, row, reinterpret_cast<std::uintptr_t>(object), size, deaths_show);
  all_sitting = {};
  return [](unsigned row) {
    const modelled_thread* me = &the_engine().me();
    for (sitting& one : all_sitting) {
      if (one.who != nullptr && one.who != me) continue;
      one.who = me;
      one.as.participant = seat_of(row).id();
      one.as.thread = row + 1;
      one.as.epoch = os::fork_epoch();
      one.as.in = &seat_of(row);
      return;
    }
  };
}

void settle_for_the_dead(unsigned row) {
  sync::membership& mine = *sync::detail::look_up(nullptr)->in;
  for (sync::note& left : mine.notes_of(row))
    if (const std::uint64_t about = left.about.load(sync::acquire); about != 0) sync::settle(mine, left, about);
}

}  // namespace transom::explore

namespace transom::sync {

namespace detail {
std::atomic<std::uint32_t> range_changes{0};
constinit thread_local standing last_standing{};  // stays empty: everybody looks up

const standing* look_up(const void*) noexcept {
  const explore::modelled_thread* me = &explore::the_engine().me();
  for (const explore::sitting& one : explore::all_sitting)
    if (one.who == me) return &one.as;
  return nullptr;
}
}  // namespace detail

note* membership::take_note() noexcept {
  auto& mine = static_cast<explore::seat&>(*this);
  for (std::size_t i = 0; i < mine.taken.size(); ++i) {
    if (mine.taken[i]) continue;
    mine.taken[i] = true;
    return &mine.own_notes(0)[i];
  }
  return nullptr;
}

void membership::return_note(note& mine) noexcept {
  auto& me = static_cast<explore::seat&>(*this);
  mine.say(0);
  me.taken[static_cast<std::size_t>(&mine - me.own_notes(0).data())] = false;
}

// Who died is the scenario's to say.
void membership::reap() const noexcept {}

}  // namespace transom::sync
