// tests/soak/lane_roles.hpp - what the children of the lane soak do until they are killed or told to finish.
#pragma once
#include "tests/soak/lane_books.hpp"

namespace transom::soak {

/// Sends on lane `lane` as its books' incarnation, its own way by `seed`.
void be_producer(const round_place& at, unsigned lane, std::uint64_t seed);
/// Receives from all lanes, after whoever did so before.
void be_consumer(const round_place& at, std::uint64_t seed);

}  // namespace transom::soak
