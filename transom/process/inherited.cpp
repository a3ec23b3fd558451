// transom/process/inherited.cpp - see inherited.hpp.
#include "transom/process/inherited.hpp"

#include "transom/base/ensure.hpp"

namespace transom::detail {

options options_of(const given_entry& from) {
  return {.capacity = from.capacity,
          .max_message = from.max_message,
          .on_full = static_cast<overflow>(from.on_full),
          .framing = static_cast<transom::framing>(from.framing),
          .keep_open = from.keep_open};
}

transport::handover handover_from(given_entry& from) {
  transport::handover packed{.url = std::move(from.url), .descriptors = {}, .state = std::move(from.state)};
  for (int number : from.descriptors) packed.descriptors.emplace_back(number);
  return packed;
}

result<void> check_given_type(const given_entry& from, const transport::terms& ours) {
  if (from.schema_hash == 0 || ours.schema_hash == 0 || from.schema_hash == ours.schema_hash) return {};
  if (ours.compatible != nullptr && ours.compatible(from.schema_hash, from.schema_text)) return {};
  for (int number : from.descriptors) fd(number).reset();
  return error(errc::type_mismatch, "inherited",
               place(from.name, "here " + std::string(ours.schema_text) + ", there " + from.schema_text));
}

}  // namespace transom::detail
