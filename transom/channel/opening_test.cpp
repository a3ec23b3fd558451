// transom/channel/opening_test.cpp - what is refused before anything is created, and why.
#include "transom/channel/opening.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "transom/channel/channel_pair.hpp"

using transom::errc;
using transom::receiver;
using transom::sender;

namespace {

// A name that is never created: everything here is refused first.
std::string unused(const std::string& keys = "") {
  return "unix:///tmp/transom-never-made-" + std::to_string(::getpid()) + keys;
}
template <typename Opened>
std::string detail_of(const Opened& opened) {
  return opened ? "it opened" : std::string(opened.error().detail());
}

}  // namespace

TEST(opening, a_missing_feature_is_named_with_the_scheme_and_nothing_is_made) {
  auto refused = receiver<int>::open(unused(), {.require = transom::zero_copy | transom::priorities});
  ASSERT_TRUE(refused.failed_with(errc::unsupported));
  EXPECT_EQ(detail_of(refused), "unix: does not have zero_copy, priorities");
  EXPECT_NE(::access(unused().substr(7).c_str(), F_OK), 0);
  EXPECT_THROW(receiver<int>(unused(), {.require = transom::zero_copy}), transom::exception);
}

TEST(opening, loss_is_asked_for_in_code_and_not_by_the_url) {
  auto refused = sender<int>::open("udp://127.0.0.1:9?on_full=drop_newest");
  ASSERT_TRUE(refused.failed_with(errc::unsupported));
  EXPECT_EQ(detail_of(refused),
            "udp: does not have reliable, ordered, backpressure; a program that can lose messages says so with a drop_ "
            "policy");
  using transom::detail::required_features;
  constexpr auto safe = transom::reliable | transom::ordered | transom::backpressure;
  EXPECT_EQ(required_features({}), safe);
  EXPECT_EQ(required_features({.on_full = transom::overflow::fail}), safe);
  EXPECT_EQ(required_features({.on_full = transom::overflow::drop_newest, .require = transom::types}), transom::types);
}

TEST(opening, foreign_framing_carries_only_what_it_can) {
  EXPECT_TRUE(receiver<int>::open(unused("?framing=line")).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver<transom::bytes>::open(unused("?framing=line")).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver<int>::open(unused("?framing=raw")).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver<transom::fd>::open(unused("?framing=length")).failed_with(errc::unsupported));
}

TEST(opening, a_variable_is_one_step) {
  ASSERT_EQ(::setenv("TRANSOM_TEST_LOOP", "env:TRANSOM_TEST_LOOP", 1), 0);
  ASSERT_EQ(::setenv("TRANSOM_TEST_URL", unused("?framing=line").c_str(), 1), 0);
  auto unset = receiver<int>::open("env:TRANSOM_TEST_NOT_SET");
  ASSERT_TRUE(unset.failed_with(errc::bad_url));
  EXPECT_EQ(detail_of(unset), "the environment variable TRANSOM_TEST_NOT_SET is not set");
  EXPECT_TRUE(receiver<int>::open("env:TRANSOM_TEST_LOOP").failed_with(errc::bad_url));
  auto led = receiver<int>::open("env:TRANSOM_TEST_URL");
  ASSERT_TRUE(led.failed_with(errc::unsupported));
  EXPECT_EQ(led.error().url(), unused("?framing=line"));
  ::unsetenv("TRANSOM_TEST_LOOP");
  ::unsetenv("TRANSOM_TEST_URL");
}

TEST(opening, a_bad_url_is_refused) { EXPECT_TRUE(sender<int>::open("unx:///tmp/x").failed_with(errc::bad_url)); }

TEST(opening, plain_and_packed_forms_are_never_mixed) {
  using transom::detail::describes_plain;
  EXPECT_TRUE(describes_plain("point{i32, bool}"));
  EXPECT_TRUE(describes_plain("enum u8"));
  EXPECT_TRUE(describes_plain("bytes_like{[u8; 4], long f64}/16"));
  EXPECT_FALSE(describes_plain("{i32, optional<bool>}"));
  EXPECT_FALSE(describes_plain("{[u8], u8}"));
  EXPECT_FALSE(describes_plain("string"));
}
