// tests/step/operations_channel.cpp - a whole channel of shared memory, as its users see it: birth, joining, sending,
// leaving, the report of a death, take-over by a successor, the end.
//
// Oracle: R1 to R7 of transom/transport/transport.hpp. Each message comes once (again only marked), each sender's end
// is told once, as a death or as a departure and never as both; a successor continues where the dead one stopped; the
// places for senders do not run out; after the last close there is no file.
#include "tests/step/channel_fixture.hpp"
#include "transom/meter/record.hpp"

namespace transom::step {
namespace {

class opening : public on_a_channel {
 public:
  explicit opening(kind of) : on_a_channel(false, of) {}
  void victim() override {
    begin();
    const auto mine = try_receiver();
    write(mine ? notes_->done : notes_->refused, 1);
    end();
  }
  void partner() override {
    begin();
    const auto mine = try_sender();
    if (mine) send(**mine, 0);
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(notes_->refused) == 0, "refused without a rival");
      const bool there = !left_behind().empty();
      demand(there || read(notes_->done) == 0, "it was opened, and there is nothing");
      demand(!try_sender(), "somebody can join the dead");
      three_lives();
      return there ? "opened" : "nothing";
    });
  }
};

class joining : public on_a_channel {
 public:
  explicit joining(bool leaving) : on_a_channel(false), leaving_(leaving) {}
  void fresh() override {
    on_a_channel::fresh();
    receiver_ = receiver();
  }
  void victim() override {
    if (leaving_) {
      const auto mine = sender();
      send(*mine, 0);
      begin();
      send(*mine, 1);
      write(notes_->sent, 2);
      mine->close();
      write(notes_->done, 1);
      end();
    }
    begin();
    const auto mine = sender();
    write(notes_->done, 1);
    send(*mine, 0);
    write(notes_->sent, 1);
    end();
  }
  std::string while_stopped() override {
    return complaint([&] {
      drain_now();
      demand(deaths_ == 0, "a stopped sender is reported as dead");
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      drain_now();
      demand(deaths_ == 0, "a living sender is reported as dead");
      demand(got_.size() == (leaving_ ? 2u : 1u), "a message is lost");
    });
  }
  verdict judge() override {
    return judged([&] {
      const bool done = read(notes_->done) != 0;
      const errc last = closed_before_ ? errc::closed : drain(*receiver_);
      closed_before_ = false;
      demand_in_order(got_, 0);
      demand(got_.size() >= read(notes_->sent), "a message is lost");
      demand(deaths_ <= 1, "a death is reported twice");
      if (leaving_) demand(!done || deaths_ == 0, "it had left, and is reported as dead");
      else demand(!done || deaths_ == 1, "it had joined, and nobody noticed its death");
      // Who died before it had a lane does not close a channel; everybody else's end is told.
      demand(last == errc::closed || (!leaving_ && got_.empty() && !done), "its end is not told");
      receiver_->close();
      receiver_.reset();
      demand_nothing_left();
      three_lives();
      return std::to_string(got_.size()) + (deaths_ == 1           ? " sent, died"
                                            : last == errc::closed ? " sent, left"
                                                                   : " sent");
    });
  }

 private:
  // While somebody is stopped no end is to be waited for.
  void drain_now() {
    for (;;) {
      auto next = receiver_->front(0, patience::none());
      if (!next) {
        if (next.error() == errc::peer_died) ++deaths_;
        closed_before_ = next.error() == errc::closed;
        return;
      }
      receiver_->release();
      got_.push_back(got_.size());
    }
  }
  bool leaving_, closed_before_ = false;
};

// The receiver of a kept channel dies while it drains what a dead sender left, and reports that one; its successor
// takes over.
class reaping : public on_a_channel {
 public:
  /// Without a lane: the dead one had a place and no lane yet.
  reaping(std::uint64_t messages, bool lane) : on_a_channel(true), messages_(messages), lane_(lane) {}
  void fresh() override {
    on_a_channel::fresh();
    receiver_ = receiver();
    if (lane_) leave_a_dead_sender(messages_);
    else leave_somebody_without_a_lane();
    receiver_.reset();  // the channel is kept, and nobody was told yet
  }
  void victim() override {
    begin();
    const auto mine = receiver();
    for (bool over = false; !over;) {
      auto next = mine->front(0, patience::until_time(deadline::after(120ms)));
      if (next) {
        mine->release();
        write(notes_->got, read(notes_->got) + 1);
      } else if (next.error() == errc::peer_died) {
        write(notes_->reported, read(notes_->reported) + 1);
      } else {
        over = true;
      }
    }
    end();
  }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t before = read(notes_->got);
      receiver_ = receiver();
      const errc last = drain(*receiver_);
      demand(got_.size() + before <= messages_, "a message came twice");
      demand(got_.size() + before + 1 >= messages_, "a message is lost");
      if (!got_.empty()) demand_in_order(got_, messages_ - got_.size());
      // Without a lane, a reporter's death is a report made.
      demand(!lane_ || deaths_ + read(notes_->reported) >= 1 || last == errc::closed, "nobody was told of the death");
      demand(deaths_ <= 1, "a death is reported twice");
      const std::string history = std::to_string(got_.size()) + " came, " + std::to_string(deaths_) + " died";
      receiver_.reset();  // it is kept
      // Each place for a sender can be had again.
      how_.keep = false;
      receiver_ = receiver();
      std::vector<sender_pointer> crowd;
      for (;;) {
        auto one = try_sender();
        if (!one) {
          demand(one.error() == std::errc::no_buffer_space, one.error().message());
          break;
        }
        crowd.push_back(std::move(*one));
      }
      demand(places_ == 0 || crowd.size() == places_,
             "a place for a sender is lost: " + std::to_string(crowd.size()) + " of " + std::to_string(places_));
      if (places_ == 0) places_ = crowd.size();
      crowd.clear();
      receiver_->close();
      receiver_.reset();
      demand_nothing_left();
      how_.keep = true;
      return history;
    });
  }

 private:
  void leave_somebody_without_a_lane() {
    tracee dead([&] {
      const auto mine = meter::record::join(where_.identity(), {}).or_throw();
      begin();
    });
    demand(dead.fault().empty(), dead.fault());
  }
  std::uint64_t messages_;
  bool lane_;
  std::size_t places_ = 0;  // as the first judgement found, of a death before the beginning
};

// Senders make the channel that they keep, without any receiver.
class kept_birth : public on_a_channel {
 public:
  kept_birth() : on_a_channel(true) {}
  void victim() override {
    begin();
    const auto mine = sender();
    send(*mine, 0);
    write(notes_->sent, 1);
    end();
  }
  void partner() override {
    begin();
    const auto mine = try_sender();
    if (!mine && mine.error() != errc::no_peer) write(notes_->refused, 1);
    if (mine) {
      send(**mine, 0);
      write(notes_->reported, 1);
    }
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(notes_->refused) == 0, "a sender was told nonsense");
      const std::string before = left_behind().empty() ? "nothing" : "kept";
      receiver_ = receiver();
      drain(*receiver_);
      demand(got_.size() >= read(notes_->sent) + read(notes_->reported), "a message is lost");
      demand(deaths_ <= 2, "a death is reported twice");
      const std::string history = before + ", " + std::to_string(got_.size()) + " came";
      receiver_.reset();  // it is kept
      how_.keep = false;
      receiver_ = receiver();
      receiver_->close();
      receiver_.reset();
      demand_all_gone();
      demand_no_object();
      three_lives();
      how_.keep = true;
      return history;
    });
  }
};

class closing : public on_a_channel {
 public:
  explicit closing(bool polled, kind of = kind::shm) : on_a_channel(false, of), polled_(polled) {}
  void victim() override {
    auto mine = receiver();
    if (polled_) (void)mine->ready_fd().or_throw();
    begin();
    mine->close();
    write(notes_->done, 1);
    mine.reset();
    end();
  }
  void partner() override {
    begin();
    const auto mine = try_sender();
    if (mine) {
      const std::array<std::byte, 8> bytes{};
      auto sent = (*mine)->send({.payload = bytes}, patience::none());
      if (!sent && sent.error() != errc::closed && sent.error() != errc::peer_died) write(notes_->refused, 1);
    }
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(notes_->refused) == 0, "a sender was told nonsense");
      demand(!try_sender(), "somebody can join the dead");
      const bool there = !left_behind().empty();
      demand(!there || read(notes_->done) == 0, "it had closed, and left behind " + left_behind());
      three_lives();
      return there ? "died" : "closed";
    });
  }

 private:
  bool polled_;
};

}  // namespace

void add_channel_operations(entries& all) {
  all.push_back(row<opening>("channel: open for receiving", steps | pairs, kind::shm));
  all.push_back(row<opening>("channel posix-shm: open for receiving", steps | pairs, kind::posix_shm));
  all.push_back(row<opening>("channel sysv-shm: open for receiving", steps, kind::sysv_shm));
  all.push_back(row<kept_birth>("channel: a sender makes a kept one", steps | pairs));
  all.push_back(row<closing>("channel posix-shm: the receiver closes", steps, false, kind::posix_shm));
  all.push_back(row<closing>("channel sysv-shm: the receiver closes", steps | pairs, false, kind::sysv_shm));
  all.push_back(row<joining>("channel: a sender joins and sends", steps | stops, false));
  all.push_back(row<joining>("channel: a sender sends and leaves", steps | stops, true));
  all.push_back(row<reaping>("channel: reap and take over", steps, std::uint64_t{2}, true));
  all.push_back(row<reaping>("channel: reap one that has no lane yet", steps, std::uint64_t{0}, false));
  all.push_back(row<closing>("channel: the receiver closes", steps | pairs, false));
  all.push_back(row<closing>("channel: a polled receiver closes", steps, true));
}

}  // namespace transom::step
