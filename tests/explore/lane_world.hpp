// tests/explore/lane_world.hpp - a lane of two slots in shared memory, and ends of it that do what the transport's do.
#pragma once
#include <cstring>
#include <optional>

#include "tests/explore/world.hpp"
#include "transom/shm/lane_reader.hpp"
#include "transom/shm/lane_writer.hpp"

namespace transom::explore {

/// What the body of a channel holds besides the lane.
struct lane_room {
  sync::wait_word receiver_waits;
  sync::bell_word receiver_bell;
  sync::atomic<std::uint32_t> changes;
};

struct lane_setting {
  shm::lane_geometry sizes{.capacity = 2, .arena_bytes = 128, .arena_unit = 64};
  shm::lane_memory lane;
  lane_room* room = nullptr;
};

inline lane_setting make_lane(world& w, const shm::lane_geometry& sizes = lane_setting().sizes) {
  lane_setting made{.sizes = sizes, .lane = {}};
  made.room = &w.make<lane_room>();
  made.lane.in = reinterpret_cast<shm::lane_in*>(w.bytes(made.sizes.in_bytes()));
  made.lane.out = reinterpret_cast<shm::lane_out*>(w.bytes(made.sizes.out_bytes()));
  const auto declare = [&](shm::lane_slot& slot, const char* name) {
    w.data(slot.payload.data(), sizeof slot.payload);
    w.name(&slot.word, name);
  };
  for (std::size_t i = 0; i < 2; ++i) {
    declare(made.lane.slots()[i], i == 0 ? "slot 0" : "slot 1");
    declare(made.lane.holds()[i], i == 0 ? "hold 0" : "hold 1");
  }
  w.name(&made.room->receiver_waits, "W_r");
  w.name(&made.room->receiver_bell, "B_r");
  w.name(&made.lane.in->head, "head");
  w.name(&made.lane.in->room_bell, "B_s");
  w.name(&made.lane.out->waits, "W_s");
  return made;
}

/// A flag between threads of one process, beside the lane.
inline void raise(sync::atomic<std::uint32_t>& flag) {
  flag.store(1, sync::release);
  os::futex_wake_all(&flag);
}
inline void await(sync::atomic<std::uint32_t>& flag) {
  while (flag.load(sync::acquire) == 0) os::futex_wait(&flag, 0, {});
}

/// The sending end. Construct it in its thread.
struct lane_sender {
  explicit lane_sender(const lane_setting& on)
      : writer(on.lane, on.sizes, on.room->receiver_waits, on.room->receiver_bell) {}

  /// As lane_body::announce_change(): the receiver looks whether this end is still there.
  static void announce_change(const lane_setting& on) {
    on.room->changes.fetch_add(1, sync::release);
    on.room->receiver_bell.ring_loudly();
  }

  /// Eight bytes. False: the receiver has closed, or `given_up()`.
  template <typename GivenUp>
  bool send(std::uint64_t value, GivenUp given_up) {
    std::byte bytes[8];
    std::memcpy(bytes, &value, 8);
    for (;;) {
      if (writer.send_quick(bytes, 8)) return true;
      const shm::sent how = writer.send(bytes);
      if (how == shm::sent::yes) return true;
      expect(how != shm::sent::broken, "the receiver keeps to the rules");
      if (how == shm::sent::closed || given_up()) return false;
      writer.waiting().wait([&] { return writer.look_for_room(8) != shm::sent::full; }, {});
    }
  }
  bool send(std::uint64_t value) {
    return send(value, [] { return false; });
  }
  /// Eight bytes by way of the arena.
  bool send_in_arena(std::uint64_t value) {
    for (;;) {
      shm::arena_run run;
      shm::sent how = writer.claim(64, run);
      if (how == shm::sent::yes) {
        plain_write(writer.memory_of(run).data(), 8);
        std::memcpy(writer.memory_of(run).data(), &value, 8);
        how = writer.publish_run(run, 8);
      }
      if (how == shm::sent::yes) return true;
      expect(how == shm::sent::full, "the receiver keeps to the rules and is there");
      writer.waiting().wait([&] { return writer.look_for_room(64) != shm::sent::full; }, {});
    }
  }

  shm::lane_writer writer;
};

/// The receiving end. Construct it in its thread, after introduce().
struct lane_receiver {
  explicit lane_receiver(const lane_setting& on)
      : reader(on.lane, on.sizes, on.lane.out->waits, on.lane.in->room_bell),
        waiting(on.room->receiver_waits, on.room->receiver_bell) {
    reader.stop_quick_at(~std::uint64_t{0} >> 1);
  }

  static std::uint64_t value_of(std::span<const std::byte> payload) {
    std::uint64_t value = 0;
    expect(payload.size() == 8, "a message has the length it was sent with");
    plain_read(payload.data(), 8);
    std::memcpy(&value, payload.data(), 8);
    return value;
  }
  /// The next message, if there is one, by copy.
  std::optional<std::uint64_t> try_receive() {
    std::uint64_t value = 0;
    if (reader.receive_quick(reinterpret_cast<std::byte*>(&value), 8)) return value;
    shm::lane_front front;
    const shm::found what = reader.look(front);
    expect(what != shm::found::broken, "the sender keeps to the rules");
    if (what != shm::found::message) return {};
    value = value_of(front.payload);
    reader.acknowledge();
    return value;
  }
  void wait() {
    waiting.wait([&] { return reader.has_something(); }, {});
  }
  std::uint64_t receive() {
    for (;;) {
      if (const auto value = try_receive()) return *value;
      wait();
    }
  }

  shm::lane_reader reader;
  sync::sleeper waiting;
};

}  // namespace transom::explore
