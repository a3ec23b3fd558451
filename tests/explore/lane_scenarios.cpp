// tests/explore/lane_scenarios.cpp - the shipping lane between two live sides: in order, once each, nothing overwritten
// while it is read, nobody asleep for ever; and closing it.
#include "tests/explore/lane_world.hpp"

namespace transom::explore {

namespace {

constexpr std::uint64_t first_value = 100;

// More messages than slots: both sides wait for each other.
template <std::uint64_t Messages, bool SenderRegistered = true, bool ReceiverRegistered = true>
void build_stream(world& w) {
  const lane_setting on = make_lane(w);
  w.outside_is_registered(ReceiverRegistered);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  w.thread("sender",
           [on] {
             lane_sender out(on);
             for (std::uint64_t n = 0; n < Messages; ++n) out.send(first_value + n);
           },
           {.registered = SenderRegistered});
  w.thread("receiver",
           [on] {
             lane_receiver in(on);
             for (std::uint64_t n = 0; n < Messages; ++n)
               expect(in.receive() == first_value + n, "in order, once each");
           },
           {.registered = ReceiverRegistered});
}

// The receiver closes while the sender waits for room.
void build_close_while_waiting(world& w) {
  const lane_setting on = make_lane(w);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  w.thread("sender", [on] {
    lane_sender out(on);
    std::uint64_t n = 0;
    while (n < 4 && out.send(first_value + n)) ++n;
    expect(n < 4, "nothing is accepted for ever");
  });
  w.thread("receiver", [on] {
    lane_receiver in(on);
    expect(in.receive() == first_value, "in order, once each");
    in.waiting.close();
    in.reader.ring_loudly();
  });
}

// A sender follows one that left in good order; the receiver may still be behind.
void build_successor(world& w) {
  const lane_setting on = make_lane(w);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  const std::size_t first = w.thread("sender 1", [on] {
    lane_sender out(on);
    for (std::uint64_t n = 0; n < 2; ++n) out.send(first_value + n);
  });
  w.thread("sender 2", [on, first] {
    await_end(first);
    lane_sender out(on);
    out.send(first_value + 2);
  });
  w.thread("receiver", [on] {
    lane_receiver in(on);
    for (std::uint64_t n = 0; n < 3; ++n) expect(in.receive() == first_value + n, "in order, once each");
  });
}

// The first view is released by another thread while the receiver goes on. Inline, its bytes are the hold's; in the
// arena, which has room for `room` messages, they are where the sender put them.
struct handed_over {
  shm::lane_reader* reader = nullptr;
  shm::lane_slot* hold = nullptr;
  std::span<const std::byte> payload;
  sync::atomic<std::uint32_t> ready, done;
};
template <std::uint64_t Messages, std::uint64_t Room>
void build_views(world& w) {
  lane_setting on = make_lane(w);
  on.sizes.arena_bytes = Room * 64;
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  auto& hand = w.make<handed_over>();
  w.thread("sender", [on] {
    lane_sender out(on);
    for (std::uint64_t n = 0; n < Messages; ++n)
      Room == 0 ? out.send(first_value + n) : out.send_in_arena(first_value + n);
  });
  w.thread("receiver", [on, &hand] {
    lane_receiver in(on);
    for (std::uint64_t n = 0; n < Messages; ++n) {
      shm::lane_front front;
      while (in.reader.look(front) == shm::found::nothing) in.wait();
      shm::lane_slot* const hold = in.reader.show(front.payload);
      expect(hold != nullptr, "there is a free hold");
      expect(lane_receiver::value_of(front.payload) == first_value + n, "in order, once each");
      if (n != 0) {
        in.reader.release(*hold);
        continue;
      }
      hand.reader = &in.reader;
      hand.hold = hold;
      hand.payload = front.payload;
      raise(hand.ready);
    }
    await(hand.done);
  });
  w.thread("viewer", [&hand] {
    await(hand.ready);
    expect(lane_receiver::value_of(hand.payload) == first_value, "a view keeps its bytes");
    hand.reader->release(*hand.hold);
    raise(hand.done);
  });
}

// A claimed run is given back by another thread, while the sender waits for it. The bell is not the sender's process's
// to write, so a wake that comes before the sleep is lost, and the bound covers it.
void build_give_back(world& w) {
  lane_setting on = make_lane(w);
  on.sizes.arena_bytes = 64;
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  struct loan {
    lane_sender* sender = nullptr;
    shm::arena_run run;
    sync::atomic<std::uint32_t> ready, done;
  };
  auto& lent = w.make<loan>();
  w.thread("sender", [on, &lent] {
    lane_sender out(on);
    lent.sender = &out;
    expect(out.writer.claim(64, lent.run) == shm::sent::yes, "an empty arena has room");
    raise(lent.ready);
    out.send_in_arena(first_value);
    await(lent.done);
  });
  w.thread("borrower", [&lent] {
    await(lent.ready);
    plain_write(lent.sender->writer.memory_of(lent.run).data(), 8);
    lent.sender->writer.give_back(lent.run);
    raise(lent.done);
  });
}

// A message of 256 KiB is read behind the writer.
void build_growing(world& w) {
  static const std::array<std::byte, 256 << 10> payload{};
  shm::lane_geometry sizes{.capacity = 2, .arena_bytes = payload.size(), .arena_unit = 64};
  const lane_setting on = make_lane(w, sizes);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  w.thread("sender", [on] {
    lane_sender out(on);
    expect(out.writer.send(payload) == shm::sent::yes, "an empty arena has room");
  });
  w.thread("receiver", [on] {
    lane_receiver in(on);
    shm::lane_front front;
    std::size_t read = 0;
    while (read < payload.size()) {
      const shm::found what = in.reader.look(front);
      expect(what != shm::found::broken, "the sender keeps to the rules");
      const auto there = what == shm::found::growing   ? in.reader.grown()
                         : what == shm::found::message ? front.payload
                                                       : std::span<const std::byte>();
      expect(there.size() >= read, "it does not shrink");
      if (there.size() > read) plain_read(there.data() + read, there.size() - read);
      if (there.size() == read) in.waiting.wait([&] { return in.reader.grown().size() > read; }, {});
      read = there.size();
    }
  });
}

// One thread sends quickly while another one closes: what was accepted is there when close() returns.
struct closing {
  alignas(64) std::array<std::byte, sizeof(lane_sender)> sender;
  alignas(64) std::array<std::byte, sizeof(lane_receiver)> receiver;
  sync::atomic<std::uint32_t> ready;
  std::uint64_t there_at_close = 0, accepted = 0, taken = 0, head_at_close = 0;
};
void build_writer_close(world& w) {
  const lane_setting on = make_lane(w);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  auto& shared = w.make<closing>();
  auto* const out = reinterpret_cast<lane_sender*>(shared.sender.data());
  w.thread("sender", [on, &shared, out] {
    new (out) lane_sender(on);
    out->send(first_value);
    shared.accepted = 1;
    raise(shared.ready);
    std::byte bytes[8]{};
    if (out->writer.send_quick(bytes, 8)) shared.accepted = 2;
  });
  w.thread("closer", [on, &shared, out] {
    await(shared.ready);
    out->writer.close();
    while (shm::count_of(on.lane.slots()[shared.there_at_close].word.load(sync::acquire)) ==
               shared.there_at_close + 1 &&
           ++shared.there_at_close < 2) {}
  });
  w.at_end([&shared]() -> std::string {
    return shared.there_at_close == shared.accepted ? "" : "a message was accepted that is not there after close()";
  });
}

void build_reader_close(world& w) {
  const lane_setting on = make_lane(w);
  sync::sleeper(on.room->receiver_waits, on.room->receiver_bell).introduce();
  auto& shared = w.make<closing>();
  auto* const in = reinterpret_cast<lane_receiver*>(shared.receiver.data());
  w.thread("receiver", [on, &shared, in] {
    lane_sender out(on);
    out.send(first_value);
    out.send(first_value + 1);
    new (in) lane_receiver(on);
    raise(shared.ready);
    std::uint64_t value = 0;
    if (in->reader.receive_quick(reinterpret_cast<std::byte*>(&value), 8)) ++shared.taken;
    in->reader.stop_quick_at(~std::uint64_t{0} >> 1);
    if (in->reader.receive_quick(reinterpret_cast<std::byte*>(&value), 8)) ++shared.taken;
  });
  w.thread("closer", [on, &shared, in] {
    await(shared.ready);
    in->reader.close();
    shared.head_at_close = on.lane.in->head.load(sync::relaxed);
  });
  w.at_end([&shared]() -> std::string {
    return shared.head_at_close == shared.taken ? "" : "a message was taken after close()";
  });
}

}  // namespace

std::vector<scenario> lane_scenarios() {
  return {{"lane: three messages", "lane", build_stream<3>, false, 0, 0},
          {"lane: four messages", "lane", build_stream<4>, false, 0, 1},
          {"lane: a sender without membarrier", "lane", build_stream<3, false, true>, false, 0, 0},
          {"lane: a receiver without membarrier", "lane", build_stream<3, true, false>, false, 0, 0},
          {"lane: closed while the sender waits", "lane", build_close_while_waiting, false, 0, 0},
          {"lane: a sender follows another", "lane", build_successor, false, 0, 0},
          {"lane: views in the arena, released by another thread", "lane", build_views<2, 1>, false, 0, 0},
          {"lane: inline views, released by another thread", "lane", build_views<3, 0>, false, 0, 0},
          {"lane: room given back by another thread", "lane", build_give_back, false, 0, 0, true},
          {"lane: a message that grows", "lane", build_growing, false, 0, 0},
          {"lane: the sender closes", "lane", build_writer_close, false, 0, 0},
          {"lane: the receiver closes", "lane", build_reader_close, false, 0, 0}};
}

}  // namespace transom::explore
