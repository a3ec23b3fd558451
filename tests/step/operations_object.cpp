// tests/step/operations_object.cpp - a shared object (transom/transport/shared_object.hpp): its birth, joining it,
// leaving it, its end. Oracle: whoever opens it finds it whole, made once; nothing stays behind after the last.
#include <fstream>

#include "tests/step/object_fixture.hpp"
#include "transom/os/entry.hpp"

namespace transom::step {
namespace {

enum class kind { shm, posix, system_v };

class on_an_object_of : public operation {
 public:
  explicit on_an_object_of(kind what) : what_(what) {}
  void fresh() override {
    mine_.reset();
    const std::string directory = empty_directory();
    name_ = "shm://step";
    if (what_ == kind::posix) name_ = "posix-shm:///transom-step-" + std::to_string(::getpid());
    if (what_ == kind::system_v) {
      const std::string key = std::filesystem::path(directory).parent_path().string() + "/key";
      std::ofstream(key).put('k');
      name_ = "sysv-shm://" + key + "?id=3";
    }
    notes_.renew();
  }

 protected:
  transport::shared_object open() const { return open_bank(name_.c_str()); }
  static bank& at(const transport::shared_object& handle) { return *static_cast<bank*>(handle.get()); }
  void stand() { mine_.emplace(open()); }
  void leave() { mine_.reset(); }

  void use_thrice() {
    for (int lap = 0; lap < 3; ++lap) {
      const auto one = open();
      demand(one.made_it() == !mine_, "made twice, or never");
      const auto other = open();
      demand(!other.made_it(), "made twice");
      demand_whole(at(other));
      write(at(one).left_side, 60);
      demand(at(other).lock.try_lock().has_value(), "a lock that nobody has");
    }
  }
  void demand_nothing_of_it() {
    demand_nothing_left();
    if (what_ == kind::posix) demand(!os::entry::look("/dev/shm" + name_.substr(12)), "the segment is left behind");
  }
  struct notes {
    note done;
  };
  shared<notes> notes_;

 private:
  kind what_;
  std::string name_;
  std::optional<transport::shared_object> mine_;
};

// The only one: makes it, and takes it away.
class being_alone : public on_an_object_of {
 public:
  using on_an_object_of::on_an_object_of;
  void victim() override {
    begin();
    {
      const auto mine = open();
      demand_whole(at(mine));
      write(notes_->done, 1);
    }
    write(notes_->done, 2);
    end();
  }
  void partner() override { victim(); }
  verdict judge() override {
    return judged([&] {
      const auto done = read(notes_->done);
      use_thrice();
      demand_nothing_of_it();
      return done == 0 ? "nothing" : done == 1 ? "made" : "made and left";
    });
  }
};

// One of several: comes and goes.
class coming_and_going : public on_an_object_of {
 public:
  using on_an_object_of::on_an_object_of;
  void fresh() override {
    on_an_object_of::fresh();
    stand();
  }
  void victim() override {
    begin();
    {
      const auto mine = open();
      write(at(mine).left_side, 60);
      write(notes_->done, 1);
    }
    write(notes_->done, 2);
    end();
  }
  verdict judge() override {
    return judged([&] {
      const auto done = read(notes_->done);
      use_thrice();
      leave();
      demand_nothing_of_it();
      return done == 0 ? "nothing" : done == 1 ? "joined" : "joined and left";
    });
  }
};

}  // namespace

void add_object_operations(entries& all) {
  all.push_back(row<being_alone>("shared object, shm: birth and end", steps | pairs, kind::shm));
  all.push_back(row<being_alone>("shared object, posix-shm: birth and end", steps, kind::posix));
  all.push_back(row<being_alone>("shared object, sysv-shm: birth and end", steps, kind::system_v));
  all.push_back(row<coming_and_going>("shared object, shm: join and leave", steps, kind::shm));
  all.push_back(row<coming_and_going>("shared object, posix-shm: join and leave", steps, kind::posix));
}

}  // namespace transom::step
