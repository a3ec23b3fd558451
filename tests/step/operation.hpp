// tests/step/operation.hpp - what is killed, and who says whether the survivors may see what they see.
//
// An operation lives in a stage, a process that makes fresh state, forks the victim, ends it somewhere, and judges
// itself: with the memory, the handles and the directory the survivors would have. A stage that does not come back is
// a result (campaign.hpp), so a judge may simply do what a survivor does.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace transom::step {

/// What the survivors found: one of the legal histories ("nothing", "sent"), or what is wrong.
struct verdict {
  std::string history;
  std::string wrong;  ///< empty: nothing

  static verdict bad(std::string what) { return {.history = "bad", .wrong = std::move(what)}; }
};

class operation {
 public:
  operation() = default;
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;
  virtual ~operation() = default;

  /// In the stage: everything new, as if there had been nobody before.
  virtual void fresh() = 0;
  /// In a child: prepare, begin(), the operation, end(). Must not look at anything that differs from run to run.
  virtual void victim() = 0;
  /// In the stage, once the victim is dead: which history, or what is wrong. Then three laps of reuse.
  virtual verdict judge() = 0;

  /// The other one of a pair, in another child: prepare, begin(), something that meets the operation, end().
  virtual void partner() {}
  /// In the stage, while the victim stands still and lives: what is wrong, or empty.
  virtual std::string while_stopped() { return {}; }
  /// In the stage, once a victim that was stopped has reached its end. It still lives.
  virtual std::string after_stop() { return {}; }
};

enum class proof : unsigned { step = 1, pairs = 2, stop = 4 };

/// One row of a proof.
struct entry {
  std::string name;
  unsigned proofs = 1;  ///< which of `proof`
  bool must_fail = false;
  std::uint64_t most = 0;  ///< even in full, no more points than this: a copy of 300 KB is the same instruction often
  std::function<std::unique_ptr<operation>()> make;
  bool in(proof which) const noexcept { return (proofs & static_cast<unsigned>(which)) != 0; }
};

inline constexpr unsigned steps = 1, pairs = 2, stops = 4;

template <typename Operation, typename... Args>
entry row(std::string name, unsigned proofs, Args... args) {
  return {std::move(name), proofs, false, 0, [=] { return std::make_unique<Operation>(args...); }};
}
template <typename Operation, typename... Args>
entry control(std::string name, unsigned proofs, Args... args) {
  return {std::move(name), proofs, true, 0, [=] { return std::make_unique<Operation>(args...); }};
}

using entries = std::vector<entry>;
/// The list (all.cpp), and what it is made of.
entries all_entries();
void add_ring_controls(entries&);
void add_lock_controls(entries&);
void add_wake_operations(entries&);
void add_segment_operations(entries&);
void add_participant_operations(entries&);
void add_record_operations(entries&);
void add_lane_send_operations(entries&);
void add_lane_receive_operations(entries&);
void add_channel_operations(entries&);
void add_memfd_operations(entries&);
void add_object_operations(entries&);
void add_lock_operations(entries&);
void add_event_operations(entries&);
void add_semaphore_operations(entries&);

}  // namespace transom::step
