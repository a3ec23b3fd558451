// tests/step/operations_record.cpp - the record beside a channel object (transom/meter/record.hpp): its birth, its
// replacement, joining and leaving, and the report of a death.
//
// Oracle: R1 to R5 of record.hpp. Whoever is killed, the next own() works at once, join() says what is true, a sender's
// death is reported once, and after the last leave() there is no file.
#include <chrono>
#include <cstring>

#include "tests/step/fixtures.hpp"
#include "transom/meter/record.hpp"
#include "transom/os/entry.hpp"

namespace transom::step {
namespace {

using namespace std::chrono_literals;
using meter::record;

constexpr const char* identity = "posix-mq:///step";
const meter::record_terms terms{.schema_hash = 3, .schema_text = "i32"};

class on_a_record : public operation {
 public:
  void fresh() override {
    owner_.reset();
    empty_directory();
    notes_.renew();
  }

 protected:
  struct notes {
    note done;         // by the victim
    note reported[2];  // ids, by victim and partner
    note refused;      // errors that are no good
  };

  record own(bool many = false) { return std::move(record::own(identity, terms, many).or_throw().self); }
  static record join() { return record::join(identity, terms).or_throw(); }
  void stand_as_owner(bool many) { owner_.emplace(own(many)); }
  record& owner() { return *owner_; }
  void retire() { owner_.reset(); }

  // The next owner of the name, three times, and a sender each time.
  void three_lives() {
    for (int lap = 0; lap < 3; ++lap) {
      auto mine = record::own(identity, terms, false).or_throw();
      demand(mine.replaced_leftover == false, "a leftover of somebody who left in good order");
      mine.guard.release();
      {
        record sender = join();
        demand(mine.self.live_senders() == 1, "a sender that is not counted");
      }
      demand(!mine.self.next_casualty(), "a sender that left is reported as dead");
    }
    demand_all_gone();
  }
  unsigned casualties(record& at) {
    unsigned found = 0;
    while (at.next_casualty()) ++found;
    demand(at.live_senders() == 0, "a dead sender is counted among the living");
    return found;
  }

  shared<notes> notes_;

 private:
  std::optional<record> owner_;
};

// Someone opens for receiving; before, there may be what a dead owner left.
class owning : public on_a_record {
 public:
  explicit owning(bool leftover) : leftover_(leftover) {}
  void fresh() override {
    on_a_record::fresh();
    if (!leftover_) return;
    tracee dead([&] {
      const record mine = own();
      begin();
    });
    demand(dead.fault().empty(), dead.fault());
    leftover_inode_ = inode();
  }
  void victim() override {
    begin();
    auto mine = record::own(identity, terms, false);
    if (mine) mine->guard.release();
    write(mine ? notes_->done : notes_->refused, 1);
    end();
  }
  void partner() override { victim(); }
  std::string while_stopped() override {
    return complaint([&] {
      const auto in = shm::directory::open().or_throw();
      if (auto sender = record::join(identity, terms)) {
        demand(sender->any_owner_alive().or_throw(), "a stopped owner counts as dead");
      } else {
        const bool owned = read(notes_->done) != 0;
        demand(!owned && (sender.error() == errc::no_peer || (leftover_ && sender.error() == errc::owner_died)),
               "join says " + sender.error().message());
      }
      if (read(notes_->done) == 0) return;
      auto rival = record::own(identity, terms, false);
      demand(!rival && rival.error() == std::errc::address_in_use, "a second owner beside a stopped one");
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      demand(read(notes_->done) == 1, "it was refused");
      auto rival = record::own(identity, terms, false);
      demand(!rival && rival.error() == std::errc::address_in_use, "a second owner beside a living one");
      const record sender = join();
    });
  }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t found = inode();
      const std::string history = found == 0 ? "nothing" : found == leftover_inode_ ? "the leftover" : "owned";
      if (auto sender = record::join(identity, terms)) throw accusation("somebody can join the dead");
      else demand(sender.error() == (found == 0 ? errc::no_peer : errc::owner_died), sender.error().message());
      demand(read(notes_->done) == 0 || history == "owned", "it owned, and there is nothing");
      demand(found != 0 || !leftover_, "the leftover is gone, and nothing is there instead");
      {
        auto next = record::own(identity, terms, false).or_throw();
        demand(next.replaced_leftover == (found != 0), "what was there, was not replaced");
      }
      demand_nothing_left();
      three_lives();
      return history;
    });
  }

 private:
  // Which file stands at the name; 0: none.
  static std::uint64_t inode() {
    const auto in = shm::directory::open().or_throw();
    auto found = os::entry::look(in.path_of(shm::file_name(identity, "record")));
    return found ? found->inode : 0;
  }
  bool leftover_;
  std::uint64_t leftover_inode_ = 0;
};

class joining : public on_a_record {
 public:
  explicit joining(bool owner_leaves) : owner_leaves_(owner_leaves) {}
  void fresh() override {
    on_a_record::fresh();
    if (!owner_leaves_) stand_as_owner(false);
  }
  void victim() override {
    begin();
    auto mine = record::join(identity, terms);
    write(mine ? notes_->done : notes_->refused, 1);
    end();
  }
  void partner() override { victim(); }
  std::string while_stopped() override {
    return complaint([&] {
      demand(!owner().next_casualty(), "a stopped sender is reported as dead");
      const record other = join();
      demand(owner().live_senders() >= 1 + read(notes_->done), "a sender that is not counted");
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      demand(read(notes_->done) == 1, "it was refused");
      demand(owner().live_senders() == 1 && owner().ever_joined(), "a sender that is not counted");
      demand(!owner().next_casualty(), "a living sender is reported as dead");
    });
  }
  verdict judge() override {
    return judged([&] {
      const unsigned found = casualties(owner());
      demand(read(notes_->refused) == 0, "refused beside a living owner");
      demand(read(notes_->done) == 0 || found != 0, "it had joined, and nobody noticed its death");
      demand(found == 0 || owner().ever_joined(), "joined, and ever_joined() does not say so");
      { const record next = join(); }
      demand(casualties(owner()) == 0, "a sender that left is reported as dead");
      retire();
      three_lives();
      return std::to_string(found) + " joined";
    });
  }

 private:
  bool owner_leaves_;
};

class sender_leaving : public on_a_record {
 public:
  void fresh() override {
    on_a_record::fresh();
    stand_as_owner(false);
  }
  void victim() override {
    record mine = join();
    mine.mine().messages.add();
    begin();
    mine.leave();
    write(notes_->done, 1);
    end();
  }
  std::string while_stopped() override {
    return complaint([&] { demand(!owner().next_casualty(), "a stopped sender is reported as dead"); });
  }
  verdict judge() override {
    return judged([&] {
      const unsigned found = casualties(owner());
      demand(read(notes_->done) == 0 || found == 0, "it had left, and is reported as dead");
      retire();
      three_lives();
      return found == 0 ? "left" : "died";
    });
  }
};

// The owner goes; the partner is somebody who joins meanwhile.
class owner_leaving : public on_a_record {
 public:
  explicit owner_leaving(bool many) : many_(many) {}
  void victim() override {
    record mine = own(many_);
    begin();
    mine.leave();
    write(notes_->done, 1);
    end();
  }
  void partner() override {
    begin();
    auto mine = record::join(identity, terms);
    const bool said_why =
        mine || mine.error() == errc::no_peer || mine.error() == errc::closed || mine.error() == errc::owner_died;
    write(said_why ? notes_->reported[1] : notes_->refused, 1);
    end();
  }
  verdict judge() override {
    return judged([&] {
      std::string history = "died";
      auto sender = record::join(identity, terms);
      demand(!sender, "somebody can join the dead");
      if (sender.error() == errc::closed) history = "closed";
      else if (sender.error() == errc::no_peer) history = "gone";
      else demand(sender.error() == errc::owner_died, sender.error().message());
      demand(read(notes_->refused) == 0, "a sender was told nonsense");
      demand(read(notes_->done) == 0 || history == "gone", "it had left, and something is there");
      auto next = record::own(identity, terms, many_).or_throw();
      demand(next.replaced_leftover == (history != "gone"), "what was there, was not replaced");
      next.guard.release();
      next.self.leave();
      demand_nothing_left();
      three_lives();
      return history;
    });
  }

 private:
  bool many_;
};

// An owner reports a sender's death, beside another owner.
class reporting : public on_a_record {
 public:
  void fresh() override {
    on_a_record::fresh();
    stand_as_owner(true);
    tracee dead([&] {
      const record mine = join();
      begin();
    });
    demand(dead.fault().empty(), dead.fault());
  }
  void victim() override { report(0); }
  void partner() override { report(1); }
  verdict judge() override {
    return judged([&] {
      const unsigned before = (read(notes_->reported[0]) != 0) + (read(notes_->reported[1]) != 0);
      const unsigned found = casualties(owner());
      demand(found + before <= 1, "a death is reported twice");
      retire();
      demand_nothing_left();
      three_lives();
      return found == 0 ? "reported" : "nothing";
    });
  }

 private:
  void report(unsigned who) {
    record mine = own(true);
    begin();
    if (const auto dead = mine.next_casualty()) write(notes_->reported[who], dead->id);
    end();
  }
};

// A sender makes its part of the body truly there.
class allocating : public on_a_record {
 public:
  void fresh() override {
    owner_.reset();
    on_a_record::fresh();
    const meter::record_shape shape{.rows = 4, .body_size = 8 * page, .body_allocated = page};
    owner_.emplace(std::move(record::own(identity, terms, false, shape).or_throw().self));
  }
  void victim() override {
    record mine = join();
    begin();
    if (mine.allocate_body(2 * page, 3 * page)) std::memset(mine.body().data() + 2 * page, 7, 3 * page);
    else write(notes_->refused, 1);
    write(notes_->done, 1);
    end();
  }
  void partner() override { victim(); }
  verdict judge() override {
    return judged([&] {
      demand(read(notes_->refused) == 0, "refused although there is memory");
      const bool written = owner_->body()[5 * page - 1] == std::byte{7};
      demand(written || read(notes_->done) == 0, "what was written is not there");
      demand(owner_->body()[page] == std::byte{0} && owner_->body()[5 * page] == std::byte{0}, "written elsewhere");
      demand(casualties(*owner_) != 0, "nobody noticed its death");
      {
        record next = join();
        next.allocate_body(2 * page, 3 * page).or_throw();
        std::memset(next.body().data() + 2 * page, 8, 3 * page);
        demand(owner_->body()[2 * page] == std::byte{8}, "the next one writes elsewhere");
      }
      owner_.reset();
      three_lives();
      return written ? "allocated" : "nothing";
    });
  }

 private:
  static constexpr std::size_t page = 4096;
  std::optional<record> owner_;
};

}  // namespace

void add_record_operations(entries& all) {
  all.push_back(row<owning>("record: own", steps | pairs | stops, false));
  all.push_back(row<owning>("record: own, in place of a leftover", steps | pairs | stops, true));
  all.push_back(row<joining>("record: join", steps | pairs | stops, false));
  all.push_back(row<sender_leaving>("record: a sender leaves", steps | stops));
  all.push_back(row<owner_leaving>("record: the owner leaves", steps | pairs, false));
  all.push_back(row<owner_leaving>("record: one of many owners leaves", steps | pairs, true));
  all.push_back(row<reporting>("record: report a death", steps | pairs));
  all.push_back(row<allocating>("record: allocate a part of the body", steps | pairs));
}

}  // namespace transom::step
