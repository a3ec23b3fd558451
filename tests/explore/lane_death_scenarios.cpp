// tests/explore/lane_death_scenarios.cpp - the shipping lane when either side is killed at any step: nothing committed
// is lost, nothing acknowledged comes again, and what was shown comes again marked.
#include "tests/explore/lane_world.hpp"

namespace transom::explore {

namespace {

constexpr std::uint64_t first_value = 100, successors_value = 200;

// What each side knew, written by it alone and read by the judge.
struct ledger {
  std::uint64_t noted = 0, received = 0;  // by the first sender; of its messages
  std::array<bool, 4> taking{}, taken{};  // by the first receiver: begun to show or take; shown or taken
  std::array<bool, 4> releasing{};
  std::array<int, 4> again{}, marked{};  // by the second receiver
  bool in_order = true;
};

void build_sender_dies(world& w) {
  const lane_setting on = make_lane(w);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  auto& book = w.make<ledger>();
  const std::size_t first = w.thread("sender 1",
                                     [on, &book] {
                                       lane_sender out(on);
                                       for (std::uint64_t n = 0; n < 3; ++n) {
                                         out.send(first_value + n);
                                         book.noted = n + 1;
                                       }
                                     },
                                     {.may_die = true});
  w.thread("sender 2", [on, first] {
    await_end(first);
    lane_sender out(on);
    out.send(successors_value);
  });
  w.thread("receiver", [on, &book] {
    lane_receiver in(on);
    for (;;) {
      const std::uint64_t value = in.receive();
      if (value == successors_value) return;
      expect(value == first_value + book.received, "in order, once each");
      ++book.received;
    }
  });
  w.at_end([&book]() -> std::string {
    if (book.received < book.noted) return "a committed message is lost";
    return book.received <= book.noted + 1 ? "" : "a message that was not sent";
  });
}

// The successor of a receiver: takes what is there until the sender has ended.
void be_successor(const lane_setting& on, std::size_t sender, ledger& book) {
  lane_receiver in(on);
  in.waiting.introduce();
  in.reader.adopt();
  std::uint64_t last = 0;
  for (bool over = false; !over;) {
    const std::uint32_t changes = on.room->changes.load(sync::acquire);
    over = changes != 0 || is_over(sender);
    shm::lane_front front;
    for (;;) {
      const shm::found what = in.reader.look(front);
      expect(what != shm::found::broken, "the sender keeps to the rules");
      if (what != shm::found::message) break;
      const std::uint64_t n = lane_receiver::value_of(front.payload) - first_value;
      expect(n < 4 && n == front.n, "a message is the one that was sent");
      book.in_order = book.in_order && (last == 0 || last < n + 1);
      last = n + 1;
      ++book.again[n];
      book.marked[n] += front.redelivered;
      in.reader.acknowledge();
    }
    const auto ready = [&] { return in.reader.has_something() || on.room->changes.load(sync::acquire) != changes; };
    if (!over) in.waiting.wait(ready, {});
  }
}

template <std::uint64_t Messages, bool Views, bool InArena>
void build_receiver_dies(world& w) {
  const lane_setting on = make_lane(w);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  auto& book = w.make<ledger>();
  const std::size_t sender = w.thread("sender", [on] {
    lane_sender out(on);
    for (std::uint64_t n = 0; n < Messages; ++n)
      InArena ? out.send_in_arena(first_value + n) : out.send(first_value + n);
    lane_sender::announce_change(on);
  });
  const std::size_t receiver =
      w.thread("receiver 1",
               [on, &book] {
                 lane_receiver in(on);
                 for (std::uint64_t n = 0; n < Messages; ++n) {
                   shm::lane_front front;
                   if (!Views) {
                     book.taking[n] = true;
                     expect(in.receive() == first_value + n, "in order, once each");
                     book.taken[n] = true;
                     continue;
                   }
                   while (in.reader.look(front) == shm::found::nothing) in.wait();
                   book.taking[n] = true;
                   shm::lane_slot* const hold = in.reader.show(front.payload);
                   book.taken[n] = true;
                   expect(lane_receiver::value_of(front.payload) == first_value + n, "a view has what was sent");
                   book.releasing[n] = true;
                   in.reader.release(*hold);
                 }
               },
               {.may_die = true});
  w.thread("receiver 2", [on, sender, receiver, &book] {
    await_end(receiver);
    be_successor(on, sender, book);
  });
  w.at_end([&book]() -> std::string {
    for (std::size_t n = 0; n < Messages; ++n) {
      const bool finished = Views ? book.releasing[n] : book.taken[n];
      if (book.again[n] > 1) return "a message comes twice";
      if (!book.taking[n] && book.marked[n] != 0) return "a message is marked that nobody was shown";
      if (!Views && book.taken[n] && book.again[n] != 0) return "an acknowledged message comes again";
      if (Views && book.taken[n] && book.again[n] != book.marked[n]) return "a message that was shown comes as new";
      const bool in_flight = !Views && book.taking[n];
      if (!finished && !in_flight && book.again[n] == 0) return "a message is lost";
    }
    return book.in_order ? "" : "out of order";
  });
}

}  // namespace

std::vector<scenario> lane_death_scenarios() {
  return {{"lane: the sender is killed", "lane", build_sender_dies, false, 1, 0},
          {"lane: the receiver is killed", "lane", build_receiver_dies<3, false, false>, false, 1, 0},
          {"lane: the receiver is killed with views", "lane", build_receiver_dies<2, true, false>, false, 1, 0},
          {"lane: the receiver is killed with views in the arena", "lane", build_receiver_dies<3, true, true>, false, 1,
           0}};
}

}  // namespace transom::explore
