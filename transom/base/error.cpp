// transom/base/error.cpp - composing the sentence, and the category behind errc.
#include "transom/base/error.hpp"

namespace transom {
namespace {

class transom_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "transom"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::closed: return "closed";
      case errc::peer_died: return "peer died";
      case errc::owner_died: return "owner died; the lock is not held";
      case errc::timed_out: return "timed out";
      case errc::would_block: return "would block";
      case errc::canceled: return "canceled";
      case errc::no_peer: return "no peer";
      case errc::remote: return "refused by the other side";
      case errc::message_too_large: return "message too large";
      case errc::type_mismatch: return "the two ends disagree on the type";
      case errc::decode_failed: return "the message is not a valid value of the type";
      case errc::protocol_error: return "protocol error";
      case errc::unsupported: return "unsupported";
      case errc::forked: return "the handle was made before fork() and belongs to the parent";
      case errc::bad_url: return "bad url";
      case errc::would_deadlock: return "would deadlock; the lock is not held";
    }
    return "unknown transom error " + std::to_string(value);
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::owner_died: return std::errc::owner_dead;
      case errc::timed_out: return std::errc::timed_out;
      case errc::would_block: return std::errc::resource_unavailable_try_again;
      case errc::canceled: return std::errc::operation_canceled;
      case errc::message_too_large: return std::errc::message_size;
      case errc::unsupported: return std::errc::not_supported;
      case errc::would_deadlock: return std::errc::resource_deadlock_would_occur;
      default: return {value, *this};
    }
  }
};

}  // namespace

const std::error_category& category() noexcept {
  static const transom_category instance;
  return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), category()}; }

struct place::text {
  std::atomic<int> references{1};
  std::string url, detail;
};

place::place(std::string_view url, std::string_view detail)
    : text_(new text{.url = std::string(url), .detail = std::string(detail)}) {}
std::string_view place::url() const noexcept { return text_ ? std::string_view(text_->url) : std::string_view(); }
std::string_view place::detail() const noexcept { return text_ ? std::string_view(text_->detail) : std::string_view(); }
void place::retain() const noexcept {
  if (text_) text_->references.fetch_add(1, std::memory_order_relaxed);
}
void place::release() noexcept {
  if (text_ && text_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete text_;
}

std::error_code error::code() const noexcept {
  return value_ > 0 ? std::error_code{value_, category()} : std::error_code{-value_, std::system_category()};
}

std::string error::message() const {
  std::string sentence = operation_;
  if (!url().empty()) sentence.append(" ").append(url());
  sentence += ": ";
  if (*this == errc::peer_died && peer_pid_ != 0) {
    sentence += "peer pid " + std::to_string(peer_pid_) + " died";
  } else {
    sentence += code().message();
    if (peer_pid_ != 0) sentence += " (peer pid " + std::to_string(peer_pid_) + ")";
  }
  if (!detail().empty()) {
    if (*this == errc::peer_died) sentence.append(" (").append(detail()).append(")");
    else sentence.append(": ").append(detail());
  }
  return sentence;
}

error error::with_peer(int pid) const noexcept { return {value_, operation_, where_, pid}; }
error error::with_detail(std::string_view detail) const {
  return {value_, operation_, place(where_.url(), detail), peer_pid_};
}
error error::at(place where) const noexcept { return {value_, operation_, std::move(where), peer_pid_}; }
error error::during(const char* operation) const noexcept { return {value_, operation, where_, peer_pid_}; }

const char* exception::what() const noexcept { return sentence_.c_str(); }

}  // namespace transom
