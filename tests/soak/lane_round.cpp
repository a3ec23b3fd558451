// tests/soak/lane_round.cpp - see lane_round.hpp; the rules are those of lane_soak.cpp.
#include "tests/soak/lane_round.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "tests/soak/lane_roles.hpp"

namespace transom::soak {
namespace {

using namespace std::chrono_literals;
using shm::count_of;
using shm::lane_body;

constexpr std::int64_t most_patience = 2'000'000'000;  // of a watchdog
constexpr std::int64_t longest_step = 10'000'000;      // more of a step between two looks was our own delay

std::int64_t monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

os::mapping make_body(const shm::lane_geometry& sizes, unsigned lanes) {
  auto memory = os::mapping::anonymous(lane_body::bytes_for(sizes, lanes), os::share::shared).or_throw();
  lane_body::create(memory.bytes(), sizes, lanes, 0);
  return memory;
}

}  // namespace

lane_round::lane_round(std::uint64_t seed, defect broken)
    : random_(seed),
      moment_(os::timerfd::make().or_throw()),
      notes_(os::mapping::anonymous(sizeof(round_books), os::share::shared).or_throw()),
      books_(new(notes_.data()) round_books) {
  const unsigned many = 2 + static_cast<unsigned>(random_.below(3));
  const shm::lane_geometry usual{.capacity = random_.one_in(2) ? 16ULL << random_.below(7) : 512 + random_.below(513),
                                 .arena_bytes = (8ULL << random_.below(4)) << 10};
  const shm::lane_geometry large{.capacity = 16 + random_.below(48), .arena_bytes = 1 << 20};
  small_ = make_body(usual, many);
  large_ = make_body(large, 1);
  const auto some = lane_body::attach(small_.bytes()), one = lane_body::attach(large_.bytes());
  place_.books = books_;
  place_.broken = broken;
  place_.control = &some->control();
  const std::size_t most = usual.arena_bytes / (2 + random_.below(15));
  for (unsigned i = 0; i < many; ++i)
    place_.lanes[i] = {some->lane(i), usual, {.usual = most, .largest = most}, &books_->lanes[i]};
  place_.lanes[many] = {one->lane(0), large, {.usual = 4096, .largest = 600 << 10}, &books_->lanes[many]};
  place_.lane_count = many + 1;
}

lane_round::~lane_round() {
  const auto end = [](pid_t pid) {
    if (pid == 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  };
  end(consumer_);
  for (const lane_watch& lane : lanes_) end(lane.pid);
}

pid_t lane_round::start(const auto& role) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    role();
  } catch (const std::exception& why) {
    complain(fault::torn, std::string("a child threw: ") + why.what());
  }
  ::_exit(0);
}

void lane_round::start_consumer() {
  const std::uint64_t seed = random_();
  consumer_ = start([&] { be_consumer(place_, seed); });
}

void lane_round::start_producer(unsigned lane) {
  lane_books& notes = books_->lanes[lane];
  notes.incarnation.store(++incarnations_, sync::relaxed);
  notes.first.store(place_.lanes[lane].head(), sync::relaxed);
  notes.sent.store(0, sync::relaxed);
  notes.is_torn.store(0, sync::relaxed);
  notes.is_dead.store(0, sync::release);
  const std::uint64_t seed = random_();
  lanes_[lane].at = stage::running;
  lanes_[lane].pid = start([&] { be_producer(place_, lane, seed); });
}

// It died by our hand; anything else is a finding.
void lane_round::reap(pid_t pid, const char* who) {
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {}
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && (finishing_ || books_->bad() != 0)) return;
  complain(fault::torn, std::string(who) + (WIFSIGNALED(status) ? " died of signal " + std::to_string(WTERMSIG(status))
                                                                : " ended by itself"));
}

// R1, while the consumer may go on taking: behind the head that we saw, nothing is overwritten any more.
void lane_round::judge_dead_producer(unsigned lane) {
  lane_books& notes = books_->lanes[lane];
  const lane_place& at = place_.lanes[lane];
  const std::uint64_t first = notes.first.load(sync::relaxed), head = at.head();
  const auto slot_of = [&](std::uint64_t n) {
    return at.memory.slots()[n & (at.sizes.slot_count() - 1)].word.load(sync::acquire);
  };
  std::uint64_t end = head;
  while (end - head < at.sizes.slot_count() && count_of(slot_of(end)) == end + 1) ++end;
  const bool torn = end != head && shm::kind_of(slot_of(end - 1)) == shm::slot_kind::growing;
  if (torn) --end;
  const std::uint64_t committed = end - first, noted = notes.sent.load(sync::relaxed);
  if (committed < noted) complain(fault::lost, "a dead producer had sent more than is there", noted - committed);
  if (committed > noted + 1) complain(fault::doubled, "a dead producer left more than it sent", committed - noted - 1);
  messages_ += committed;
  notes.end.store(end, sync::relaxed);
  notes.is_torn.store(torn ? 1 : 0, sync::relaxed);
  notes.is_dead.store(1, sync::release);
  place_.control->receiver_bell.ring_loudly();
}

bool lane_round::is_drained(unsigned lane) const {
  const lane_books& notes = books_->lanes[lane];
  const std::uint64_t end = notes.end.load(sync::relaxed) + notes.is_torn.load(sync::relaxed);
  return place_.lanes[lane].head() == end && notes.passed.load(sync::acquire) == end && !place_.lanes[lane].any_hold();
}

void lane_round::kill_one(soak_totals& totals) {
  std::array<unsigned, round_books::most_lanes> running{};
  std::size_t count = 0;
  for (unsigned i = 0; i < place_.lane_count; ++i)
    if (lanes_[i].at == stage::running) running[count++] = i;
  ++totals.kills;
  if (count == 0 || random_.below(5) < 2) {
    ++totals.consumer_kills;
    ::kill(consumer_, SIGKILL);
    reap(consumer_, "a consumer");
    if (consumer_died_ != 0) ++totals.uncounted;  // its predecessor never made progress
    consumer_died_ = monotonic_ns();
    handled_then_ = books_->handled.load(sync::relaxed);
    start_consumer();
    return;
  }
  const unsigned lane = running[random_.below(count)];
  lane_watch& victim = lanes_[lane];
  ++totals.producer_kills;
  ::kill(victim.pid, SIGKILL);
  reap(victim.pid, "a producer");
  victim.pid = 0;
  victim.at = stage::draining;
  if (victim.died != 0) ++totals.uncounted;
  victim.died = monotonic_ns();
  judge_dead_producer(lane);
  const lane_books& notes = books_->lanes[lane];
  victim.behind = notes.end.load(sync::relaxed) + notes.is_torn.load(sync::relaxed);
}

// Successors for the dead whose lanes are drained, and how long that took.
void lane_round::supervise(soak_totals& totals) {
  const std::int64_t now = monotonic_ns();
  if (consumer_died_ != 0 && books_->handled.load(sync::relaxed) != handled_then_) {
    totals.recovery_after_consumer.push_back(static_cast<std::uint64_t>(now - consumer_died_));
    consumer_died_ = 0;
  }
  for (unsigned i = 0; i < place_.lane_count; ++i) {
    lane_watch& lane = lanes_[i];
    if (lane.died != 0 && place_.lanes[i].head() > lane.behind) {
      totals.recovery_after_producer.push_back(static_cast<std::uint64_t>(now - lane.died));
      lane.died = 0;
    }
    if (lane.at == stage::draining && !finishing_ && is_drained(i)) start_producer(i);
  }
  watch(totals);
}

// Everything that changes when anybody makes progress.
std::uint64_t lane_round::signature() const {
  std::uint64_t all = books_->handled.load(sync::relaxed);
  for (unsigned i = 0; i < place_.lane_count; ++i) {
    const lane_books& notes = books_->lanes[i];
    all = mixed(all + notes.sent.load(sync::relaxed)) + notes.audits.load(sync::relaxed) + place_.lanes[i].head() +
          notes.incarnation.load(sync::relaxed) + notes.done.load(sync::relaxed);
  }
  return all;
}

void lane_round::begin_calm() {
  calm_ = true;
  calm_lasted_ = 0;
  for (unsigned i = 0; i < place_.lane_count; ++i) {
    lane_watch& lane = lanes_[i];
    lane.head_then = place_.lanes[i].head();
    lane.sent_then = books_->lanes[i].sent.load(sync::relaxed);
    lane.incarnation_then = books_->lanes[i].incarnation.load(sync::relaxed);
  }
}

bool lane_round::calm_is_over() const {
  for (unsigned i = 0; i < place_.lane_count; ++i) {
    const lane_watch& lane = lanes_[i];
    const lane_books& notes = books_->lanes[i];
    if (lane.at != stage::running || place_.lanes[i].head() == lane.head_then) return false;
    if (notes.sent.load(sync::relaxed) == lane.sent_then &&
        notes.incarnation.load(sync::relaxed) == lane.incarnation_then)
      return false;
  }
  return true;
}

// R6: nobody moves, or in a calm somebody does not.
void lane_round::watch(soak_totals& totals) {
  const std::int64_t now = monotonic_ns();
  const std::int64_t step = last_watch_ == 0 ? 0 : std::min(now - last_watch_, longest_step);
  last_watch_ = now;
  const std::uint64_t seen = signature();
  unchanged_ = seen == last_signature_ ? unchanged_ + step : 0;
  last_signature_ = seen;
  if (unchanged_ > most_patience) complain(fault::wedged, "nobody moves");
  if (!calm_) return;
  calm_lasted_ += step;
  if (calm_is_over()) {
    calm_ = false;
    ++totals.calms;
  } else if (calm_lasted_ > most_patience * place_.lane_count) {
    complain(fault::wedged, "a lane stands still although both its ends live");
  }
}

void lane_round::pause(std::chrono::nanoseconds time) {
  moment_.once(time).or_throw();
  (void)moment_.take().or_throw();
}

void lane_round::run(const round_limits& limits, soak_totals& totals) {
  const std::int64_t begin = monotonic_ns();
  const std::uint64_t kills_before = totals.kills;
  start_consumer();
  for (unsigned i = 0; i < place_.lane_count; ++i) start_producer(i);
  std::int64_t next_kill = begin;
  std::uint64_t until_calm = 64;
  while (books_->bad() == 0 && monotonic_ns() - begin < limits.time.count()) {
    supervise(totals);
    const std::int64_t now = monotonic_ns();
    if (now < next_kill || calm_) {
      pause(std::chrono::nanoseconds(std::clamp<std::int64_t>(next_kill - now, 50'000, 200'000)));
      continue;
    }
    const std::uint64_t kills = totals.kills - kills_before;
    if (kills >= limits.kills) break;
    if (static_cast<double>(kills) * limits.messages_per_kill > static_cast<double>(messages_) + 1e6) {
      next_kill = now + 5'000'000;  // kills are ahead of messages
      std::uint64_t so_far = 0;
      for (unsigned i = 0; i < place_.lane_count; ++i)
        if (lanes_[i].at == stage::running) so_far += books_->lanes[i].sent.load(sync::relaxed);
      if (static_cast<double>(kills) * limits.messages_per_kill > static_cast<double>(messages_ + so_far)) continue;
    }
    kill_one(totals);
    const std::uint64_t kind = random_.below(16);
    next_kill = monotonic_ns() + static_cast<std::int64_t>(kind < 3    ? random_.below(200'000)  // while they are born
                                                           : kind < 15 ? 200'000 + random_.below(800'000)
                                                                       : random_.below(6'000'000));
    if (--until_calm == 0) {
      until_calm = 32 + random_.below(128);
      begin_calm();
    }
  }
  finish(totals);
}

// All come to an end: producers first, then the consumer; R5 and R7.
void lane_round::finish(soak_totals& totals) {
  finishing_ = true;
  calm_ = false;
  unchanged_ = 0;
  books_->finish.store(1, sync::release);
  const auto all = [&](auto what) {
    for (unsigned i = 0; i < place_.lane_count; ++i)
      if (!what(i)) return false;
    return true;
  };
  const auto await = [&](auto what) {
    while (books_->bad() == 0 && !what()) {
      supervise(totals);
      pause(200us);
    }
  };
  await([&] {
    return all([&](unsigned i) {
      return lanes_[i].at == stage::running ? books_->lanes[i].done.load(sync::acquire) == 1 : is_drained(i);
    });
  });
  for (unsigned i = 0; i < place_.lane_count; ++i) {
    lane_watch& lane = lanes_[i];
    if (lane.at != stage::running) continue;
    if (books_->bad() != 0) ::kill(lane.pid, SIGKILL);
    reap(lane.pid, "a producer");
    lane.pid = 0;
    judge_dead_producer(i);
    if (books_->bad() == 0 && (!is_drained(i) || books_->lanes[i].is_torn.load(sync::relaxed) != 0))
      complain(fault::lost, "a producer that had ended in good order left something");
  }
  books_->finish.store(2, sync::release);
  place_.control->receiver_bell.ring_loudly();
  await([&] { return books_->finished.load(sync::acquire) == 1; });
  if (books_->bad() != 0) ::kill(consumer_, SIGKILL);
  reap(consumer_, "a consumer");
  consumer_ = 0;
  for (unsigned i = 0; i < place_.lane_count && books_->bad() == 0; ++i)
    if (place_.lanes[i].any_hold()) complain(fault::leaked, "a hold is still in use at the end");
  add_to(totals);
}

void lane_round::add_to(soak_totals& totals) const {
  ++totals.rounds;
  totals.messages += messages_;
  for (unsigned i = 0; i < place_.lane_count; ++i) {
    const lane_books& notes = books_->lanes[i];
    totals.quick += notes.quick.load(sync::relaxed);
    totals.copied += notes.copied.load(sync::relaxed);
    totals.viewed += notes.viewed.load(sync::relaxed);
    totals.redelivered += notes.redelivered.load(sync::relaxed);
    totals.torn_tails += notes.skipped.load(sync::relaxed);
    totals.unnoted += notes.unnoted.load(sync::relaxed);
    totals.audits += notes.audits.load(sync::relaxed);
    totals.loans_dropped += notes.loans_dropped.load(sync::relaxed);
  }
  for (unsigned i = 0; i < fault_kinds; ++i) totals.faults[i] += books_->faults[i].load(sync::relaxed);
  if (books_->bad() != 0) totals.complaints.emplace_back(books_->complaint.data());
}

}  // namespace transom::soak
