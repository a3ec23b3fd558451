// tests/fuzz/lane_fuzz.cpp - libFuzzer: whatever stands in shared memory, the end of a lane that reads it stays within
// its own memory and within the rules: attaching to a body, receiving from a sender that writes anything anywhere into
// its part while we receive, sending to a receiver that does.
//
// Input: a byte that chooses which; then the control block, or commands of one byte, each with what it needs. Half of
// the commands are calls, half are writes of eight bytes to where the peer may write.
//
// Oracle: no access outside the two parts, which are allocated apart and exactly (ASan); every payload and every run
// lies in the arena or in a slot; what was attached fits the memory; a broken lane stays broken.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "transom/shm/lane_body.hpp"
#include "transom/shm/lane_reader.hpp"
#include "transom/shm/lane_writer.hpp"

namespace {

using namespace transom;
using namespace transom::shm;

void require(bool holds) {
  if (!holds) std::abort();
}

struct input {
  const std::uint8_t* at;
  std::size_t left;
  std::uint8_t byte() {
    if (left == 0) return 0;
    --left;
    return *at++;
  }
  std::uint64_t word() {
    std::uint64_t all = 0;
    for (int i = 0; i < 8; ++i) all |= std::uint64_t{byte()} << (8 * i);
    return all;
  }
};

struct free_memory {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using memory = std::unique_ptr<std::byte, free_memory>;

memory zeros(std::size_t size) {
  memory made(static_cast<std::byte*>(std::aligned_alloc(4096, (size + 4095) / 4096 * 4096)));
  require(made != nullptr);
  std::memset(made.get(), 0, (size + 4095) / 4096 * 4096);
  return made;
}

bool lies_in(std::span<const std::byte> what, const std::byte* begin, std::size_t size) {
  const auto from = reinterpret_cast<std::uintptr_t>(what.data()), to = from + what.size();
  const auto low = reinterpret_cast<std::uintptr_t>(begin);
  return what.empty() || (from >= low && to >= from && to <= low + size);
}

// One lane, and the words beside it on which its ends wait.
struct room {
  explicit room(const lane_geometry& of)
      : sizes(of),
        in(zeros(of.in_bytes())),
        out(zeros(of.out_bytes())),
        lane{reinterpret_cast<lane_in*>(in.get()), reinterpret_cast<lane_out*>(out.get())} {}
  // The peer writes a word: mostly into the first words of a slot or a hold, where it hurts.
  static void scribble(std::byte* part, std::size_t size, input& from) {
    const std::size_t where = std::size_t{from.byte()} << (from.byte() % 3 * 4);
    const std::uint64_t what = (where & 1) != 0 ? slot_word(from.byte(), from.byte()) : from.word();
    std::memcpy(part + where * 8 % (size / 8 * 8), &what, 8);
  }
  lane_geometry sizes;
  memory in, out;
  lane_memory lane;
  sync::wait_word waits;
  sync::bell_word bell;
};

void attach(input from) {
  constexpr std::size_t size = 1 << 20;
  const memory there = zeros(size);
  const std::span all(there.get(), size);
  const bool dressed = (from.byte() & 1) != 0;
  if (dressed) {  // sound but for a word or two
    lane_body::create(all, {.capacity = 1U + from.byte(), .arena_bytes = 64U * from.byte(), .arena_unit = 64},
                      1U + from.byte() % 4, 0);
  }
  for (std::size_t changes = 0; from.left != 0 && changes < (dressed ? 2 : 64); ++changes) {
    const std::uint64_t word = from.word();
    std::memcpy(there.get() + std::size_t{dressed ? from.byte() : static_cast<std::uint8_t>(changes)} * 8 % 512, &word,
                8);
  }
  const auto body = lane_body::attach(all);
  if (!body) return;
  require(body->lanes() > 0 && lane_body::bytes_for(body->sizes(), body->lanes()) <= size);
  for (unsigned row = 0; row < body->lanes(); ++row) {
    const lane_memory lane = body->lane(row);
    lane_reader reader(lane, body->sizes(), lane.out->waits, lane.in->room_bell);
    lane_front front;
    if (reader.look(front) == found::message) require(lies_in(front.payload, all.data(), size));
  }
}

void receive(input from) {
  room there({.capacity = 1U + from.byte() % 32, .arena_bytes = 64U * (from.byte() % 64), .arena_unit = 64});
  const std::size_t out_size = there.sizes.out_bytes(), in_size = there.sizes.in_bytes();
  const auto inside = [&](std::span<const std::byte> payload) {
    require(lies_in(payload, there.out.get(), out_size) || lies_in(payload, there.in.get(), in_size));
    unsigned sum = 0;
    for (const std::byte one : payload) sum += std::to_integer<unsigned>(one);
    asm volatile("" : : "r"(sum));  // so that it is read
  };
  lane_reader reader(there.lane, there.sizes, there.lane.out->waits, there.lane.in->room_bell);
  reader.stop_quick_at(~std::uint64_t{0});
  std::vector<lane_slot*> held;
  bool broken = false;
  while (from.left != 0) {
    const std::uint8_t command = from.byte();
    if ((command & 1) != 0) {
      room::scribble(there.out.get(), out_size, from);
      continue;
    }
    std::array<std::byte, inline_bytes> small;
    lane_front front;
    std::span<const std::byte> payload;
    std::uint64_t n = 0;
    switch (command / 2 % 8) {
      case 0: reader.receive_quick(small.data(), from.byte() % (inline_bytes + 1)); break;
      case 1:
        reader.take_quick_of_any_size([&](std::span<const std::byte> message) {
          inside(message);
          return true;
        });
        break;
      case 2:
        if (reader.look(front) == found::message) {
          inside(front.payload);
          reader.acknowledge();
        }
        break;
      case 3:
        if (reader.look(front) == found::message) {
          payload = front.payload;
          if (lane_slot* const hold = reader.show(payload)) {
            inside(payload);
            held.push_back(hold);
          }
        }
        break;
      case 4:
        if (lane_slot* const hold = reader.show_quick(payload, n)) {
          inside(payload);
          held.push_back(hold);
        }
        break;
      case 5:
        if (held.empty()) break;
        reader.release(*held.back());
        held.pop_back();
        break;
      case 6: inside(reader.grown()); break;
      default:
        if (reader.is_growing()) reader.skip_torn();
        static_cast<void>(reader.has_something());
    }
    require(!broken || reader.broken());
    broken = reader.broken();
  }
}

void send(input from) {
  room there({.capacity = 1U + from.byte() % 32, .arena_bytes = 64U * (from.byte() % 64), .arena_unit = 64});
  lane_writer writer(there.lane, there.sizes, there.waits, there.bell);
  const std::byte* const arena = there.lane.arena(there.sizes);
  std::vector<std::byte> payload(8192, std::byte{7});
  std::vector<arena_run> runs;
  while (from.left != 0) {
    const std::uint8_t command = from.byte();
    if ((command & 1) != 0) {
      room::scribble(there.in.get(), there.sizes.in_bytes(), from);
      continue;
    }
    const std::size_t size = std::min<std::size_t>(std::size_t{from.byte()} * 16, writer.largest());
    arena_run run;
    switch (command / 2 % 7) {
      case 0: writer.send_quick(payload.data(), size % (inline_bytes + 1)); break;
      case 1: writer.send_quick_in_arena(payload.data(), std::max(size, inline_bytes + 1)); break;
      case 2: static_cast<void>(writer.send(std::span(payload).first(size))); break;
      case 3:
        if (writer.claim(size, run) == sent::yes) runs.push_back(run);
        break;
      case 4:
        run = writer.claim_quick(std::max<std::size_t>(size, 1));
        if (run) runs.push_back(run);
        break;
      case 5:
        if (runs.empty()) break;
        if (!writer.publish_run_quick(runs.back(), writer.memory_of(runs.back()).size()) &&
            writer.publish_run(runs.back(), writer.memory_of(runs.back()).size()) != sent::yes)
          writer.give_back(runs.back());
        runs.pop_back();
        break;
      default:
        static_cast<void>(writer.look_for_room(size));
        if (runs.empty()) break;
        writer.give_back(runs.back());
        runs.pop_back();
    }
    for (const arena_run one : runs) require(lies_in(writer.memory_of(one), arena, there.sizes.arena_bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input from{data, size};
  switch (from.byte() % 3) {
    case 0: attach(from); break;
    case 1: receive(from); break;
    default: send(from);
  }
  return 0;
}
