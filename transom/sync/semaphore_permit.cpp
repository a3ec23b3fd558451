// transom/sync/semaphore_permit.cpp - permits: taken, given back, and settled for the dead. See semaphore.hpp.
#include <algorithm>

#include "transom/os/fork_guard.hpp"
#include "transom/os/futex.hpp"
#include "transom/sync/membership.hpp"
#include "transom/sync/semaphore.hpp"
#include "transom/sync/semaphore_taking.hpp"

namespace transom::sync {
namespace {

// `more` of a note about a permit: what has become of it in bits 0..7; how many times the note was claimed in 8..39,
// which a successor in the row goes on with; the life of the row in 40..63. So no claim looks like an earlier one.
enum class state : std::uint8_t { idle, claimed, held, returned };
state state_of(std::uint64_t more) noexcept { return static_cast<state>(more & 0xff); }
std::uint64_t with(std::uint64_t more, state now) noexcept {
  return (more & ~std::uint64_t{0xff}) | static_cast<std::uint64_t>(now);
}
std::uint64_t next_claim(std::uint64_t more, std::uint32_t participant) noexcept {
  std::uint64_t times = ((more >> 8) + 1) & 0xffffffff;
  if ((times & 0xffff) == 0) times = (times + 1) & 0xffffffff;  // a tag is never 0
  return std::uint64_t{participant >> 8} << 40 | times << 8 | static_cast<std::uint64_t>(state::claimed);
}

constexpr unsigned row_of(std::uint32_t participant) noexcept { return participant & 0xff; }

// The upper half of the word.
struct tag {
  static constexpr std::uint32_t given_back = 1;
  static constexpr std::uint32_t pack(unsigned row, unsigned index, std::uint64_t more) noexcept {
    return static_cast<std::uint32_t>((more >> 8 & 0xffff) << 16 | row << 8 | index << 1);
  }
  static constexpr unsigned row(std::uint32_t of) noexcept { return of >> 8 & 0xff; }
  static constexpr unsigned index(std::uint32_t of) noexcept { return of >> 1 & 0x7f; }
};
static_assert(notes_each <= 128);

std::uint32_t tag_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 32); }
std::uint64_t with_tag(std::uint64_t lower, std::uint32_t upper) noexcept { return std::uint64_t{upper} << 32 | lower; }

// What a count step about this note writes, and what it will be recognised by.
std::uint32_t tag_for(const membership& in, const note& about, std::uint32_t participant, std::uint64_t more) noexcept {
  const unsigned row = row_of(participant);
  return tag::pack(row, static_cast<unsigned>(&about - in.notes_of(row).data()), more);
}

void advance(note& of, std::uint64_t more, state to) noexcept {
  of.more.compare_exchange(more, with(more, to), sync::release, relaxed);  // E3
}

}  // namespace

void semaphore::help(const membership& in, std::uint64_t word) noexcept {
  const std::uint32_t named = tag_of(word);
  if (named == 0 || tag::row(named) >= in.rows()) return;
  const std::span<note> notes = in.notes_of(tag::row(named));
  if (tag::index(named) >= notes.size()) return;
  note& about = notes[tag::index(named)];
  const bool given_back = (named & tag::given_back) != 0;
  const std::uint64_t more = about.more.load(sync::acquire);  // E3
  if (state_of(more) != (given_back ? state::held : state::claimed) || (more >> 8 & 0xffff) != named >> 16) return;
  // The note may have gone on to another semaphore, whose business it is; not while the tag is here and it speaks of
  // us. SUBTLE: only the tag is looked at again. The count may move and come back, and the caller's step succeed after
  // all.
  if (about.object.load(relaxed) != in.offset_of(this) || tag_of(word_.load(relaxed)) != named) return;
  advance(about, more, given_back ? state::returned : state::held);
}

bool semaphore::take_for(const membership& in, note& mine, std::uint64_t& word, std::uint64_t bit) noexcept {
  help(in, word);
  const std::uint64_t more = mine.more.load(relaxed);
  const std::uint64_t next = with_tag(((word & lower_half) - one) | bit, tag_for(in, mine, in.id(), more));
  if (!word_.compare_exchange(word, next, acq_rel, sync::acquire)) return false;  // E1 E2
  advance(mine, more, state::held);
  return true;
}

// For the holder, and for those who settle what it left. Whoever comes late finds that nothing is to be done.
void semaphore::give_back(const membership& in, note& taken, std::uint32_t participant) noexcept {
  const std::uint64_t more = taken.more.load(relaxed);
  if (state_of(more) != state::held || more >> 40 != participant >> 8) return;  // or it is a successor's by now
  const std::uint32_t done = tag_for(in, taken, participant, more) | tag::given_back;
  for (;;) {
    std::uint64_t word = word_.load(sync::acquire);  // E1 E2
    if (tag_of(word) == done) break;
    if (taken.more.load(relaxed) != more) return;  // S4
    help(in, word);
    const std::uint64_t lower = word & lower_half & ~somebody;
    const std::uint64_t next = with_tag(count_of(word) == most ? lower : lower + one, done);
    if (!word_.compare_exchange(word, next, sync::release, relaxed)) continue;  // E1 E2
    if ((word & somebody) != 0) os::futex_wake(&word_, 1);
    break;
  }
  advance(taken, more, state::returned);
}

result<permit> semaphore::hold_as(const patience& how) {
  const standing* me = standing_at(this);
  if (me == nullptr) return error(errc::forked, "hold");
  if (how.stop.stop_requested()) return error(errc::canceled, "hold");
  membership& in = *me->in;
  note* mine = in.take_note();
  if (mine == nullptr)
    return error::system(static_cast<int>(std::errc::no_buffer_space), "hold")
        .with_detail("a process has 128 locks, permits and waits in one memory at most");
  mine->more.store(next_claim(mine->more.load(relaxed), in.id()), relaxed);
  in.write_note(*mine, note_kind::holds_permit, this, me->thread);
  const auto taken = wait_and_take(
      in, how, "hold", [&](std::uint64_t& word, std::uint64_t bit) { return take_for(in, *mine, word, bit); });
  if (!taken) {
    in.return_note(*mine);
    return taken.error();
  }
  return permit(*this, *mine);
}

permit::permit(semaphore& of, note& taken) noexcept : of_(&of), note_(&taken), epoch_(os::fork_epoch()) {}

void permit::release() noexcept {
  semaphore* of = std::exchange(of_, nullptr);
  if (of == nullptr || epoch_ != os::fork_epoch()) return;
  const standing* me = standing_at(of);
  if (me == nullptr) return;
  of->give_back(*me->in, *note_, me->in->id());
  me->in->return_note(*note_);
}

void settle_permit(const membership& in, note& left, std::uint64_t about) noexcept {
  const std::uint64_t offset = left.object.load(relaxed);
  void* at = offset % alignof(semaphore) == 0 ? in.object_at(offset, sizeof(semaphore)) : nullptr;
  const std::uint64_t more = left.more.load(relaxed);
  if (at != nullptr) {
    semaphore& of = *static_cast<semaphore*>(at);
    const std::uint32_t gone = note::participant_of(about);
    const std::uint32_t named = tag_of(of.word_.load(sync::acquire));  // E2
    if (state_of(more) == state::claimed && named == tag_for(in, left, gone, more)) advance(left, more, state::held);
    of.give_back(in, left, gone);  // S3: looks again at what the note says
  }
  left.about.compare_exchange(about, 0, sync::release, relaxed);  // E2
}

}  // namespace transom::sync
