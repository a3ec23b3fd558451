// transom/transport/queue_open.cpp - how the ends of a kernel queue come to be: whose it is, and how large a message
// may be.
//
// The owner arranges the queue under the lock of the name, and a sender opens it under the same lock: so nobody opens
// what a dead owner left behind a moment before it is replaced. The last owner removes it under that lock, too.
#include <algorithm>

#include "transom/transport/naming.hpp"
#include "transom/transport/queue_end.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t usual_largest = std::size_t{64} << 10, largest_in_pieces = std::size_t{1} << 30;

error refused(errc why, const queue_source& source, const std::string& what) {
  return error(why, "open", place(source.where.text(), what));
}

error here(const error& failed, const queue_source& source) {
  return failed.at(place(source.where.text(), failed.detail())).during("open");
}

result<void> check_options(const queue_source& source, const options& how) {
  const std::string name(source.where.scheme_name());
  if (how.framing != framing::native && how.framing != framing::raw)
    return refused(errc::unsupported, source, name + ": has boundaries of its own; framing is native or raw");
  if (how.on_full == overflow::drop_oldest)
    return refused(errc::unsupported, source, name + ": a sender cannot remove what others sent: on_full=drop_oldest");
  return {};
}

feature_set features_with(const queue_source& source, const options& how, bool seen) {
  feature_set all = source.features();
  if (!seen) all = all.without(sees_close | sees_death);
  if (how.keep) all = all | outlives_processes;
  if (how.on_full == overflow::drop_newest) all = all.without(reliable | backpressure);
  return all;
}

error too_small(const queue_source& source, std::size_t wanted, std::size_t possible, bool cut) {
  std::string what = "a message of " + std::to_string(wanted) + " bytes does not fit: the largest is " +
                     std::to_string(possible) + ", for " + source.limit_in_words();
  if (!cut) what += "; with receivers=1 and without keep larger messages go in pieces";
  return refused(errc::unsupported, source, what);
}

struct sizes {
  std::size_t largest_message, kernel_message;
};

// What a new queue shall carry.
result<sizes> plan(const queue_source& source, const options& how, const terms& agreed) {
  auto limit = source.system_limit();
  if (!limit) return here(limit.error(), source);
  const std::size_t header = how.framing == framing::native ? frame_header_size : 0;
  const bool cut = how.framing == framing::native && how.receivers == 1 && !how.keep;
  const std::size_t possible = cut ? largest_in_pieces : *limit - header;
  const std::size_t usual = std::max(cut ? usual_largest : *limit - header, agreed.least_message);
  const std::size_t wanted = how.max_message == 0 ? usual : how.max_message;
  if (wanted > possible) return too_small(source, wanted, possible, cut);
  return sizes{wanted, std::min(std::max(wanted, std::size_t{1}) + header, *limit)};
}

// What an open queue carries, by what its owner said: pieces only if the owner chose its own geometry and more.
result<std::size_t> largest_in(const queue_source& source, kernel_queue& queue, const options& how, const terms& agreed,
                               const meter::record* record) {
  const std::size_t kernel = queue.outgoing_memory().size();
  const std::size_t header = how.framing == framing::native ? frame_header_size : 0;
  if (kernel <= header) return refused(errc::unsupported, source, "this queue's messages are smaller than our header");
  std::size_t largest = kernel - header;
  if (record != nullptr && record->terms().max_message != 0) {
    const bool cut = record->origin() == meter::object_origin::made && largest > 2 * frame_header_size;
    largest = cut ? record->terms().max_message : std::min<std::size_t>(largest, record->terms().max_message);
  }
  if (how.max_message == 0 && agreed.least_message > largest)
    return too_small(source, agreed.least_message, largest, false);
  return how.max_message == 0 ? largest : std::min(largest, how.max_message);
}

result<queue_parts> assemble(std::shared_ptr<const queue_source> source, std::unique_ptr<kernel_queue> queue,
                             std::optional<meter::record> record, const options& how, const terms& agreed) {
  auto largest = largest_in(*source, *queue, how, agreed, record ? &*record : nullptr);
  if (!largest) return largest.error();
  auto waker = os::waker::make();
  if (!waker) return here(waker.error(), *source);
  const auto features = features_with(*source, how, record.has_value());
  return queue_parts{std::move(source), std::move(queue), std::move(record), how, agreed,
                     std::move(*waker), features,         *largest};
}

struct arranged {
  std::unique_ptr<kernel_queue> queue;
  bool made = false;
};

result<arranged> create_or_open(const queue_source& source, std::size_t message_size, const options& how) {
  for (;;) {
    auto made = source.create(message_size, how);
    if (made) return arranged{std::move(*made), true};
    if (!made.failed_with(std::errc::file_exists)) return here(made.error(), source);
    auto there = source.open(how.capacity);
    if (there) return arranged{std::move(*there), false};
    if (!there.failed_with(std::errc::no_such_file_or_directory)) return here(there.error(), source);
  }
}

// The queue of a new record, under the lock of its name.
result<arranged> arrange(const queue_source& source, meter::record::ownership& owned, std::size_t message_size,
                         const options& how) {
  using meter::object_origin;
  if (owned.joined_others) {
    auto there = source.open(owned.self.terms().capacity);
    if (there) return arranged{std::move(*there), owned.self.origin() == object_origin::made};
    if (!there.failed_with(std::errc::no_such_file_or_directory)) return here(there.error(), source);
    // Somebody removed it by hand.
  } else if (owned.replaced_leftover && owned.origin_before == object_origin::made && !how.keep) {
    if (auto leftover = source.open(0)) (*leftover)->remove();
  }
  // What is to be kept is nobody's to remove, just like a stranger's.
  if (!owned.joined_others) owned.self.say_origin(how.keep ? object_origin::found : object_origin::made);
  auto queue = create_or_open(source, message_size, how);
  if (queue && !queue->made && !owned.joined_others) owned.self.say_origin(object_origin::found);
  return queue;
}

struct joined {
  std::unique_ptr<kernel_queue> queue;
  std::optional<meter::record> record;
};

// One look for the owner. Fails with what may yet be cured by waiting, see may_appear_yet(), or not.
result<joined> look_for_owner(const queue_source& source, const options& how, const terms& agreed) {
  auto record = join_name(source.where, agreed);
  if (!record) return record.error();
  if (!*record) return error(errc::no_peer, "open", place(source.where.text(), "there is no record of an owner"));
  if (how.senders == 1 && (*record)->live_senders() > 1) {
    return error::system(static_cast<int>(std::errc::address_in_use), "open",
                         place(source.where.text(), "senders=1 was promised, and there is one already"));
  }
  auto guard = (*record)->lock_name();
  if (!guard) return here(guard.error(), source);
  auto queue = source.open((*record)->terms().capacity);
  if (!queue) return here(queue.error(), source);
  if ((*record)->owners_closed()) return error(errc::no_peer, "open", place(source.where.text(), "its owner left"));
  return joined{std::move(*queue), std::move(*record)};
}

}  // namespace

result<std::unique_ptr<receiving_end>> open_queue_receiver(std::shared_ptr<const queue_source> source,
                                                           const options& how, const terms& agreed) {
  if (auto fits = check_options(*source, how); !fits) return fits.error();
  auto wanted = plan(*source, how, agreed);
  if (!wanted) return wanted.error();
  if (how.framing == framing::raw) {
    auto queue = create_or_open(*source, wanted->kernel_message, how);
    if (!queue) return queue.error();
    auto parts = assemble(std::move(source), std::move(queue->queue), std::nullopt, how, agreed);
    if (!parts) return parts.error();
    parts->removable = queue->made && !how.keep;
    return make_queue_receiver(std::move(*parts));
  }
  options declared = how;
  declared.capacity = source->capacity(how);
  declared.max_message = wanted->largest_message;
  auto owned = own_name(source->where, declared, agreed, how.receivers != 1);
  if (!owned) return owned.error();
  auto queue = arrange(*source, *owned, wanted->kernel_message, how);
  if (!queue) return queue.error();
  if (auto fits = largest_in(*source, *queue->queue, how, agreed, &owned->self); !fits) return fits.error();
  auto parts = assemble(std::move(source), std::move(queue->queue), std::move(owned->self), how, agreed);
  if (!parts) return parts.error();
  parts->removable = queue->made && !how.keep;
  return make_queue_receiver(std::move(*parts));
}

result<std::unique_ptr<sending_end>> open_queue_sender(std::shared_ptr<const queue_source> source, const options& how,
                                                       const terms& agreed) {
  if (auto fits = check_options(*source, how); !fits) return fits.error();
  const auto give_out = [&](joined with) -> result<std::unique_ptr<sending_end>> {
    auto parts = assemble(source, std::move(with.queue), std::move(with.record), how, agreed);
    if (!parts) return parts.error();
    return make_queue_sender(std::move(*parts));
  };
  const patience waiting = patience::until_time(deadline::after(how.connect_timeout));
  for (;;) {
    error last(errc::no_peer, "open");
    if (how.framing == framing::native) {
      auto found = look_for_owner(*source, how, agreed);
      if (found) return give_out(std::move(*found));
      if (!may_appear_yet(found.error())) return found.error();
      last = found.error();
    }
    if (how.keep) {  // needs no owner
      auto wanted = plan(*source, how, agreed);
      if (!wanted) return wanted.error();
      auto queue = create_or_open(*source, wanted->kernel_message, how);
      if (!queue) return queue.error();
      return give_out({std::move(queue->queue), std::nullopt});
    }
    // A queue without a record is a stranger's, or another user's. A leftover has one, whose owner is dead.
    const bool strangers = how.framing == framing::raw || (last == errc::no_peer && waiting.until.expired());
    if (strangers) {
      auto queue = source->open(how.capacity);
      if (queue) return give_out({std::move(*queue), std::nullopt});
      if (!may_appear_yet(queue.error())) return here(queue.error(), *source);
      last = queue.error();
    }
    if (auto again = look_again_soon(source->where, last, waiting); !again) return again.error();
  }
}

}  // namespace transom::transport
