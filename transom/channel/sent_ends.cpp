// transom/channel/sent_ends.cpp - see sent_ends.hpp.
#include "transom/channel/sent_ends.hpp"

#include <algorithm>
#include <cstdint>

namespace transom::detail {

luggage luggage_of(const transport::handover& packed) {
  luggage made;
  for (const fd& descriptor : packed.descriptors) made.add(descriptor.get());
  made.note.resize(4 + packed.url.size() + packed.state.size());
  store_le(made.note.data(), static_cast<std::uint32_t>(packed.url.size()));
  const auto state = std::ranges::copy(as_bytes(packed.url), made.note.begin() + 4).out;
  std::ranges::copy(packed.state, state);
  return made;
}

result<transport::handover> handover_of(std::span<fd> mine, std::span<const std::byte> note) {
  const auto refuse = [](const char* why) { return error(errc::decode_failed, "recv").with_detail(why); };
  if (mine.empty() || note.size() < 4 || load_le<std::uint32_t>(note.data()) > note.size() - 4) {
    return refuse("an end of a channel without its descriptors or note");
  }
  const std::size_t length = load_le<std::uint32_t>(note.data());
  transport::handover packed;
  packed.url = as_text(note.subspan(4, length));
  if (auto where = url::parse(packed.url); !where || !where->anonymous()) {
    return refuse("an end of a channel that is not anonymous");
  }
  const auto state = note.subspan(4 + length);
  packed.state.assign(state.begin(), state.end());
  for (fd& descriptor : mine) packed.descriptors.push_back(std::move(descriptor));
  return packed;
}

}  // namespace transom::detail
