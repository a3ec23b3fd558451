// tests/soak/named_roles.cpp - the programs of the named soak. The rules are those of named_soak.hpp.
#include <poll.h>

#include <memory>
#include <optional>

#include "tests/soak/named_books.hpp"
#include "tests/support/outcome.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"

namespace transom::soak {
namespace {

using namespace std::chrono_literals;
using testing::word_for;

void complain(named_books& books, fault what, const std::string& why, std::uint64_t count = 1) {
  books.common.complain(what, count, why.c_str());
}
void count(word& what) { what.fetch_add(1, sync::relaxed); }

class consumer {
 public:
  consumer(const named_role& role, receiver<bytes>& from)
      : books_(*role.books), from_(from), random_(role.seed), forgets_(role.books->defective.load(sync::relaxed) != 0) {
    for (unsigned i = 0; i < named_books::most_views; ++i) {
      const std::uint64_t shown = books_.shown[i].load(sync::relaxed);
      if (shown == 0) continue;
      const bool maybe = books_.releasing[i].load(sync::relaxed) == shown;
      again_.push_back({i, shown, maybe});
    }
  }

  // Until told to finish and nothing more comes, or it may go by itself. False: something is bad.
  bool run() {
    const bool copies = random_.one_in(4), polls = random_.one_in(4);
    books_.copies.store(copies ? 1 : 0, sync::release);
    if (polls) bell_ = from_.readable_fd().or_throw();
    if (polls) count(books_.bells);
    for (int silent = 0; books_.common.bad() == 0;) {
      const bool finishing = books_.common.finish.load(sync::relaxed) != 0;
      if (views_.size() > 12 || (!views_.empty() && random_.one_in(3))) release(random_.below(views_.size()));
      const result<void> got = copies && again_.empty() ? copy() : show();
      if (got) {
        silent = 0;
        continue;
      }
      const error& why = got.error();
      if (why == errc::peer_died) continue;
      while (!views_.empty()) release(views_.size() - 1);
      if (why == errc::closed) {
        if (finishing) return end();
        return true;  // all have left: opened again
      }
      if (why != errc::timed_out && why != errc::would_block) {
        complain(books_, fault::torn, "a consumer was told: " + why.message());
        return false;
      }
      silent = finishing ? silent + 1 : 0;
      if (silent >= 15) return end();
    }
    return false;
  }

 private:
  struct shown_again {
    unsigned index;
    std::uint64_t shown;
    bool maybe;
  };
  struct shown_view {
    unsigned index;
    std::optional<view<bytes>> message;  ///< none: given up already, the control's defect
  };

  bool end() {
    for (const shown_again& one : again_) {
      if (!one.maybe) complain(books_, fault::lost, "what was shown and not acknowledged did not come again");
      forget(one.index);
    }
    books_.common.finished.store(1, sync::release);
    return books_.common.bad() == 0;
  }
  void forget(unsigned index) {
    books_.shown[index].store(0, sync::release);
    books_.releasing[index].store(0, sync::release);
  }
  unsigned free_place() const {
    unsigned index = 0;
    while (index < named_books::most_views && books_.shown[index].load(sync::relaxed) != 0) ++index;
    detail::ensure(index < named_books::most_views, "fewer views are out than there is room for");
    return index;
  }
  void release(std::size_t which) {
    const unsigned index = views_[which].index;
    const std::uint64_t shown = books_.shown[index].load(sync::relaxed);
    if (const auto& out = views_[which].message) {
      const std::span<const std::byte> payload = out->span();
      if (!is_message(payload, payload.size(), certificate::of(shown - 1)))
        complain(books_, fault::torn, "a view has changed while it was out");
    }
    books_.releasing[index].store(shown, sync::release);
    std::swap(views_[which], views_.back());
    views_.pop_back();
    forget(index);
    count(books_.common.handled);
  }

  // The certificate of what came, if it is whole.
  std::optional<certificate> certify(std::span<const std::byte> payload) {
    certificate claimed;
    if (payload.size() >= 8) {
      std::uint64_t claim;
      std::memcpy(&claim, payload.data(), 8);
      claimed = certificate::of(claim);
      if (claimed.incarnation < named_books::most_incarnations && payload.size() == named_traffic.size_of(claimed) &&
          is_message(payload, payload.size(), claimed))
        return claimed;
    }
    complain(books_, fault::torn, "a message that nobody sent");
    return std::nullopt;
  }

  // Whether so many may miss, because dead consumers had copied them out.
  bool excuse(std::uint64_t missing) {
    if (missing > books_.allowance.load(sync::relaxed)) return false;
    books_.allowance.fetch_add(0 - missing, sync::relaxed);
    books_.unnoted.fetch_add(missing, sync::relaxed);
    return true;
  }

  // N1.
  void check_new(const certificate& what) {
    std::erase_if(again_, [&](const shown_again& one) {
      if (certificate::of(one.shown - 1).incarnation != what.incarnation) return false;
      if (!one.maybe)
        complain(books_, fault::lost, "unmarked messages come before what was shown and not acknowledged");
      forget(one.index);
      return true;
    });
    const std::uint64_t passed = books_.passed[what.incarnation].load(sync::relaxed);
    if (what.sequence == passed) return;
    if (what.sequence < passed) return complain(books_, fault::doubled, "a message before the one that was due");
    if (!excuse(what.sequence - passed))
      complain(books_, fault::lost, "a message beyond the one that was due", what.sequence - passed);
  }
  // N2. Where it is noted, if it is.
  std::optional<unsigned> check_again(const certificate& what) {
    count(books_.redelivered);
    const auto found = std::ranges::find(again_, what.word() + 1, &shown_again::shown);
    if (found != again_.end()) {
      const unsigned index = found->index;
      books_.releasing[index].store(0, sync::release);
      again_.erase(found);
      auto& passed = books_.passed[what.incarnation];  // who died between the two notes of it made only the first
      if (passed.load(sync::relaxed) == what.sequence) passed.store(what.sequence + 1, sync::release);
      return index;
    }
    const std::uint64_t passed = books_.passed[what.incarnation].load(sync::relaxed);
    if (what.sequence < passed || (what.sequence != passed && !excuse(what.sequence - passed)))
      complain(books_, fault::doubled, "a message comes again that was acknowledged or never shown");
    return std::nullopt;
  }
  void pass(const certificate& what) {
    books_.passed[what.incarnation].store(what.sequence + 1, sync::release);
    count(books_.common.handled);
  }

  result<void> copy() {
    const auto got = bell_ ? from_.try_recv() : from_.recv_for(20ms);
    if (!got) return nothing(got.error());
    if (const auto what = certify(*got)) {
      check_new(*what);
      pass(*what);
      count(books_.copied);
    }
    return {};
  }
  result<void> show() {
    auto got = bell_ ? from_.try_recv_view() : from_.recv_view_for(20ms);
    if (!got) return nothing(got.error());
    const auto what = certify(got->span());
    if (!what) return {};
    std::optional<unsigned> index;
    if (got->info().redelivered) index = check_again(*what);
    else check_new(*what);
    if (!index) {
      index = free_place();
      books_.shown[*index].store(what->word() + 1, sync::release);
      pass(*what);
    }
    views_.push_back({*index, std::move(*got)});
    if (forgets_) views_.back().message.reset();
    count(books_.viewed);
    return {};
  }
  error nothing(const error& why) const {
    if (bell_ && why == errc::would_block) {
      pollfd one{*bell_, POLLIN, 0};
      ::poll(&one, 1, 20);
    }
    return why;
  }

  named_books& books_;
  receiver<bytes>& from_;
  dice random_;
  const bool forgets_;
  std::optional<int> bell_;
  std::vector<shown_again> again_;
  std::vector<shown_view> views_;
};

}  // namespace

void be_named_consumer(const named_role& role) {
  dice random(role.seed);
  for (bool more = true; more && role.books->common.finished.load(sync::relaxed) == 0;) {
    options how = named_options(role.options_seed);
    how.keep_open = random.one_in(2);
    auto opened = receiver<bytes>::open(role.url, how);
    if (!opened) return complain(*role.books, fault::wedged, "a consumer cannot open: " + opened.error().message());
    count(role.books->opened);
    more = consumer(role, *opened).run();
  }
}

void be_named_producer(const named_role& role) {
  named_books& books = *role.books;
  dice random(role.seed);
  auto opened = sender<bytes>::open(role.url, named_options(role.options_seed));
  if (!opened) return complain(books, fault::leaked, "a producer cannot open: " + opened.error().message());
  const std::uint64_t quota = random.one_in(2) ? 1 + random.below(3000) : ~std::uint64_t{0};
  bytes buffer(named_traffic.largest);
  for (std::uint64_t n = 0; n < quota; ++n) {
    const certificate what{role.incarnation, n};
    const std::size_t size = named_traffic.size_of(what);
    result<void> became;
    if (random.one_in(4)) {
      count(books.loans);
      if (random.one_in(8)) (void)opened->loan(size);  // dropped
      auto room = opened->loan(size);
      if (room) write_message(room->span().first(size), what);
      became = room ? opened->send(std::move(*room)) : room.error();
    } else {
      write_message(std::span(buffer).first(size), what);
      became = opened->send(std::span<const std::byte>(buffer).first(size));
    }
    if (!became) return complain(books, fault::torn, "a producer was told: " + became.error().message());
    books.sent[role.incarnation].store(n + 1, sync::release);
  }
  opened->close();
  count(books.departed);
}

}  // namespace transom::soak
