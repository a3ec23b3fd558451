// tests/conformance/suite.hpp - what every test of the suite stands on: a place where the two sides meet, a check that
// nothing stays there, and a watchdog.
//
// A test is written once, for one end here and one end with `other`; which mechanism, and whether `other` is a thread
// or a process, is its parameter.
#pragma once
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/conformance/matrix.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/watchdog.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/testing.hpp"
#include "transom/shm/testing.hpp"

namespace transom::conformance {

using namespace std::chrono_literals;
using testing::certificate;
using testing::endless_recv;
using testing::endless_send;
using testing::ledger;
using testing::message_of;
using testing::order;
using testing::outcome_of;
using testing::peer;
using testing::recv_run;
using testing::recv_some;
using testing::run_report;
using testing::send_all_of;
using testing::soon;
using testing::try_send_all_of;
using testing::verb;

class suite : public ::testing::TestWithParam<circumstance> {
 protected:
  suite();
  ~suite() override;
  void TearDown() override;

  const row& here() const { return *GetParam().of; }
  sides as() const { return GetParam().as; }
  /// The row's URL with names of this test's own, and `keys` added.
  std::string url(const std::string& keys = "") const;
  /// What code must say to open this row: that it may lose, where it may.
  options how() const { return {.on_full = here().loses() ? overflow::drop_newest : overflow::block}; }

  /// Brings the two sides together: the named end is here, the other one with `other`.
  void receive_here(const std::string& keys = "");
  void send_here(const std::string& keys = "");
  /// A further sender in a side of its own, for rows that are named.
  peer further_sender();

  /// `count` messages from there to here; each must be whole, once and in order.
  void expect_received(std::int64_t count);
  /// Sends until nothing more goes in for a while, for the kernel moves its buffers by itself; returns how many went.
  std::uint64_t fill_up(std::uint64_t first, std::size_t size);
  const std::string& free_name() const { return name_; }
  std::string key_file() const { return files_ / "key"; }
  run_report receive(std::int64_t count) { return recv_some(*rx, books, here().stream, count); }

  std::optional<receiver<std::string>> rx;
  std::optional<sender<std::string>> tx;
  std::optional<peer> other;
  ledger books;

 private:
  void make_pair(const std::string& keys, bool receiver_is_here);

  testing::watchdog watchdog_;
  shm::testing::scratch records_;
  os::testing::temporary_directory files_;
  std::string name_ = os::testing::unique_name();
  long descriptors_ = 0;
};

/// Fails with everything there is to say about a run.
#define EXPECT_RUN(report, expected_count, expected_outcome)                                        \
  do {                                                                                              \
    const auto the_report = (report);                                                               \
    EXPECT_EQ(the_report.outcome, expected_outcome) << the_report.complaint;                        \
    EXPECT_EQ(the_report.count, static_cast<std::int64_t>(expected_count)) << the_report.complaint; \
  } while (false)

}  // namespace transom::conformance
