// transom/transport/lane_plan.cpp - see lane_plan.hpp.
#include "transom/transport/lane_plan.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "transom/transport/connections.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t usual_capacity = 64;
constexpr unsigned usual_rows = 64, most_rows = 256;
constexpr std::size_t most_units = 4096;
constexpr std::uint64_t usual_buffers = 8, usual_arena = std::uint64_t{32} << 20;
constexpr std::uint64_t most_messages = std::uint64_t{1} << 31, most_arena = std::uint64_t{1} << 40;

error refused(errc why, const url& where, const std::string& what) {
  return error(why, "open", place(where.text(), what));
}

std::uint64_t rounded_up(std::uint64_t size, std::uint64_t to) { return (size + to - 1) / to * to; }

result<void> check_options(const url& where, const options& how) {
  const std::string name(where.scheme_name());
  if (how.framing != framing::native)
    return refused(errc::unsupported, where, name + ": has boundaries of its own; framing is native");
  if (how.on_full == overflow::drop_oldest) {
    return refused(errc::unsupported, where,
                   name + ": a sender cannot take back what the receiver may be reading: on_full=drop_oldest");
  }
  if (how.receivers > 1) return refused(errc::unsupported, where, name + ": these lanes have one receiver");
  if (how.capacity > most_messages)
    return refused(errc::unsupported, where, name + ": capacity is at most " + std::to_string(most_messages));
  return {};
}

}  // namespace

result<std::chrono::nanoseconds> watch_of(const url& where) {
  constexpr std::chrono::nanoseconds usual = std::chrono::milliseconds(100), least = std::chrono::microseconds(100);
  const auto text = where.value("watch");
  if (!text) return usual;
  auto time = parse_duration(*text);
  if (!time) return error(errc::bad_url, "open", place(where.text(), "watch: " + std::string(time.error().detail())));
  if (*time < least) return error(errc::bad_url, "open", place(where.text(), "watch: at least 100us"));
  return *time;
}

result<lane_plan> plan_lanes(const url& where, const options& how, const terms& agreed, std::size_t arena,
                             feature_set features) {
  if (auto fits = check_options(where, how); !fits) return fits.error();
  if (auto watch = watch_of(where); !watch) return watch.error();
  lane_plan plan;
  plan.features = features;
  if (how.keep) plan.features = plan.features | outlives_processes;
  if (how.on_full == overflow::drop_newest) plan.features = plan.features.without(reliable | backpressure);
  if (const auto missing = plan.features.lacking(how.require); !missing.empty())
    return refused(errc::unsupported, where, "this mechanism lacks " + missing.names());
  const bool one_size = agreed.least_message != 0 && how.max_message == 0;
  auto chosen = chosen_max_message(how, agreed, where);
  if (!chosen) return chosen.error();
  plan.max_message = one_size ? agreed.least_message : *chosen;
  plan.rows = how.senders == 0 ? usual_rows : std::clamp(how.senders + 3, 4U, most_rows);

  shm::lane_geometry& sizes = plan.sizes;
  sizes.capacity = how.capacity == 0 ? usual_capacity : how.capacity;
  if (plan.max_message <= shm::inline_bytes) return plan;
  if (one_size && arena == 0) {
    sizes.arena_unit = rounded_up(plan.max_message, 64);
    sizes.arena_bytes = sizes.arena_unit * sizes.capacity;
  } else {
    // Who says how many and how large gets room for so many of them, within reason.
    const std::uint64_t most = how.capacity == 0 ? std::min(sizes.capacity, usual_buffers) : sizes.capacity;
    const std::uint64_t messages =
        how.max_message == 0 ? 1 : std::clamp<std::uint64_t>(usual_arena / plan.max_message, 1, most);
    const std::uint64_t wanted = arena != 0 ? arena : plan.max_message * messages;
    if (wanted < plan.max_message) {
      return refused(errc::message_too_large, where,
                     "arena=" + std::to_string(arena) +
                         " is less than one message of max_message=" + std::to_string(plan.max_message));
    }
    sizes.arena_unit =
        std::max<std::uint64_t>(64, std::bit_ceil(wanted / std::max<std::uint64_t>(most_units, messages)));
    sizes.arena_bytes = rounded_up(plan.max_message, sizes.arena_unit) * (arena != 0 ? 1 : messages);
    sizes.arena_bytes = std::max(sizes.arena_bytes, rounded_up(wanted, sizes.arena_unit));
  }
  if (sizes.arena_bytes > most_arena)
    return refused(errc::unsupported, where, "a lane of more than 1 TiB: lower capacity or max_message");
  return plan;
}

}  // namespace transom::transport
