// transom/os/probe_test.cpp - limits are read as numbers and described for people.
#include "transom/os/probe.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace os = transom::os;

TEST(probe, reads_a_number_and_the_first_of_several) {
  EXPECT_GT(os::read_sysctl("kernel/pid_max").or_throw(), 0);
  EXPECT_GT(os::read_sysctl("kernel/sem").or_throw(), 0);
}

TEST(probe, says_why_there_is_none) {
  auto missing = os::read_sysctl("no/such");
  ASSERT_TRUE(missing.failed_with(std::errc::no_such_file_or_directory));
  EXPECT_EQ(missing.error().url(), "/proc/sys/no/such");
  EXPECT_TRUE(os::read_sysctl("kernel/ostype").failed_with(std::errc::invalid_argument));
}

TEST(probe, what_is_beyond_a_long_is_the_largest_long) {
  EXPECT_GT(os::read_sysctl("kernel/shmmax").or_throw(), std::numeric_limits<long>::max() / 2);
}

TEST(probe, a_description_has_the_name_that_sysctl_takes) {
  EXPECT_EQ(os::described_sysctl("no/such"), "no.such");
  EXPECT_EQ(os::described_sysctl("kernel/pid_max").find("kernel.pid_max is "), 0u);
}
