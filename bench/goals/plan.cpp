// bench/goals/plan.cpp - see plan.hpp. The goals' numbers are decisions; each stands here once.
#include "bench/goals/plan.hpp"

#include <algorithm>

namespace goals {
namespace {

constexpr std::size_t kib = 1'024, mib = 1'048'576;
constexpr std::size_t deep = 8'192;  // messages: what hides the transfer of the index
constexpr std::uint32_t until_asleep_us = 200;

struct amounts {
  std::size_t trips, sparse_trips, messages, bytes, openings, kills;
};
constexpr amounts in_full{20'000, 1'000, 10'000'000, 2'048 * mib, 200, 200};
constexpr amounts in_smoke{200, 10, 20'000, 8 * mib, 5, 3};

class planner {
 public:
  explicit planner(bool smoke) : smoke_(smoke), amount_(smoke ? in_smoke : in_full) {}

  std::vector<contest> all() {
    latency();
    streams();
    large();
    loans();
    sleeping();
    adaptive();
    against_sockets();
    life();
    return std::move(plan_);
  }

 private:
  task trip(std::size_t size, wait waiting, shape form = shape::value) const {
    task t{.what = pattern::round_trip, .waiting = waiting, .form = form, .size = size};
    t.count = std::clamp<std::size_t>(amount_.bytes / size / 4, 10, amount_.trips);
    t.warm_up = t.count / 10;
    return t;
  }
  task stream(std::size_t size, std::size_t depth, wait waiting, shape form = shape::value) const {
    task t{.what = pattern::stream, .waiting = waiting, .form = form, .size = size, .depth = depth};
    t.count = std::clamp<std::size_t>(amount_.bytes / size, 10, amount_.messages);
    t.warm_up = std::max<std::size_t>(t.count / 10, std::min(2 * depth, t.count));
    return t;
  }
  // The receiver is asleep when the message comes, and the sender when the answer comes.
  task sparse(std::size_t size) const {
    task t = trip(size, wait::block);
    t.hold_us = until_asleep_us;
    t.count = amount_.sparse_trips;
    t.warm_up = t.count / 10;
    return t;
  }
  static task on_one_core(task t) {
    t.cpu[1] = 0;
    return t;
  }
  static task batched(task t) {  // the ideal: as many lines as payload and sequence word need, index once per 128
    t.batch = 128;
    t.lead = sizeof(std::uint64_t);
    return t;
  }

  static entrant with(const contender& who, task how, std::string label = {}) {
    how.count = std::max<std::size_t>(how.count, 1);
    if (how.what == pattern::stream && how.size < kib) how.count /= who.fewer_messages;
    if (how.what == pattern::round_trip && how.hold_us == 0) how.count /= who.fewer_trips;
    how.count = std::max<std::size_t>(how.count, 4);
    how.warm_up = std::max<std::size_t>(std::min(how.warm_up, how.count), 1);
    return {&who, how, label.empty() ? who.name : std::move(label)};
  }
  void row(std::string title, std::vector<entrant> entrants, std::vector<aim> aims, bool has_reference = true) {
    plan_.push_back({std::move(title), std::move(entrants), std::move(aims), has_reference});
  }
  // The same row with all peers at `how`; in the smoke form only if `first`.
  void against_peers(std::string title, std::vector<entrant> entrants, std::vector<aim> aims, const task& how,
                     bool first, bool has_reference = true) {
    if (first || !smoke_)
      for (const contender* peer : peers()) entrants.push_back(with(*peer, how));
    row(std::move(title), std::move(entrants), std::move(aims), has_reference);
  }

  void latency() {
    const task small = trip(56, wait::spin);
    against_peers("one-way, 56 B, both spin", {with(one_line(), small), with(transom_channel(), small)},
                  {{"P1", figure::time, 1.15}, {"P2", figure::tail99, 1.3}, {"P2", figure::tail999, 3}}, small, true);
    for (const std::size_t size : {64u, 256u, 1'024u, 4'096u}) {
      const task t = trip(size, wait::spin, size < kib ? shape::value : shape::in_place);
      against_peers("one-way, " + std::to_string(size) + " B, both spin",
                    {with(bulk_ring(), t, "bare two-line ring"), with(transom_channel(), t)},
                    {{"P3", figure::time, 1.15}}, t, false);
    }
  }

  void streams() {
    const task spin = stream(56, deep, wait::spin), block = stream(56, deep, wait::block);
    const auto ideal = [&](const task& t) { return with(bulk_ring(), batched(t), "ideal stream"); };
    against_peers("stream, 56 B, each published, both spin", {ideal(spin), with(transom_channel(), spin)},
                  {{"P4", figure::rate, 0.95}}, spin, true);
    against_peers("stream, 56 B, receiver able to sleep (limit: spins)", {ideal(spin), with(transom_channel(), block)},
                  {{"P5", figure::rate, 0.85}}, block, false);
    for (const std::size_t size : {64u, 128u, 256u, 512u}) {
      const task t = stream(size, deep, wait::spin);
      against_peers("stream, " + std::to_string(size) + " B, each published, both spin",
                    {ideal(t), with(transom_channel(), t)}, {{"P6", figure::rate, 0.85}}, t, false);
    }
  }

  void large() {
    const task whole = stream(mib, 8, wait::spin, shape::in_place);
    against_peers("stream, 1 MiB touched, 8 buffers, both spin",
                  {with(bulk_ring(), whole, "bulk buffers"), with(transom_channel(), whole)},
                  {{"P7", figure::rate, 0.97}}, whole, true);
    const task middling = stream(64 * kib, 16, wait::spin, shape::in_place);
    against_peers("stream, 64 KiB touched, 16 buffers, both spin",
                  {with(bulk_ring(), middling, "bulk buffers"), with(transom_channel(), middling)},
                  {{"P7", figure::rate, 0.97}}, middling, false);

    task pieces = trip(mib, wait::spin, shape::in_place);
    task one_piece = pieces;
    one_piece.depth = 2;
    task copied = one_piece;
    copied.form = shape::copied;
    pieces.size = 64 * kib;
    pieces.burst = pieces.depth = 16;
    against_peers("one-way, 1 MiB touched, written and read overlapping in 64 KiB pieces, both spin",
                  {with(bulk_ring(), pieces, "overlapped ring"), with(transom_channel(), pieces, "transom, 16 pieces"),
                   with(bulk_ring(), one_piece, "bare, in one piece"),
                   with(transom_channel(), one_piece, "transom, in one piece"),
                   with(transom_channel(), copied, "transom, copied")},
                  {{"P8", figure::time, 1.05}}, one_piece, true);
  }

  void loans() {
    const task floor = trip(56, wait::spin);
    for (const std::size_t size : {4 * kib, mib}) {
      task t = trip(56, wait::spin, shape::in_place);
      t.size = size;
      t.depth = 8;
      t.touched = false;
      row("one-way, a loan of " + std::to_string(size / kib) + " KiB handed over (one word touched), both spin",
          {with(one_line(), floor, "one line, 56 B"), with(transom_channel(), t), with(iceoryx(), t)},
          {{"P9", figure::time, 1.3}});
    }
    task t = stream(64 * kib, 64, wait::spin, shape::in_place);
    t.touched = false;
    t.count = amount_.messages / 10;
    t.warm_up = t.count / 10;
    entrant peer = with(iceoryx(), t);
    peer.how.count = std::max<std::size_t>(t.count / iceoryx().fewer_messages, 100);
    peer.how.warm_up = peer.how.count / 10;
    row("stream, loans of 64 KiB handed over (untouched), both spin", {with(transom_channel(), t), peer},
        {{"P9", figure::interval, 10}}, false);
  }

  void sleeping() {
    const task two = sparse(56), one = on_one_core(two);
    task polling = two;
    polling.idle_polling = true;
    const auto both = [&](const task& t) {
      return std::vector<entrant>{with(bare_futex(), t), with(transom_channel(), t)};
    };
    against_peers("one-way, 56 B, receiver asleep, two cores", both(two), {{"P10", figure::time, 1.05}}, two, true);
    against_peers("one-way, 56 B, receiver asleep, two cores, idle polling", both(polling),
                  {{"P11", figure::time, 1.10}}, polling, false);
    against_peers("one-way, 56 B, receiver asleep, one core", both(one), {{"P11", figure::time, 1.10}}, one, false);
  }

  void adaptive() {
    const task spin = trip(56, wait::spin), block = trip(56, wait::block), one = on_one_core(block);
    against_peers("one-way, 56 B, waiting by default, two cores (limit: Transom spinning)",
                  {with(transom_channel(), spin, "transom, spinning"), with(transom_channel(), block)},
                  {{"P12", figure::time, 1.3}}, block, false);
    against_peers("one-way, 56 B, waiting by default, one core (limit: sleeping)",
                  {with(bare_futex(), one), with(transom_channel(), one)}, {{"P12", figure::time, 1.15}}, one, false);
  }

  void against_sockets() {
    const auto against = [&](const std::string& title, const task& t) {
      const figure f = t.what == pattern::stream ? figure::rate : figure::time;
      row(title, {with(unix_socket(), t), with(transom_channel(), t)}, {{"P16", f, 1}});
    };
    for (const std::size_t size : {64 * std::size_t{1}, 4 * kib, 64 * kib, mib}) {
      const std::string bytes = size < kib    ? std::to_string(size) + " B"
                                : size == mib ? "1 MiB"
                                              : std::to_string(size / kib) + " KiB";
      const std::size_t depth = size < kib ? 64 : size < mib ? 16 : 4;
      against("one-way, " + bytes + ", both block, two cores", trip(size, wait::block, shape::copied));
      against("one-way, " + bytes + ", both block, one core", on_one_core(trip(size, wait::block, shape::copied)));
      against("stream, " + bytes + ", both block, two cores", stream(size, depth, wait::block, shape::copied));
      if (!smoke_)
        against("stream, " + bytes + ", both block, one core",
                on_one_core(stream(size, depth, wait::block, shape::copied)));
    }
    against("one-way, 64 B, both spin", trip(64, wait::spin, shape::copied));
    task rare = sparse(64);
    rare.form = shape::copied;
    against("one-way, 64 B, receiver asleep, two cores", rare);
  }

  void life() {
    task opening{.what = pattern::open_close, .waiting = wait::block};
    opening.count = amount_.openings;
    opening.warm_up = 2;
    row("open a channel: receiver and sender", {with(transom_opening(), opening)}, {{"P18", figure::absolute, 200'000}},
        false);
    row("memory of an idle default channel", {with(transom_idle(), {.what = pattern::idle_memory, .count = 1})},
        {{"P18", figure::bytes, 128 * 1'024}}, false);
    task kills{.what = pattern::recovery, .waiting = wait::block};
    kills.count = amount_.kills;
    row("from the death of a sender to peer_died, p99", {with(transom_recovery(), kills)},
        {{"P18", figure::late, 5'000'000}}, false);
  }

  bool smoke_;
  amounts amount_;
  std::vector<contest> plan_;
};

}  // namespace

std::vector<contest> make_plan(bool smoke) { return planner(smoke).all(); }

}  // namespace goals
