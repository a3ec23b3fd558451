// tests/step/operations_segment.cpp - birth, replacement and the lock of a name (transom/shm/segment.hpp,
// directory.hpp).
//
// Oracle: whoever looks finds no file or a complete one; nobody holds a lock of the dead; the next one makes, replaces
// and removes the object as if nothing had happened; nothing stays in the directory.
#include <chrono>
#include <cstring>

#include "tests/step/fixtures.hpp"
#include "transom/os/entry.hpp"
#include "transom/shm/directory.hpp"
#include "transom/shm/segment.hpp"

namespace transom::step {
namespace {

using namespace std::chrono_literals;
using shm::directory;
using shm::segment;

constexpr std::size_t size = 4096;
constexpr const char* file = "object";
constexpr shm::segment_kind kind{.magic = 0x70657473,  // "step"
                                 .version = 1,
                                 .known_features = 0,
                                 .header_length = sizeof(shm::segment_header),
                                 .row_count = 1,
                                 .name = "step"};

std::uint64_t& mark_of(const segment& object) {
  return *reinterpret_cast<std::uint64_t*>(object.bytes().data() + size - 8);
}

segment make(const directory& in, std::uint64_t mark) {
  segment object = segment::make(in, size).or_throw();
  shm::begin_header(object.header(), kind, size, 1);
  mark_of(object) = mark;
  demand(object.try_lock(0).or_throw(), "the lock of a new object is taken");
  return object;
}

// What stands at the name: 0: nothing. Throws what is wrong with it.
std::uint64_t look(const directory& in) {
  auto found = segment::open(in, file, kind);
  if (!found) {
    demand(found.error() == std::errc::no_such_file_or_directory, found.error().message());
    return 0;
  }
  demand(!found->is_held(0).or_throw(), "the lock of a dead owner is held");
  demand(mark_of(*found) != 0, "half made");
  return mark_of(*found);
}

void remove(const directory& in) { os::remove_file(in.path_of(file)).ignore(); }

void three_lives(const directory& in) {
  for (std::uint64_t lap = 1; lap <= 3; ++lap) {
    {
      segment one = make(in, 10 * lap);
      one.publish(in, file).or_throw();
      segment other = make(in, 10 * lap + 1);
      other.replace(in, file).or_throw();
      demand(other.is_held(0).or_throw() && !one.has_name(in.path_of(file)), "a replacement does not replace");
    }
    demand(look(in) == 10 * lap + 1, "a new object is not found");
    remove(in);
  }
  demand_nothing_left();
  in.tidy();
  demand_all_gone();
}

class birth : public operation {
 public:
  void fresh() override { in_ = directory::open(empty_directory()).or_throw(); }
  void victim() override { bear(1); }
  void partner() override { bear(2); }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t found = look(*in_);
      if (found == 0) demand_nothing_left();
      remove(*in_);
      three_lives(*in_);
      return found == 0 ? "nothing" : found == 1 ? "born" : "the other one's";
    });
  }
  std::string while_stopped() override {
    return complaint([&] {
      auto found = segment::open(*in_, file, kind);
      if (!found) demand(found.error() == std::errc::no_such_file_or_directory, found.error().message());
      else demand(mark_of(*found) == 1 && found->is_held(0).or_throw(), "an object without the lock of its owner");
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      auto found = segment::open(*in_, file, kind).or_throw();
      demand(found.is_held(0).or_throw(), "its owner's lock is gone");
    });
  }

 private:
  void bear(std::uint64_t mark) {
    begin();
    segment object = make(*in_, mark);
    auto published = object.publish(*in_, file);
    demand(published || published.error() == std::errc::file_exists, "publish");
    end();
  }
  std::optional<directory> in_;
};

class replacement : public operation {
 public:
  void fresh() override {
    in_ = directory::open(empty_directory()).or_throw();
    make(*in_, 1).publish(*in_, file).or_throw();
  }
  void victim() override {
    begin();
    segment object = make(*in_, 2);
    object.replace(*in_, file).or_throw();
    end();
  }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t found = look(*in_);
      demand(found != 0, "there is neither the old one nor the new one");
      make(*in_, 3).replace(*in_, file).or_throw();
      demand(look(*in_) == 3, "it cannot be replaced again");
      remove(*in_);
      demand_nothing_left();
      three_lives(*in_);
      return found == 1 ? "nothing" : "replaced";
    });
  }

 private:
  std::optional<directory> in_;
};

class name_lock : public operation {
 public:
  void fresh() override {
    in_ = directory::open(empty_directory()).or_throw();
    write(holds_.renew(), 0);
  }
  void victim() override {
    begin();
    hold();
    end();
  }
  void partner() override { victim(); }
  std::string while_stopped() override {
    return complaint([&] {
      auto mine = in_->lock_name("name", deadline::passed());
      if (!mine) demand(mine.error() == errc::timed_out, mine.error().message());
      demand(!mine || read(*holds_) == 0, "two hold the lock of one name");
    });
  }
  verdict judge() override {
    return judged([&] {
      const bool born = std::filesystem::exists(in_->path_of("lock"));
      demand_nothing_left();
      for (int lap = 0; lap < 3; ++lap)
        demand(static_cast<bool>(in_->lock_name("name", deadline::after(1s)).or_throw()), "locked and not locked");
      demand_all_gone();
      return born ? "the file of the locks is there" : "nothing";
    });
  }

 private:
  void hold() {
    auto mine = in_->lock_name("name", deadline::after(5s)).or_throw();
    write(*holds_, 1);
    write(*holds_, 0);
  }
  std::optional<directory> in_;
  shared<note> holds_;
};

// The last object goes, and its remover tidies, while somebody else begins.
class last_one_out : public operation {
 public:
  void fresh() override {
    in_ = directory::open(empty_directory()).or_throw();
    const auto while_it_is_made = in_->lock_name("name", deadline::passed()).or_throw();
    make(*in_, 1).publish(*in_, file).or_throw();
    named_.renew();
  }
  void victim() override {
    begin();
    remove(*in_);
    in_->tidy();
    end();
  }
  void partner() override {
    begin();
    auto mine = in_->lock_name("name", deadline::after(5s)).or_throw();
    segment object = make(*in_, 2);
    object.publish(*in_, other).or_throw();
    write(*named_, 1);
    mine.release();
    end();
  }
  std::string while_stopped() override {
    return complaint([&] {
      auto mine = in_->lock_name("name", deadline::passed());
      demand(mine || mine.error() == errc::timed_out, mine ? "" : mine.error().message());
    });
  }
  verdict judge() override {
    return judged([&] {
      const bool there = std::filesystem::exists(in_->path_of(other));
      demand(there || read(*named_) == 0, "an object went that nobody removed");
      const std::string history = std::filesystem::exists(in_->path()) ? "the directory is there" : "gone";
      os::remove_file(in_->path_of(other)).ignore();
      remove(*in_);
      { auto next = in_->lock_name("name", deadline::after(1s)).or_throw(); }
      demand_all_gone();
      in_ = directory::open(in_->path()).or_throw();
      three_lives(*in_);
      return history;
    });
  }

 private:
  static constexpr const char* other = "other";
  std::optional<directory> in_;
  shared<note> named_;
};

}  // namespace

void add_segment_operations(entries& all) {
  all.push_back(row<birth>("segment: make and publish", steps | pairs | stops));
  all.push_back(row<replacement>("segment: replace", steps));
  all.push_back(row<name_lock>("directory: lock a name", steps | pairs | stops));
  all.push_back(row<last_one_out>("directory: the last one out", steps | pairs | stops));
}

}  // namespace transom::step
