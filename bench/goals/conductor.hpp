// bench/goals/conductor.hpp - runs one measurement: two fresh processes, told what to do through a page they share.
//
// The processes are this program, executed again with a role, so they inherit nothing but that page; the conductor
// sleeps while they work. Whatever they do, they are gone when measure() returns, and so are their files.
#pragma once
#include <memory>
#include <stop_token>
#include <string>

#include "bench/goals/contender.hpp"
#include "bench/goals/meeting.hpp"
#include "bench/goals/roudi.hpp"
#include "transom/process/child.hpp"
#include "transom/process/command.hpp"

namespace goals {

/// What came of one measurement.
struct answer {
  enum class kind { measured, refused, not_installed, failed } what = kind::failed;
  std::string words;  ///< why there are no numbers
  outcome result;     ///< of both sides together
};

class conductor {
 public:
  /// Makes the run's own directory, on tmpfs, where every file of the run lies. `scheme`: what Transom runs over.
  conductor(std::string scheme, std::stop_token stop);
  conductor(const conductor&) = delete;
  conductor& operator=(const conductor&) = delete;
  ~conductor();

  /// Throws transom::exception with `canceled` when a signal asked to stop.
  answer measure(const contender& who, const task& what);

 private:
  answer run(const contender& who, const task& what);
  meeting prepare(const contender& who, const task& what);
  transom::child start(const meeting& met, bool begins) const;
  /// True: both have ended by themselves and well. Otherwise neither runs any more.
  bool both_ended(transom::child& one, transom::child& other, std::string& words);
  answer judge(const meeting& met, bool ended_well, std::string words) const;
  /// recovery: kills one sender after the other, and is told by its receiver when it knew.
  answer kill_again_and_again(const meeting& met);
  void sweep() const;

  std::string scheme_, directory_;
  std::stop_token stop_;
  std::unique_ptr<roudi> roudi_;
  std::string no_roudi_;
  int measured_ = 0;
};

/// The part of a process that the conductor started: `--side 0` begins, `--side 1` answers. Its exit status.
int take_side(const std::string& which);

}  // namespace goals
