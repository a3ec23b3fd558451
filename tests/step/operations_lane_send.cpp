// tests/step/operations_lane_send.cpp - the sending side of a lane (transom/shm/lane_writer.hpp).
//
// Oracle: a message is there whole or not at all, and it is there if send() had returned; those before it are there in
// any case. The successor goes on behind the last one, and the whole lane and arena are his.
#include "tests/step/lane_fixture.hpp"

namespace transom::step {
namespace {

enum class way { quick, in_line, in_arena, loaned, loan_dropped, growing };

// Message 5 waits to be read, message 6 is being sent. The partner reads what is there.
class sending : public on_a_lane {
 public:
  explicit sending(way how) : on_a_lane(how == way::growing ? 300 << 10 : 2048), how_(how) {}
  void fresh() override {
    on_a_lane::fresh();
    send(*writer_, 5, small);
    payload_ = message(6, how_ == way::quick || how_ == way::in_line ? small : large());
  }
  void victim() override {
    const auto mine = make_own_writer();
    begin();
    const bool sent = send_six(*mine);
    write(notes_->done[6], sent ? 1 : 2);
    end();
  }
  void partner() override {
    const auto mine = make_reader();
    begin();
    shm::lane_front front;
    for (int looks = 0; looks < 3; ++looks) {
      if (mine->look(front) != shm::found::message) continue;
      if (!is_message(front.payload, front.n)) write(notes_->damaged, 1);
      mine->acknowledge();
      if (front.n < 16) write(notes_->shown[front.n], 1);
    }
    end();
  }
  std::string while_stopped() override {
    return complaint([&] {
      drain(*reader_);
      demand(came(5), "the message before it is lost");
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      drain(*reader_);
      demand(came(6) == (how_ != way::loan_dropped), "the message did not come");
      demand_each_once();
    });
  }
  verdict judge() override {
    return judged([&]() -> std::string {
      demand(read(notes_->done[6]) != 2, "it was refused although there is room");
      demand(read(notes_->damaged) == 0, "the receiver saw a torn message");
      const auto heir = make_reader();
      std::uint64_t head = heir->next();
      for (const auto n : numbers{5, 6})
        demand(read(notes_->shown[n]) == 0 || head > n, "an acknowledged message is there again");
      drain(*heir);
      shm::lane_front front;
      const bool torn = heir->look(front) == shm::found::growing;
      if (torn) heir->skip_torn();
      demand_each_once();
      for (; head > 5; --head) delivered_.push_back({head - 1, false});
      demand(came(5), "the message before it is lost");
      demand(read(notes_->done[6]) == 0 || how_ == way::loan_dropped || came(6), "it was sent, and did not come");
      demand(!came(6) || how_ != way::loan_dropped, "a message that was not sent");
      const std::string history = torn ? "torn" : came(6) ? "sent" : "nothing";
      const auto successor = make_writer();
      demand(successor->first() == heir->next(), "the successor begins at another message");
      three_laps(*successor, *heir);
      if (how_ == way::loan_dropped) return read(notes_->done[6]) == 0 ? "nothing" : "dropped";
      return history;
    });
  }

 private:
  // A sender of its own, as if it had sent message 5: it may, because messages below head and 5 are small.
  std::unique_ptr<lane_writer> make_own_writer() const {
    auto mine = make_writer();
    (void)mine->look_for_room(small);  // so that send_quick() may go on
    return mine;
  }
  bool send_six(lane_writer& by) {
    shm::arena_run run;
    switch (how_) {
      case way::quick: return by.send_quick(payload_.data(), small);
      case way::in_line:
      case way::in_arena:
      case way::growing: return by.send(payload_) == shm::sent::yes;
      case way::loaned:
        if (by.claim(payload_.size(), run) != shm::sent::yes) return false;
        std::ranges::copy(payload_, by.memory_of(run).begin());
        return by.publish_run(run, payload_.size()) == shm::sent::yes;
      case way::loan_dropped:
        if (by.claim(payload_.size(), run) != shm::sent::yes) return false;
        std::ranges::copy(payload_, by.memory_of(run).begin());
        by.give_back(run);
        return true;
    }
    return false;
  }
  way how_;
  std::vector<std::byte> payload_;
};

// The next sender of a lane dies while it takes over: the one after it has to find the same.
class succeeding : public on_a_lane {
 public:
  void victim() override {
    begin();
    const auto mine = make_writer();
    const bool sent = mine->send(message(5, large())) == shm::sent::yes;
    mine->close();
    write(notes_->done[5], sent && mine->send(message(6, small)) == shm::sent::closed ? 1 : 2);
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(notes_->done[5]) != 2, "it was refused, or went on after its end");
      drain(*reader_);
      demand(delivered_.size() <= 1 && (read(notes_->done[5]) == 0 || came(5)), "it was sent, and did not come");
      const bool sent = came(5);
      const auto next = make_writer();
      demand(next->first() == (sent ? 6u : 5u), "the successor begins at another message");
      three_laps(*next, *reader_);
      return sent ? "sent" : "nothing";
    });
  }
};

}  // namespace

void add_lane_send_operations(entries& all) {
  all.push_back(row<sending>("lane: send, quick", steps | pairs | stops, way::quick));
  all.push_back(row<sending>("lane: send, in line", steps | pairs | stops, way::in_line));
  all.push_back(row<sending>("lane: send, in the arena", steps | pairs | stops, way::in_arena));
  all.push_back(row<sending>("lane: send, loaned", steps | pairs | stops, way::loaned));
  all.push_back(row<sending>("lane: loan dropped", steps | stops, way::loan_dropped));
  all.push_back(row<sending>("lane: send, growing", steps | stops, way::growing));
  all.back().most = 4000;
  all.push_back(row<succeeding>("lane: sender succeeds, sends, closes", steps));
}

}  // namespace transom::step
