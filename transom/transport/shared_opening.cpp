// transom/transport/shared_opening.cpp - see shared_opening.hpp.
#include "transom/transport/shared_opening.hpp"

#include <algorithm>
#include <random>
#include <string>

#include "transom/transport/connections.hpp"
#include "transom/transport/naming.hpp"

namespace transom::transport {
namespace {

error refused(errc why, const url& where, std::string_view what) {
  return error(why, "open", place(where.text(), what));
}

bool has_living_owner(const meter::record& membership) {
  return !membership.owners_closed() && membership.any_owner_alive().value_or(false);
}

}  // namespace

result<shared_plan> plan_shared(const url& where, const options& how, const terms& agreed, feature_set features,
                                bool packets) {
  auto max_message = chosen_max_message(how, agreed, where);
  if (!max_message) return max_message.error();
  if (packets && (how.framing == framing::length || how.framing == framing::line))
    return refused(errc::unsupported, where, "this mechanism keeps boundaries itself: framing is native or raw");
  if (how.on_full == overflow::drop_oldest) {
    return refused(errc::unsupported, where, "on_full=drop_oldest: a sender cannot take back what is in the kernel");
  }
  if (how.keep) return refused(errc::unsupported, where, "keep: the kernel drops the messages with their last holder");
  if (how.framing != framing::native) features = features.without(sees_death | fd_passing);
  if (how.framing == framing::raw && !packets) features = features.without(boundaries);
  if (const auto missing = features.lacking(how.require); !missing.empty())
    return refused(errc::unsupported, where, "this mechanism lacks " + missing.names());
  return shared_plan{*max_message, features};
}

result<shared_link> attach_shared(const url& where, const options& asked, const terms& agreed,
                                  const std::function<result<fd>()>& open, const patience& how) {
  shared_link link;
  for (;;) {
    auto object = open();
    // Twice: an owner may have come while we looked for the record of the last one.
    for (int look = 0; object && look < 2; ++look) {
      if (link.membership && !has_living_owner(*link.membership)) link.membership.reset();
      if (!link.membership) {
        auto joined = join_name(where, agreed);
        if (!joined && joined.error() != errc::owner_died) return joined.error();
        if (joined) link.membership = std::move(*joined);
      }
      if (asked.senders == 1 && link.membership && link.membership->live_senders() > 1) {
        return error::system(static_cast<int>(std::errc::address_in_use), "open",
                             place(where.text(), "senders=1 was promised, and there is one already"));
      }
      object = open();
      if (link.membership) break;
    }
    if (object && (!link.membership || has_living_owner(*link.membership))) {
      link.descriptor = std::move(*object);
      link.id = link.membership ? link.membership->id() : guest_id();
      return link;
    }
    const error why = object ? error(errc::no_peer, "open", place(where.text(), "its owner left")) : object.error();
    if (!may_appear_yet(why) && why != errc::would_block)
      return why.at(place(where.text(), why.detail())).during("open");
    if (auto ok = look_again_soon(where, why, how); !ok) return ok.error();
  }
}

result<void> adjust_to_owner(shared_plan& chosen, const shared_link& link, const options& how, const terms& agreed,
                             const url& where) {
  if (!link.membership) {
    if (how.framing == framing::native) chosen.features = chosen.features.without(sees_close | sees_death);
    const auto missing = chosen.features.lacking(how.require);
    if (missing.empty()) return {};
    return refused(errc::unsupported, where, "the owner's record cannot be read, so this lacks " + missing.names());
  }
  const std::size_t theirs = link.membership->terms().max_message;
  if (theirs == 0 || theirs >= chosen.max_message) return {};
  if (theirs < agreed.least_message) {
    return refused(errc::message_too_large, where,
                   "the owner takes at most " + std::to_string(theirs) + " bytes: raise max_message there");
  }
  chosen.max_message = theirs;
  return {};
}

std::uint32_t guest_id() noexcept {
  std::random_device entropy;
  return 0x8000'0000u | entropy();
}

}  // namespace transom::transport
