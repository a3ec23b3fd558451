// transom/os/socket_address_test.cpp - addresses are printed as people write them, and names are resolved.
#include "transom/os/socket_address.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace os = transom::os;
using os::address_use;
using os::resolve;

TEST(socket_address, none_is_empty) {
  const os::socket_address none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.text(), "");
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none, os::socket_address());
}

TEST(socket_address, numbers_are_printed_as_they_are_written) {
  for (const char* host : {"127.0.0.1", "[::1]", "[2001:db8::7]"}) {
    const auto found = resolve(host, 4711, address_use::connect).or_throw();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].text(), std::string(host) + ":4711");
    EXPECT_EQ(found[0].port(), 4711);
  }
}

TEST(socket_address, equal_addresses_are_equal) {
  const auto one = resolve("127.0.0.1", 1, address_use::connect).or_throw();
  EXPECT_EQ(one[0], resolve("127.0.0.1", 1, address_use::listen).or_throw()[0]);
  EXPECT_NE(one[0], resolve("127.0.0.1", 2, address_use::connect).or_throw()[0]);
}

TEST(socket_address, a_star_is_every_address_v6_first_and_for_listeners_only) {
  const auto any = resolve("*", 80, address_use::listen).or_throw();
  ASSERT_EQ(any.size(), 2u);
  EXPECT_EQ(any[0].text(), "[::]:80");
  EXPECT_EQ(any[1].text(), "0.0.0.0:80");
  EXPECT_TRUE(resolve("*", 80, address_use::connect).failed_with(std::errc::address_not_available));
}

TEST(socket_address, each_address_of_a_name_comes_once) {
  auto found = resolve("localhost", 80, address_use::connect).or_throw();
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(std::count(found.begin(), found.end(), found[i]), 1) << found[i].text();
  }
}
