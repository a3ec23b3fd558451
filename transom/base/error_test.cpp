// transom/base/error_test.cpp - errors compare with both vocabularies and compose one sentence.
#include "transom/base/error.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "transom/base/bytes.hpp"
#include "transom/base/clock.hpp"

using namespace std::chrono_literals;
using transom::errc;
using transom::error;
using transom::place;
using transom::result;

TEST(error, a_code_equals_the_posix_word_where_posix_has_one) {
  EXPECT_EQ(error(errc::timed_out, "recv"), std::errc::timed_out);
  EXPECT_EQ(error(errc::would_block, "recv"), std::errc::resource_unavailable_try_again);
  EXPECT_EQ(error(errc::canceled, "recv"), std::errc::operation_canceled);
  EXPECT_EQ(error(errc::message_too_large, "send"), std::errc::message_size);
  EXPECT_EQ(error(errc::unsupported, "open"), std::errc::not_supported);
  EXPECT_EQ(error(errc::owner_died, "lock"), std::errc::owner_dead);
  EXPECT_EQ(error::system(13, "open"), std::errc::permission_denied);
  EXPECT_FALSE(error::system(13, "open") == errc::closed);
}

TEST(error, the_sentence_names_operation_place_peer_and_detail) {
  const error died = error(errc::peer_died, "recv", place("unix:///run/x", "signal 11")).with_peer(4711);
  EXPECT_EQ(died.message(), "recv unix:///run/x: peer pid 4711 died (signal 11)");
  EXPECT_EQ(error(errc::closed, "send").message(), "send: closed");
  EXPECT_EQ(error::system(2, "open", place("/x", "no such directory")).message(),
            "open /x: No such file or directory: no such directory");
}

TEST(result, failed_with_is_safe_on_success_and_or_throw_throws) {
  result<int> good = 7;
  EXPECT_FALSE(good.failed_with(errc::closed));
  EXPECT_EQ(std::move(good).or_throw(), 7);
  result<std::unique_ptr<int>> bad = error(errc::no_peer, "open", place("tcp://h:1"));
  EXPECT_TRUE(bad.failed_with(errc::no_peer));
  try {
    std::move(bad).or_throw();
    FAIL();
  } catch (const transom::exception& e) {
    EXPECT_STREQ(e.what(), "open tcp://h:1: no peer");
    EXPECT_EQ(e.reason(), errc::no_peer);
  }
}

TEST(deadline, saturates_and_never_has_negative_time_left) {
  EXPECT_TRUE(transom::deadline::after(std::chrono::hours::max()).is_never());
  EXPECT_TRUE(transom::deadline::after(-5s).expired());
  EXPECT_FALSE(transom::deadline::after(1h).expired());
  EXPECT_TRUE(transom::deadline::at(std::chrono::system_clock::now() - 1s).expired());
}

TEST(bytes, integers_have_the_byte_order_that_was_asked_for) {
  std::array<std::byte, 4> raw{};
  transom::store_le(raw.data(), std::uint32_t{0x01020304});
  EXPECT_EQ(raw[0], std::byte{4});
  EXPECT_EQ(transom::load_be<std::uint32_t>(raw.data()), 0x04030201u);
}
