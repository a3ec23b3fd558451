// tests/explore/sync_room.hpp - the membership that code of transom/sync meets under exploration: a row of notes for
// each thread, and deaths that the scenario has the kernel's word for.
#pragma once
#include <functional>

#include "tests/explore/world.hpp"

namespace transom::explore {

/// Rows of notes in shared memory, for an object of the scenario's. What is returned is called by each thread first,
/// with the row that it takes. `deaths_show`: the row is the number of the thread, and is_gone() says what has become
/// of it.
std::function<void(unsigned)> make_room(world& w, void* object, std::size_t size, bool deaths_show = false);

/// By a thread with a row, once it knows that whoever had that row is dead: settles its notes.
void settle_for_the_dead(unsigned row);

}  // namespace transom::explore
