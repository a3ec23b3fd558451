// transom/channel/opening.cpp - see opening.hpp.
#include "transom/channel/opening.hpp"

#include <cstdlib>
#include <string>
#include <utility>

namespace transom::detail {
namespace {

error refused(errc code, const url& where, std::string_view why) {
  return error(code, "open", place(where.text(), why));
}

struct destination {
  url where;
  options how;
  feature_set required;
};

// env:NAME is one step: the variable's URL, whose keys win over those beside the name.
result<destination> resolve(std::string_view text, const options& in_code) {
  auto first = url::parse(text);
  if (!first) return first.error();
  auto how = with_url_keys(in_code, *first);
  if (!how) return how.error();
  const feature_set required = required_features(in_code);
  if (first->scheme() != scheme::env) return destination{std::move(*first), std::move(*how), required};

  const char* value = std::getenv(first->address().c_str());
  if (value == nullptr) {
    return refused(errc::bad_url, *first, "the environment variable " + first->address() + " is not set");
  }
  auto second = url::parse(value);
  if (!second) return second.error();
  if (second->scheme() == scheme::env) {
    return refused(errc::bad_url, *first, "the environment variable " + first->address() + " leads to another one");
  }
  how = with_url_keys(*how, *second);
  if (!how) return how.error();
  return destination{std::move(*second), std::move(*how), required};
}

// What a scheme has only with the right keys or options.
feature_set conditional_features(scheme s) noexcept {
  switch (s) {
    case scheme::posix_mq:
    case scheme::sysv_mq:
    case scheme::shm:
    case scheme::posix_shm:
    case scheme::sysv_shm: return outlives_processes;
    case scheme::memfd: return zero_copy;
    case scheme::file: return outlives_processes | power_safe;
    case scheme::jetstream: return outlives_processes | power_safe;
    default: return {};
  }
}

result<void> check_features(feature_set present, const destination& to) {
  const feature_set missing = present.lacking(to.required);
  if (missing.empty()) return {};
  std::string why = std::string(to.where.scheme_name()) + ": does not have " + missing.names();
  const feature_set loss = missing.without(missing.without(reliable | ordered | backpressure));
  if (!loss.empty() && missing == loss) why += "; a program that can lose messages says so with a drop_ policy";
  return refused(errc::unsupported, to.where, why);
}

result<void> check_before_opening(const destination& to, const cargo& what) {
  if (to.how.framing == framing::line && !what.text) {
    return refused(errc::unsupported, to.where, "framing=line carries lines of text: T is std::string");
  }
  if (to.how.framing == framing::raw && !what.raw) {
    return refused(errc::unsupported, to.where, "framing=raw carries bytes as they are: T is bytes or std::string");
  }
  if (to.how.framing != framing::native && what.native.descriptors) {
    return refused(errc::unsupported, to.where, "descriptors travel in native framing only");
  }
  const scheme from = to.where.scheme();
  const feature_set own = transport::features_of(from);
  if (to.how.keep && (from == scheme::fd || !own.empty()) && !conditional_features(from).contains(outlives_processes))
    return refused(errc::unsupported, to.where, "keep: what it carries goes with its last holder");
  if (from == scheme::fd) return {};  // what it leads to is not known yet
  if (own.empty()) return {};         // a scheme that is not here; the transports say so better
  const feature_set possible = own | conditional_features(to.where.scheme());
  if (auto ok = check_features(possible, to); !ok) return ok;
  if (what.native.descriptors && !possible.contains(fd_passing)) {
    return refused(errc::unsupported, to.where,
                   std::string(to.where.scheme_name()) + ": does not have fd_passing, and T holds descriptors");
  }
  return {};
}

bool leads_to_another_host(scheme s) noexcept {
  return s == scheme::tcp || s == scheme::udp || s == scheme::nats || s == scheme::jetstream;
}

transport::terms agreed_terms(const destination& to, const cargo& what) {
  const bool portable = to.how.framing == framing::length || leads_to_another_host(to.where.scheme());
  transport::terms agreed = portable ? what.portable : what.native;
  if (to.how.framing != framing::native) {  // nobody there to compare with
    agreed.schema_hash = 0;
    agreed.compatible = nullptr;
  }
  return agreed;
}

template <typename End>
result<opened<End>> checked(result<std::unique_ptr<End>> end, const destination& to) {
  if (!end) return end.error();
  if (auto ok = check_features((*end)->features(), to); !ok) return ok.error();
  const bool portable = is_portable(**end, to.how);
  return opened<End>{std::move(*end), to.how, portable};
}

}  // namespace

feature_set required_features(const options& in_code) noexcept {
  const bool may_lose = in_code.on_full == overflow::drop_newest || in_code.on_full == overflow::drop_oldest;
  return may_lose ? in_code.require : in_code.require | reliable | ordered | backpressure;
}

bool is_portable(const transport::end& end, const options& how) noexcept {
  return how.framing == framing::length || end.features().contains(crosses_hosts);
}

result<transport::handover> give_anonymous(transport::end& end, const place& where) {
  if (auto named = url::parse(where.url()); !named || !named->anonymous()) {
    return error(errc::unsupported, "send",
                 place(where.url(), "only ends of anonymous channels travel in messages; send the URL instead"));
  }
  return end.give();
}

result<opened_sender> open_sending(std::string_view url, const options& in_code, const cargo& what) {
  auto to = resolve(url, in_code);
  if (!to) return to.error();
  if (auto ok = check_before_opening(*to, what); !ok) return ok.error();
  return checked(transport::open_sender(to->where, to->how, agreed_terms(*to, what)), *to);
}

result<opened_receiver> open_receiving(std::string_view url, const options& in_code, const cargo& what) {
  auto to = resolve(url, in_code);
  if (!to) return to.error();
  if (auto ok = check_before_opening(*to, what); !ok) return ok.error();
  return checked(transport::open_receiver(to->where, to->how, agreed_terms(*to, what)), *to);
}

result<opened_pair> open_both(std::string_view url, const options& in_code, const cargo& what) {
  auto to = resolve(url, in_code);
  if (!to) return to.error();
  if (auto ok = check_before_opening(*to, what); !ok) return ok.error();
  auto ends = transport::open_pair(to->where, to->how, agreed_terms(*to, what));
  if (!ends) return ends.error();
  auto tx = checked<transport::sending_end>(std::move(ends->tx), *to);
  if (!tx) return tx.error();
  auto rx = checked<transport::receiving_end>(std::move(ends->rx), *to);
  if (!rx) return rx.error();
  return opened_pair{std::move(*tx), std::move(*rx)};
}

}  // namespace transom::detail
