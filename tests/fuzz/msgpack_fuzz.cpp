// tests/fuzz/msgpack_fuzz.cpp - libFuzzer: whatever the bytes are, decoding gives a value or decode_failed, and a value
// goes round: what it encodes to decodes again and encodes to the same bytes.
//
// The first byte chooses the type, so that the corpus of each grows by itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "transom/channel/codec.hpp"
#include "transom/channel/codec_samples.hpp"

namespace {

using namespace transom;
using detail::wire_form;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename T, wire_form Form = wire_form::portable>
void try_as(std::span<const std::byte> in) {
  const auto value = detail::decode<T, Form>(in, 1 << 20);
  if (!value) return require(value.error() == errc::decode_failed && !value.error().detail().empty());
  const bytes once = samples::encoded<Form>(*value);
  const auto again = detail::decode<T, Form>(once, 1 << 26);
  require(again.has_value());
  if constexpr (Form == wire_form::portable) require(samples::encoded<Form>(*again) == once);
}

struct with_descriptors {
  int before = 0;
  std::vector<fd> some;
  std::optional<fd> one;
};

void try_descriptors(std::span<const std::byte> in) {
  std::array<fd, 3> empty;
  for (std::size_t count = 0; count <= empty.size(); ++count) {
    const auto value = detail::decode<with_descriptors>(in, 1 << 20, std::span(empty).first(count));
    require(value || value.error() == errc::decode_failed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto in = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 10) {
    case 0: try_as<samples::order>(in); break;
    case 1: try_as<samples::everything>(in); break;
    case 2: try_as<samples::tree>(in); break;
    case 3: try_as<samples::tick>(in); break;
    case 4: try_as<samples::tick, wire_form::native>(in); break;
    case 5: try_as<std::vector<std::variant<int, bool, samples::tree, std::string, bytes>>>(in); break;
    case 6: try_as<std::map<std::string, std::optional<std::optional<std::set<std::int8_t>>>>>(in); break;
    case 7: try_as<std::vector<std::tuple<std::chrono::milliseconds, float, std::vector<bool>>>>(in); break;
    case 8: try_descriptors(in); break;
    default:
      compatible(as_text(in), detail::schema_of<samples::everything>().text);
      compatible(as_text(in), as_text(in.first(in.size() / 2)));
  }
  return 0;
}
