// transom/channel/select_case.hpp - what select() knows of a case, and the rules that do not depend on its type.
//
// select() asks each case to try itself, in random order; the first that can, runs. That is a uniform choice among the
// ready ones without asking first and acting later. Only when none can does it sleep on what the cases name.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"

namespace transom::detail {

/// What became of an attempt.
enum class attempt {
  not_ready,
  ran,     ///< the handler did, and select() returns
  ended,   ///< a channel that will never be ready again, and nobody is to be told
  failed,  ///< `failure` is the result of select()
};

/// What a case sleeps on; all that apply are filled in.
struct waiting_for {
  int fd = -1;
  short want = 0;
  bool look_often = false;  ///< no descriptor of the kernel: try again within a millisecond
  deadline at = deadline::never();
  std::stop_token stop = {};
};

class select_case {
 public:
  enum class kind { channel, timer, stop, other };
  virtual ~select_case() = default;
  virtual kind what() const noexcept = 0;
  /// A channel of which everything has been told.
  virtual bool is_over() const { return false; }
  virtual attempt try_run(std::optional<error>& failure) = 0;
  virtual result<waiting_for> wait_for() = 0;
};

enum class order { random, as_given };

/// `how` is forever, or none for try_select.
result<std::size_t> run_select(std::span<select_case* const> cases, order how, bool nonblocking);

}  // namespace transom::detail
