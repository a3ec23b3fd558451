// tests/conformance/suite.cpp - see suite.hpp.
#include "tests/conformance/suite.hpp"

#include <sys/socket.h>

#include <fstream>

#include "transom/channel/channel_pair.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/posix_queue.hpp"
#include "transom/os/sysv_queue.hpp"

namespace transom::conformance {
namespace {

std::string test_name() {
  const auto* running = ::testing::UnitTest::GetInstance()->current_test_info();
  return std::string(running->test_suite_name()) + "." + running->name();
}

std::string with_keys(std::string text, const std::string& keys) {
  if (!keys.empty()) text += (text.find('?') == std::string::npos ? "?" : "&") + keys;
  return text;
}

}  // namespace

suite::suite() : watchdog_(test_name()) {
  std::ofstream(files_ / "key") << "for ftok";
  descriptors_ = os::testing::open_descriptors();
}

suite::~suite() = default;

void suite::TearDown() {
  rx.reset();
  tx.reset();
  other.reset();
  EXPECT_LE(os::testing::open_descriptors(), descriptors_) << "a descriptor is left";
  for (const auto& entry : os::names_in(records_.path(), 9).value_or(std::vector<std::string>()))
    ADD_FAILURE() << entry << " is left among the records";
  for (const auto& entry : std::filesystem::directory_iterator(files_.path()))
    EXPECT_EQ(entry.path().filename(), "key") << "a file is left";
  if (os::posix_queue::open("/" + name_)) {
    ADD_FAILURE() << "a POSIX queue is left";
    os::posix_queue::unlink("/" + name_).ignore();
  }
  if (auto queue = os::sysv_queue::open(files_ / "key", 1)) {
    ADD_FAILURE() << "a System V queue is left";
    queue->remove().ignore();
  }
}

std::string suite::url(const std::string& keys) const {
  return with_keys(here().url_at(files_ / "object", name_, files_ / "key"), keys);
}

void suite::make_pair(const std::string& keys, bool receiver_is_here) {
  testing::endowment theirs;
  if (here().meets == meeting::anonymous) {
    auto both = channel<std::string>::open(with_keys(here().url, keys)).or_throw();
    if (receiver_is_here) {
      rx.emplace(std::move(both.rx));
      theirs.tx.emplace(std::move(both.tx));
    } else {
      tx.emplace(std::move(both.tx));
      theirs.rx.emplace(std::move(both.rx));
    }
    other.emplace(as(), std::move(theirs));
    const auto adopted = receiver_is_here ? other->adopt_sender() : other->adopt_receiver();
    ASSERT_EQ(adopted.outcome, "ok") << adopted.complaint;
    return;
  }
  fd for_receiver, for_sender;
  if (std::string_view(here().pair) == "pipe") {
    auto both = os::pipe::make().or_throw();
    for_receiver = std::move(both.reader).release();
    for_sender = std::move(both.writer).release();
  } else {
    int both[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
    for_receiver = fd(both[0]);
    for_sender = fd(both[1]);
  }
  const std::string suffix = keys.empty() ? "" : "?" + keys;
  theirs.descriptor = std::move(receiver_is_here ? for_sender : for_receiver);
  other.emplace(as(), std::move(theirs));
  if (receiver_is_here) {
    rx.emplace("fd:" + std::to_string(for_receiver.release()) + suffix);
    const auto adopted = other->adopt_sender(suffix);
    ASSERT_EQ(adopted.outcome, "ok") << adopted.complaint;
  } else {
    tx.emplace("fd:" + std::to_string(for_sender.release()) + suffix);
    const auto adopted = other->adopt_receiver(suffix);
    ASSERT_EQ(adopted.outcome, "ok") << adopted.complaint;
  }
}

void suite::receive_here(const std::string& keys) {
  if (!here().named()) return make_pair(keys, true);
  rx.emplace(url(keys), how());
  other.emplace(as());
  const auto opened = other->open_sender(rx->url(), here().loses());
  ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
}

void suite::send_here(const std::string& keys) {
  if (!here().named()) return make_pair(keys, false);
  other.emplace(as());
  const auto opened = other->open_receiver(url(keys), here().loses());
  ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
  tx.emplace(opened.complaint, how());
}

peer suite::further_sender() {
  peer one(as());
  const auto opened = one.open_sender(rx->url(), here().loses());
  EXPECT_EQ(opened.outcome, "ok") << opened.complaint;
  return one;
}

std::uint64_t suite::fill_up(std::uint64_t first, std::size_t size) {
  const auto settled = here().has(crosses_hosts) ? 600ms : 50ms;  // tcp probes a closed window every 200 ms
  std::uint64_t accepted = 0;
  for (;;) {
    const auto tried = try_send_all_of(*tx, {.first = first + accepted, .count = -1, .size = size});
    EXPECT_EQ(tried.outcome, "would_block") << tried.complaint;
    accepted += static_cast<std::uint64_t>(tried.count);
    const auto waited = tx->send_for(message_of({.sequence = first + accepted, .size = size}), settled);
    if (!waited) {
      EXPECT_EQ(outcome_of(waited), "timed_out");
      return accepted;
    }
    ++accepted;
  }
}

void suite::expect_received(std::int64_t count) { EXPECT_RUN(receive(count), count, "ok"); }

}  // namespace transom::conformance
