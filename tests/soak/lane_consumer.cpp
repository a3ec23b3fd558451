// tests/soak/lane_consumer.cpp - a consumer of the lane soak: all ways to receive, over all lanes, after predecessors
// that were killed anywhere. The rules by which it judges what it finds are those of lane_soak.cpp.
#include <sched.h>

#include <memory>
#include <vector>

#include "tests/soak/lane_roles.hpp"
#include "transom/shm/lane_reader.hpp"

namespace transom::soak {
namespace {

using shm::count_of;
using shm::found;

// One lane's reader and the views of it that are out.
class intake {
 public:
  intake(const lane_place& at, round_books& round, defect broken, dice& random)
      : place_(at),
        books_(*at.books),
        round_(round),
        broken_(broken),
        random_(random),
        reader_(at.memory, at.sizes, at.memory.out->waits, at.memory.in->room_bell),
        buffer_(at.carries.usual) {
    settle();
    reader_.adopt();
    views_.reserve(64);
  }

  bool has_something() const noexcept {
    if (!reader_.has_something()) return false;
    return !reader_.is_growing() || is_over();
  }
  bool any_view() const noexcept { return !views_.empty(); }

  // Some messages, if there are any. True: there were.
  bool take_some() {
    bool any = false;
    for (std::uint64_t turn = 1 + random_.below(4); turn != 0; --turn) {
      if (due_again_.empty() && random_.below(8) < 5) any = take_quickly() || any;
      if (round_.bad() != 0 || !take_one()) break;
      any = true;
    }
    if (!views_.empty() && (!any || random_.one_in(2))) release(random_.below(views_.size()));
    return any;
  }
  void release_all() {
    while (!views_.empty()) release(views_.size() - 1);
  }

 private:
  struct shown_view {
    shm::lane_slot* hold;
    std::uint64_t index, count;
    std::span<const std::byte> payload;
  };

  void complain(fault what, const char* why, std::uint64_t count = 1) const noexcept {
    round_.complain(what, count, why);
  }
  bool is_over() const noexcept { return books_.is_dead.load(sync::acquire) != 0; }
  certificate due(std::uint64_t n) const noexcept {
    return {books_.incarnation.load(sync::relaxed), n - books_.first.load(sync::relaxed)};
  }

  // The predecessor's notes against the lane's own words: rules R2 to R4. Made again if we are killed on the way.
  void settle() {
    const std::uint64_t head = place_.head(), passed = books_.passed.load(sync::relaxed);
    if (head < passed) complain(fault::doubled, "head went back behind what was received", passed - head);
    if (head > passed + 1) complain(fault::lost, "head went on beyond what was received", head - passed - 1);
    bool last_is_held = false;
    for (std::uint64_t i = 0; i < place_.sizes.hold_count(); ++i) {
      const std::uint64_t count = count_of(place_.hold_word(i));
      const std::uint64_t shown = books_.shown[i].load(sync::relaxed);
      last_is_held = last_is_held || count == head;
      if (count == 0) {
        if (shown != 0 && books_.releasing[i].load(sync::relaxed) != shown)
          complain(fault::lost, "a view went without having been acknowledged");
        books_.shown[i].store(0, sync::release);
      } else if (count > head) {
        if (count != head + 1 || shown != 0) complain(fault::torn, "a hold names what is not there yet");
        continue;  // never shown: it comes as new
      } else {
        if (shown == 0 && count == head && head == passed + 1) books_.shown[i].store(count, sync::release);
        else if (shown != count) complain(fault::doubled, "a hold names what was acknowledged or never shown");
        due_again_.push_back(count);
      }
      books_.releasing[i].store(0, sync::release);
    }
    std::ranges::sort(due_again_, std::ranges::greater());
    if (head == passed + 1 && !last_is_held) {
      const bool skipped = books_.is_torn.load(sync::relaxed) != 0 && passed == books_.end.load(sync::relaxed);
      (skipped ? books_.skipped : books_.unnoted).fetch_add(1, sync::relaxed);
    }
    books_.passed.store(head, sync::release);
  }

  void pass(std::uint64_t n) noexcept {
    books_.passed.store(n + 1, sync::release);
    round_.handled.store(round_.handled.load(sync::relaxed) + 1, sync::relaxed);
  }
  static void count(word& what) noexcept { what.store(what.load(sync::relaxed) + 1, sync::relaxed); }

  // What came where message n was due.
  void check(std::span<const std::byte> payload, std::uint64_t n) const noexcept {
    const certificate wanted = due(n);
    if (is_message(payload, payload.size(), wanted) && payload.size() == place_.carries.size_of(wanted)) return;
    certificate claimed;
    if (!is_whole(payload, claimed)) return complain(fault::torn, "a message that nobody sent");
    if (claimed.incarnation < wanted.incarnation) return complain(fault::doubled, "a message of a former producer");
    if (claimed.incarnation > wanted.incarnation) return complain(fault::lost, "a message of a later producer");
    if (claimed.sequence > wanted.sequence)
      return complain(fault::lost, "a message beyond the one that was due", claimed.sequence - wanted.sequence);
    complain(fault::doubled, "a message before the one that was due");
  }

  bool take_quickly() {
    reader_.stop_quick_at(reader_.next() + 1024);
    std::array<std::byte, shm::inline_bytes> line;
    std::uint64_t taken = 0;
    for (std::uint64_t most = 64 + random_.below(960); taken < most; ++taken) {
      const std::uint64_t n = reader_.next();
      std::size_t size = 0;
      const auto any_size = [&](std::uint64_t word, std::uint64_t expected) {
        size = shm::kind_of(word);
        return shm::count_of(word) == expected + 1 && size <= shm::inline_bytes;
      };
      if (!reader_.take_quick(any_size, [&](const shm::lane_slot& slot, std::size_t bytes) noexcept {
            shm::copy_out(line.data(), slot, bytes);
          }))
        break;
      check(std::span(line).first(size), n);
      pass(n);
    }
    books_.quick.store(books_.quick.load(sync::relaxed) + taken, sync::relaxed);
    return taken != 0;
  }

  bool take_one() {
    shm::lane_front front;
    const found there = reader_.look(front);
    if (there == found::broken) complain(fault::torn, "the reader found what cannot be");
    if (there == found::growing) return look_at_growing();
    if (there != found::message) {
      if (!due_again_.empty()) complain(fault::lost, "what was shown and not acknowledged did not come again");
      return false;
    }
    if (!due_again_.empty()) {
      take_again(front);
      return true;
    }
    if (front.redelivered) complain(fault::doubled, "a message is said to come again that was never shown");
    if (front.n != books_.passed.load(sync::relaxed)) complain(fault::doubled, "a message of another number");
    if (random_.one_in(3)) return show(front);
    copy(front);
    return true;
  }

  void copy(const shm::lane_front& front) {
    count(books_.copied);
    if (broken_ == defect::acknowledge_late) {
      pass(front.n);
      ::sched_yield();
      reader_.acknowledge();
      return;
    }
    if (broken_ == defect::acknowledge_early) {
      reader_.acknowledge();
      ::sched_yield();
      check(front.payload, front.n);
    } else if (front.payload.size() <= buffer_.size() && random_.one_in(2)) {
      std::ranges::copy(front.payload, buffer_.begin());
      reader_.acknowledge();
      check(std::span(buffer_).first(front.payload.size()), front.n);
    } else {
      check(front.payload, front.n);
      reader_.acknowledge();
    }
    pass(front.n);
  }

  bool show(const shm::lane_front& front) {
    std::span<const std::byte> payload = front.payload;
    shm::lane_slot* const hold = broken_ == defect::no_holds ? free_hold() : reader_.show(payload);
    if (hold == nullptr) {
      if (views_.size() < place_.sizes.hold_count()) complain(fault::leaked, "no hold is free, and too few are used");
      release(random_.below(views_.size()));
      return true;
    }
    if (broken_ == defect::no_holds) reader_.acknowledge();
    const auto index = static_cast<std::uint64_t>(hold - place_.memory.holds());
    books_.shown[index].store(front.n + 1, sync::release);
    pass(front.n);
    payload = payload.first(std::min(front.payload.size(), payload.size()));
    check(payload, front.n);
    views_.push_back({hold, index, front.n + 1, payload});
    count(books_.viewed);
    return true;
  }
  shm::lane_slot* free_hold() const noexcept {
    for (std::uint64_t i = 0; i < place_.sizes.hold_count(); ++i)
      if (books_.shown[i].load(sync::relaxed) == 0) return place_.memory.holds() + i;
    return nullptr;
  }

  // A message that a predecessor had shown: R4. It stays in the hold in which it is.
  void take_again(const shm::lane_front& front) {
    if (!front.redelivered) return complain(fault::doubled, "what comes again is not marked");
    const std::uint64_t wanted = due_again_.back();
    if (front.n + 1 != wanted)
      return complain(front.n + 1 > wanted ? fault::lost : fault::doubled,
                      "another message comes again than was shown");
    due_again_.pop_back();
    check(front.payload, front.n);
    count(books_.redelivered);
    std::uint64_t index = 0;
    while (count_of(place_.hold_word(index)) != wanted) ++index;
    if (random_.one_in(2)) {
      std::span<const std::byte> payload = front.payload;
      shm::lane_slot* const hold = reader_.show(payload);
      views_.push_back({hold, index, wanted, payload});
    } else {
      books_.releasing[index].store(wanted, sync::release);
      reader_.acknowledge();
      forget(index);
    }
    round_.handled.store(round_.handled.load(sync::relaxed) + 1, sync::relaxed);
  }

  bool look_at_growing() {
    const std::uint64_t n = reader_.next();
    const std::span<const std::byte> grown = reader_.grown();
    const certificate wanted = due(n);
    if (grown.size() >= 8 && !is_message(grown, place_.carries.size_of(wanted), wanted))
      complain(fault::torn, "what has grown so far is not of the message");
    if (!is_over() || !reader_.is_growing()) return false;
    if (books_.is_torn.load(sync::relaxed) == 0 || n != books_.end.load(sync::relaxed))
      complain(fault::lost, "a committed message looks as if it never had been whole");
    reader_.skip_torn();
    count(books_.skipped);
    pass(n);
    return true;
  }

  void forget(std::uint64_t index) noexcept {
    books_.shown[index].store(0, sync::release);
    books_.releasing[index].store(0, sync::release);
  }
  void release(std::uint64_t which) {
    const shown_view view = views_[which];
    views_[which] = views_.back();
    views_.pop_back();
    check(view.payload, view.count - 1);  // still what it was
    books_.releasing[view.index].store(view.count, sync::release);
    if (broken_ != defect::no_holds) reader_.release(*view.hold);
    forget(view.index);
    round_.handled.store(round_.handled.load(sync::relaxed) + 1, sync::relaxed);
  }

  const lane_place& place_;
  lane_books& books_;
  round_books& round_;
  const defect broken_;
  dice& random_;
  std::vector<std::uint64_t> due_again_;  // counts, the last one first
  shm::lane_reader reader_;
  std::vector<std::byte> buffer_;
  std::vector<shown_view> views_;
};

}  // namespace

void be_consumer(const round_place& at, std::uint64_t seed) {
  dice random(seed);
  round_books& round = *at.books;
  sync::sleeper waiting(at.control->receiver_waits, at.control->receiver_bell);
  waiting.introduce();
  std::vector<std::unique_ptr<intake>> lanes;
  for (unsigned i = 0; i < at.lane_count; ++i)
    lanes.push_back(std::make_unique<intake>(at.lanes[i], round, at.broken, random));
  const auto any_news = [&] {
    return std::ranges::any_of(lanes, [](const auto& one) { return one->has_something(); }) ||
           round.finish.load(sync::acquire) == 2;
  };
  while (round.bad() == 0) {
    if (at.broken == defect::deaf && random.one_in(16))
      os::futex_wait(&waiting.bell().value, waiting.bell().value.load(sync::relaxed), {std::chrono::seconds(10)});
    bool any = false;
    const std::uint64_t from = random.below(lanes.size());
    for (std::size_t i = 0; i < lanes.size(); ++i) any = lanes[(from + i) % lanes.size()]->take_some() || any;
    if (any || std::ranges::any_of(lanes, [](const auto& one) { return one->any_view(); })) continue;
    if (round.finish.load(sync::acquire) == 2) break;
    waiting.wait(any_news, longest_sleep);
  }
  if (round.bad() == 0) round.finished.store(1, sync::release);
}

}  // namespace transom::soak
