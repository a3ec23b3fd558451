// transom/process/given.cpp - see given.hpp.
#include "transom/process/given.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>

#include "transom/channel/codec.hpp"
#include "transom/os/memfd.hpp"
#include "transom/os/own_process.hpp"

namespace transom::detail {
namespace {

constexpr os::seal all_seals = os::seal::shrink | os::seal::grow | os::seal::write | os::seal::seal;

struct given_list {
  std::string magic = "transom.given/1";
  std::vector<given_entry> entries;
};

const char* word_for(given_kind kind) noexcept {
  switch (kind) {
    case given_kind::descriptor: return "a descriptor";
    case given_kind::sender: return "a sender";
    case given_kind::receiver: return "a receiver";
  }
  return "something";
}

std::vector<given_entry> read_given() {
  const char* text = std::getenv(given_variable);
  int number = -1;
  if (text == nullptr || std::from_chars(text, text + std::strlen(text), number).ec != std::errc() || number < 3)
    return {};
  // The number may be stale and lead to something else by now: looked at through a copy, closed only if it is ours.
  fd named(number);
  auto copy = named.duplicate();
  (void)named.release();
  if (!copy) return {};
  auto memory = os::memfd::adopt(std::move(*copy), all_seals);
  if (!memory) return {};
  auto mapped = memory->map(os::access::read_only);
  if (!mapped) return {};
  auto list = decode<given_list>(mapped->bytes(), mapped->size());
  if (!list || list->magic != given_list().magic) return {};
  named.reset(number);
  // From now on they are ours alone: what this process starts does not inherit them by accident.
  for (given_entry& entry : list->entries) {
    for (int d : entry.descriptors) os::set_close_on_exec(d);
  }
  return std::move(list->entries);
}

}  // namespace

result<fd> write_given(const std::vector<given_entry>& entries) {
  const given_list list{.entries = entries};
  const std::size_t size = encoded_size(list);
  auto memory = os::memfd::make("transom.given", {.size = size});
  if (!memory) return memory.error().during("spawn");
  {
    auto mapped = memory->map(os::access::read_write);
    if (!mapped) return mapped.error().during("spawn");
    encode_into(list, mapped->bytes().first(size));
  }
  if (auto ok = memory->add_seals(all_seals); !ok) return ok.error().during("spawn");
  return std::move(*memory).release();
}

result<given_entry> take_given(std::string_view name, given_kind kind) {
  static std::mutex one_at_a_time;
  static std::optional<std::vector<given_entry>> entries;
  const std::lock_guard lock(one_at_a_time);
  if (!entries) entries = read_given();
  const auto found = std::ranges::find(*entries, name, &given_entry::name);
  if (found == entries->end()) {
    std::string there;
    for (const given_entry& e : *entries) there.append(there.empty() ? "there is " : ", ").append(e.name);
    if (there.empty()) there = "this process was given nothing (more)";
    return error(errc::no_peer, "inherited", place(name, there));
  }
  if (found->kind != kind) {
    return error(errc::type_mismatch, "inherited",
                 place(name, std::string("here ") + word_for(kind) + ", there " + word_for(found->kind)));
  }
  given_entry taken = std::move(*found);
  entries->erase(found);
  return taken;
}

}  // namespace transom::detail
