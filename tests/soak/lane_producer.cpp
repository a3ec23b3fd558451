// tests/soak/lane_producer.cpp - a producer of the lane soak: all ways to send, and audits of its own arena.
#include <sched.h>

#include <vector>

#include "tests/soak/lane_roles.hpp"
#include "transom/shm/lane_writer.hpp"

namespace transom::soak {
namespace {

using shm::sent;

class producer {
 public:
  producer(const round_place& at, unsigned lane, std::uint64_t seed)
      : round_(*at.books),
        place_(at.lanes[lane]),
        books_(*place_.books),
        broken_(at.broken),
        random_(seed),
        incarnation_(books_.incarnation.load(sync::relaxed)),
        writer_(place_.memory, place_.sizes, at.control->receiver_waits, at.control->receiver_bell),
        buffer_(place_.carries.largest) {}

  void run() {
    const std::uint64_t first = books_.first.load(sync::relaxed);
    if (writer_.next() != first) {
      return round_.complain(writer_.next() < first ? fault::lost : fault::doubled, 1,
                             "a successor in a drained lane does not begin where its predecessor ended");
    }
    while (round_.finish.load(sync::relaxed) == 0 && round_.bad() == 0) {
      if (random_.one_in(256)) {
        if (!audit()) return;
      }
      for (std::uint64_t row = 64 + random_.below(64); row != 0; --row)
        if (!send_one()) return;
    }
    if (audit()) books_.done.store(1, sync::release);
  }

 private:
  std::span<std::byte> write_into(std::span<std::byte> memory) const noexcept {
    write_message(memory, {incarnation_, sequence_});
    return memory;
  }
  void note() noexcept { books_.sent.store(++sequence_, sync::release); }
  bool fail(const char* why) noexcept {
    round_.complain(fault::torn, 1, why);
    return false;
  }
  // Until there may be room. False: this cannot be.
  bool rest(sent why, std::size_t size) noexcept {
    if (why == sent::closed) return fail("a producer was told that the receiver has closed, which never happened");
    if (why == sent::broken) return fail("a producer found head where it can never be");
    writer_.waiting().wait([&] { return writer_.look_for_room(size) != sent::full; }, longest_sleep);
    return round_.bad() == 0;
  }

  bool send_one() noexcept {
    const std::size_t size = place_.carries.size_of({incarnation_, sequence_});
    const std::span<std::byte> memory(buffer_.data(), size);
    if (size <= shm::inline_bytes) {
      write_into(memory);
      if (writer_.send_quick(memory.data(), size)) {
        note();
        return true;
      }
    } else if (size < traffic::growing && (broken_ == defect::early || random_.one_in(2))) {
      return send_loan(size);
    } else {
      write_into(memory);
    }
    for (;;) {
      const sent became = writer_.send(memory);
      if (became == sent::yes) break;
      if (!rest(became, size)) return false;
    }
    note();
    return true;
  }

  bool claim(std::size_t size, shm::arena_run& run) noexcept {
    for (;;) {
      const sent became = writer_.claim(size, run);
      if (became == sent::yes) return true;
      if (!rest(became, size)) return false;
    }
  }
  bool send_loan(std::size_t size) noexcept {
    shm::arena_run run;
    if (random_.one_in(8)) {
      if (!claim(size, run)) return false;
      write_message(writer_.memory_of(run), {incarnation_, sequence_ + 7});  // never to be seen
      books_.loans_dropped.fetch_add(1, sync::relaxed);
      if (broken_ != defect::forgotten_loans || !random_.one_in(64)) writer_.give_back(run);
    }
    if (!claim(size, run)) return false;
    if (broken_ != defect::early) write_into(writer_.memory_of(run).first(size));
    for (;;) {
      const sent became = writer_.publish_run(run, size);
      if (became == sent::yes) break;
      if (!rest(became, 0)) return false;
    }
    if (broken_ == defect::early) {
      ::sched_yield();
      write_into(writer_.memory_of(run).first(size));
    }
    note();
    return true;
  }

  // Once all is received and acknowledged, the whole arena can be claimed at once.
  bool audit() noexcept {
    const auto is_empty = [this] { return place_.head() == writer_.next() && !place_.any_hold(); };
    while (!is_empty()) {
      writer_.waiting().wait(is_empty, longest_sleep);
      if (round_.bad() != 0) return false;
    }
    shm::arena_run all;
    const std::size_t whole = place_.sizes.arena_bytes;
    if (const sent became = writer_.claim(whole, all); became != sent::yes) {
      round_.complain(fault::leaked, 1, "everything is acknowledged, and the arena is not free as a whole");
      return false;
    }
    writer_.give_back(all);
    books_.audits.fetch_add(1, sync::relaxed);
    return true;
  }

  round_books& round_;
  const lane_place& place_;
  lane_books& books_;
  const defect broken_;
  dice random_;
  const std::uint64_t incarnation_;
  std::uint64_t sequence_ = 0;
  shm::lane_writer writer_;
  std::vector<std::byte> buffer_;
};

}  // namespace

void be_producer(const round_place& at, unsigned lane, std::uint64_t seed) { producer(at, lane, seed).run(); }

}  // namespace transom::soak
