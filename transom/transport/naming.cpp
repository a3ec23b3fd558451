// transom/transport/naming.cpp - see naming.hpp.
#include "transom/transport/naming.hpp"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <string>

#include "transom/os/poll.hpp"
#include "transom/transport/frame.hpp"

namespace transom::transport {

result<meter::record::ownership> own_name(const url& where, const options& how, const terms& agreed, bool many_owners) {
  const meter::record_terms written{.schema_hash = agreed.schema_hash,
                                    .schema_text = std::string(agreed.schema_text),
                                    .capacity = how.capacity,
                                    .max_message = how.max_message};
  auto owned = meter::record::own(where.identity(), written, many_owners);
  if (!owned) return owned.error().at(place(where.text(), owned.error().detail())).during("open");
  return owned;
}

result<std::optional<meter::record>> join_name(const url& where, const terms& agreed) {
  const meter::record_terms ours{.schema_hash = agreed.schema_hash,
                                 .schema_text = std::string(agreed.schema_text),
                                 .compatible = agreed.compatible};
  auto joined = meter::record::join(where.identity(), ours);
  if (joined) return std::optional(std::move(*joined));
  if (joined.error() != errc::owner_died && joined.error() != errc::type_mismatch) return std::nullopt;
  return joined.error().at(place(where.text(), joined.error().detail())).during("open");
}

result<url> with_real_path(const url& where) {
  std::error_code problem;
  const std::string real = std::filesystem::canonical(where.address(), problem).string();
  if (problem) return error::system(problem.value(), "open", place(where.text(), "the path of a key must exist"));
  if (real == where.address()) return where;

  std::string text = std::string(where.scheme_name()) + "://";
  for (const char c : real) {
    static constexpr std::string_view hex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/._-").find(c) != std::string_view::npos;
    if (plain) text += c;
    else text.append({'%', hex[byte >> 4], hex[byte & 15]});
  }
  if (const auto keys = where.text().find('?'); keys != std::string::npos) text += where.text().substr(keys);
  return url::parse(text);
}

int key_id_of(const url& where) noexcept {
  int id = 0;
  const std::string_view digits = where.value("id").value_or("");
  std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return id;
}

bool may_appear_yet(const error& e) noexcept {
  return e == std::errc::no_such_file_or_directory || e == std::errc::connection_refused || e == errc::no_peer ||
         e == errc::owner_died || e == std::errc::no_such_device_or_address;
}

result<void> look_again_soon(const url& where, const error& last, const patience& how) {
  if (how.stop.stop_requested()) return error(errc::canceled, "open", place(where.text()));
  if (how.until.expired()) {
    std::string why = "nobody owns the name: " + last.code().message();
    if (!last.detail().empty()) why.append(" (").append(last.detail()).append(")");
    return error(errc::no_peer, "open", place(where.text(), why));
  }
  os::poll({}, std::min(how.until, deadline::after(std::chrono::milliseconds(2)))).ignore();
  return {};
}

}  // namespace transom::transport
