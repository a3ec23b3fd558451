// tests/conformance/main.cpp - the suite, which is also the program that its other sides are.
#include <gtest/gtest.h>

#include "tests/support/peer.hpp"

int main(int count, char** arguments) {
  transom::testing::play_the_peer_if_told();
  ::testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
