// tests/step/lane_fixture.hpp - a lane in shared memory, its two ends, and what every judge of a lane asks.
//
// A message is its number, told by its length and by every byte. The lane has been round one and a half times, so that
// each slot holds what an older lap left there.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/step/fixtures.hpp"
#include "transom/shm/lane_body.hpp"
#include "transom/shm/lane_reader.hpp"
#include "transom/shm/lane_writer.hpp"

namespace transom::step {

using shm::lane_reader;
using shm::lane_writer;

/// What was delivered, and whether as a redelivery.
struct delivery {
  std::uint64_t n = 0;
  bool again = false;
  friend bool operator==(const delivery&, const delivery&) = default;
};

class on_a_lane : public operation {
 public:
  /// `arena_bytes` is what the largest message of an operation needs; every message but the small ones takes all of it
  /// but one unit.
  explicit on_a_lane(std::size_t arena_bytes = 2048) : sizes_{.capacity = 4, .arena_bytes = arena_bytes} {
    const std::size_t bytes = shm::lane_body::bytes_for(sizes_, 1);
    memory_ = os::mapping::anonymous(bytes, os::share::shared).or_throw();
  }
  /// Messages 0 to 4 have come and gone; the writer and the reader of this stage stand at 5.
  void fresh() override {
    writer_.reset();
    reader_.reset();
    std::ranges::fill(memory_.bytes(), std::byte{0});
    shm::lane_body::create(memory_.bytes(), sizes_, 1, 0);
    notes_.renew();
    delivered_.clear();
    writer_ = make_writer();
    reader_ = make_reader();
    for (std::uint64_t n = 0; n < 5; ++n) {
      send(*writer_, n, n % 2 == 0 ? small : large());
      drain(*reader_);
    }
    delivered_.clear();
  }

 protected:
  static constexpr std::size_t small = 24;
  std::size_t large() const { return sizes_.arena_bytes - sizes_.arena_unit; }

  struct notes {
    note shown[16];  // by number of the message: somebody has it before him
    note asked[16];  // its acknowledgement was asked for
    note done[16];   // the operation on it has returned; 2: refused
    note sent[16];   // the partner has sent it
    note damaged;    // somebody had a torn one
  };

  shm::lane_body body() const { return *shm::lane_body::attach(memory_.bytes()); }
  std::unique_ptr<lane_writer> make_writer() const {
    return std::make_unique<lane_writer>(body().lane(0), sizes_, body().control().receiver_waits,
                                         body().control().receiver_bell);
  }
  std::unique_ptr<lane_reader> make_reader() const {
    const shm::lane_memory lane = body().lane(0);
    auto made = std::make_unique<lane_reader>(lane, sizes_, lane.out->waits, lane.in->room_bell);
    made->adopt();
    made->stop_quick_at(~std::uint64_t{0});
    return made;
  }

  static std::vector<std::byte> message(std::uint64_t n, std::size_t size) {
    std::vector<std::byte> bytes(size, static_cast<std::byte>(n * 37 + 1));
    std::memcpy(bytes.data(), &n, sizeof n);
    return bytes;
  }
  static bool is_message(std::span<const std::byte> bytes, std::uint64_t n) {
    return bytes.size() >= sizeof n && std::ranges::equal(bytes, message(n, bytes.size()));
  }
  static void send(lane_writer& by, std::uint64_t n, std::size_t size) {
    demand(by.next() == n, "the sender is at message " + std::to_string(by.next()));
    demand(by.send(message(n, size)) == shm::sent::yes, "a message is refused although there is room");
  }
  /// Takes everything that is there, in the order of delivery.
  void drain(lane_reader& by) {
    shm::lane_front front;
    for (;;) {
      const shm::found what = by.look(front);
      demand(what != shm::found::broken, "the lane is broken");
      if (what != shm::found::message) return;
      demand(is_message(front.payload, front.n), "message " + std::to_string(front.n) + " is torn");
      delivered_.push_back({front.n, front.redelivered});
      by.acknowledge();
    }
  }
  bool came(std::uint64_t n) const {
    return std::ranges::any_of(delivered_, [n](const delivery& one) { return one.n == n; });
  }
  void demand_each_once() const {
    for (const delivery& one : delivered_)
      demand(std::ranges::count(delivered_, one.n, &delivery::n) == 1,
             "message " + std::to_string(one.n) + " came twice");
  }
  /// Three times round, with messages that need the whole arena: nothing may be left in use.
  void three_laps(lane_writer& by, lane_reader& to) {
    const std::uint64_t from = by.next();
    for (std::uint64_t n = from; n < from + 3 * sizes_.slot_count(); ++n) {
      delivered_.clear();
      send(by, n, n % 2 == 0 ? small : large());
      drain(to);
      demand(delivered_ == std::vector<delivery>{{n, false}}, "a message sent afterwards does not arrive as it should");
    }
    demand(!to.any_held(), "a hold is left");
    for (std::uint64_t n = 0; n < sizes_.capacity; ++n) send(by, by.next(), small);
    demand(by.send(message(0, small)) == shm::sent::full, "more room than there is");
    drain(to);
  }

  shm::lane_geometry sizes_;
  shared<notes> notes_;
  std::unique_ptr<lane_writer> writer_;
  std::unique_ptr<lane_reader> reader_;
  std::vector<delivery> delivered_;

 private:
  os::mapping memory_;
};

}  // namespace transom::step
