// tests/step/operations_participants.cpp - rows of participants (transom/shm/participants.hpp): joining, leaving, and
// the reaper, who may die as well.
//
// Oracle: a row says LIVE with a free lock exactly when its owner died as a participant; that death is reported at most
// once, and once if its reporter lives; afterwards every row can be claimed again, three times over.
#include <array>

#include "tests/step/fixtures.hpp"
#include "transom/shm/directory.hpp"
#include "transom/shm/participants.hpp"

namespace transom::step {
namespace {

using shm::participants;
using shm::role;
using shm::row_state;
using shm::segment;

constexpr unsigned row_count = 4, sender_rows = 3;  // row 0 is for owners
constexpr std::size_t size = sizeof(shm::segment_header) + row_count * sizeof(shm::participant_row);
constexpr const char* file = "table";
constexpr shm::segment_kind kind{.magic = 0x70657473,
                                 .version = 1,
                                 .known_features = 0,
                                 .header_length = sizeof(shm::segment_header),
                                 .row_count = row_count,
                                 .name = "table"};

// What all operations on a table share: the table, whose creator is the stage, and the end of every judgement.
class on_a_table : public operation {
 public:
  void fresh() override {
    table_.reset();
    in_ = shm::directory::open(empty_directory()).or_throw();
    notes_.renew();
    segment made = segment::make(*in_, size).or_throw();
    shm::begin_header(made.header(), kind, size, row_count);
    made.publish(*in_, file).or_throw();
    table_.emplace(std::move(made));
  }

 protected:
  struct notes {
    note reported[2];  // ids, by victim and partner
    note joined;       // the victim's row, plus one
  };

  segment attach() const { return segment::open(*in_, file, kind).or_throw(); }
  segment& table() { return *table_; }
  participants rows() const { return participants(*table_); }
  unsigned join(segment& mine) const {
    const participants all(mine);
    const unsigned row = all.claim(role::sender).or_throw();
    mine.settle(*in_, file).or_throw();
    all.arrive(row);
    return row;
  }
  // A participant that is no more: LIVE, and nobody holds the lock.
  void leave_a_dead_one(unsigned row) {
    rows().row(row).pid.store(4711, sync::relaxed);
    rows().row(row).word.store(shm::row_word{row_state::live, role::sender, 1}.pack(), sync::release);
    table().header().rows_used.store(row + 1, sync::release);
  }
  unsigned reap() {
    unsigned found = 0;
    while (rows().declare_one_dead(role::sender)) ++found;
    rows().recycle(role::sender);
    demand(!rows().declare_one_dead(role::sender), "a death is reported twice");
    return found;
  }
  void all_rows_three_times() {
    demand(rows().present(role::sender) == 0, "somebody seems to be there");
    demand(rows().fate_of(role::sender).or_throw() == shm::fate::gone, "a dead one is left in the table");
    for (int lap = 0; lap < 3; ++lap) {
      std::array<std::optional<segment>, sender_rows> crowd;
      std::array<unsigned, sender_rows> taken{};
      for (unsigned one = 0; one < sender_rows; ++one) {
        crowd[one].emplace(attach());
        taken[one] = join(*crowd[one]);
      }
      demand(rows().present(role::sender) == sender_rows, "a row is lost");
      demand(!rows().declare_one_dead(role::sender), "a living participant is declared dead");
      for (unsigned one = 0; one < sender_rows; ++one) {
        rows().leave(taken[one]);
        rows().finish_leaving(taken[one]);
      }
    }
  }

  std::optional<shm::directory> in_;
  shared<notes> notes_;

 private:
  std::optional<segment> table_;
};

class joining : public on_a_table {
 public:
  void victim() override {
    segment mine = attach();
    begin();
    const unsigned row = join(mine);
    write(notes_->joined, row + 1);
    end();
  }
  void partner() override {
    segment mine = attach();
    begin();
    join(mine);
    end();
  }
  std::string while_stopped() override {
    return complaint([&] {
      demand(!rows().declare_one_dead(role::sender), "a stopped participant is declared dead");
      rows().recycle(role::sender);
      segment mine = attach();
      const unsigned other = join(mine);
      demand(read(notes_->joined) != other + 1, "one row for two");
      rows().leave(other);
      rows().finish_leaving(other);
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      const unsigned row = static_cast<unsigned>(read(notes_->joined)) - 1;
      demand(rows().word(row).state == row_state::live, "its row is not its own any more");
      demand(table().is_held(row).or_throw(), "its lock is gone");
    });
  }
  verdict judge() override {
    return judged([&] {
      const bool done = read(notes_->joined) != 0;
      const unsigned found = reap();
      demand(!done || found != 0, "it had joined, and nobody noticed its death");
      all_rows_three_times();
      return std::to_string(found) + " joined";
    });
  }
};

class leaving : public on_a_table {
 public:
  void victim() override {
    segment mine = attach();
    const unsigned row = join(mine);
    begin();
    participants(mine).leave(row);
    participants(mine).finish_leaving(row);
    write(notes_->joined, 1);
    end();
  }
  void partner() override { look_for_the_dead(1); }
  std::string while_stopped() override {
    return complaint([&] { demand(!rows().declare_one_dead(role::sender), "a stopped participant is declared dead"); });
  }
  verdict judge() override {
    return judged([&] {
      const bool before = read(notes_->reported[1]) != 0;
      const unsigned found = reap();
      demand(found + before <= 1, "a death is reported twice");
      demand(read(notes_->joined) == 0 || found + before == 0, "it had left, and is reported as dead");
      all_rows_three_times();
      return found + before == 0 ? "left" : "died";
    });
  }

 protected:
  void look_for_the_dead(unsigned who) {
    begin();
    if (const auto dead = rows_here().declare_one_dead(role::sender)) write(notes_->reported[who], dead->id);
    rows_here().recycle(role::sender);
    end();
  }
  // In a child the stage's mapping is gone: a second one.
  participants rows_here() {
    if (!here_) here_.emplace(attach());
    return participants(*here_);
  }
  std::optional<segment> here_;
};

class reaping : public leaving {
 public:
  void fresh() override {
    here_.reset();
    on_a_table::fresh();
    leave_a_dead_one(1);
  }
  void victim() override {
    (void)rows_here();
    look_for_the_dead(0);
  }
  void partner() override {
    (void)rows_here();
    look_for_the_dead(1);
  }
  verdict judge() override {
    return judged([&] {
      const unsigned before = (read(notes_->reported[0]) != 0) + (read(notes_->reported[1]) != 0);
      const auto state = rows().word(1).state;
      const unsigned found = reap();
      demand(before + found <= 1, "a death is reported twice");
      all_rows_three_times();
      return found == 1 ? "nothing" : state == row_state::dead ? "declared" : "recycled";
    });
  }
};

// Somebody parts: the row stays until who takes care of what it leaves has freed it.
class parting : public leaving {
 public:
  void fresh() override {
    here_.reset();
    on_a_table::fresh();
  }
  void victim() override {
    segment mine = attach();
    const unsigned row = join(mine);
    begin();
    participants(mine).part(row);
    write(notes_->joined, 1);
    end();
  }
  void partner() override {
    (void)rows_here();
    begin();
    if (rows_here().free_row(1, rows_here().word(1).generation)) write(notes_->reported[1], 1);
    end();
  }
  verdict judge() override {
    return judged([&] {
      const bool freed = read(notes_->reported[1]) != 0;
      const bool parted = rows().word(1).state == row_state::parted;
      demand(!parted || !rows().free_row(1, rows().word(1).generation + 1), "a row of another generation is freed");
      demand(!parted || rows().free_row(1, rows().word(1).generation), "a parted row cannot be freed");
      const unsigned found = reap();
      demand(read(notes_->joined) == 0 || found == 0, "it had parted, and is reported as dead");
      demand(parted + freed + found == 1, "a row ended in no way, or in two");
      all_rows_three_times();
      return found != 0 ? "died" : "parted";
    });
  }
};

// Two that take care free the same row.
class freeing : public leaving {
 public:
  void fresh() override {
    here_.reset();
    on_a_table::fresh();
    rows().row(1).word.store(shm::row_word{row_state::parted, role::sender, 1}.pack(), sync::release);
    table().header().rows_used.store(2, sync::release);
  }
  void victim() override { free(0); }
  void partner() override { free(1); }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t before = read(notes_->reported[0]) + read(notes_->reported[1]);
      const bool now = rows().free_row(1, 1);
      demand(before + now <= 1, "one row is freed twice");
      demand(!rows().free_row(1, 1), "a free row is freed again");
      all_rows_three_times();
      return now ? "nothing" : "freed";
    });
  }

 private:
  void free(unsigned who) {
    (void)rows_here();
    begin();
    if (rows_here().free_row(1, 1)) write(notes_->reported[who], 1);
    end();
  }
};

}  // namespace

void add_participant_operations(entries& all) {
  all.push_back(row<joining>("participants: join", steps | pairs | stops));
  all.push_back(row<leaving>("participants: leave", steps | pairs | stops));
  all.push_back(row<reaping>("participants: declare dead and recycle", steps | pairs));
  all.push_back(row<parting>("participants: part", steps | pairs | stops));
  all.push_back(row<freeing>("participants: free a row", steps | pairs));
}

}  // namespace transom::step
