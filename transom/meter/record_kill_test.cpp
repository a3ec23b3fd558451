// transom/meter/record_kill_test.cpp - owners and senders are killed at random instants, and no record is ever seen
// half made, no name gets stuck, and nobody who lives loses his name.
//
// Oracle: a judge opens whatever stands at the name, over and over, and demands a complete record. An owner that lives
// must find that a second own() is refused in its own name. Senders may find nobody, a leftover, or a closed record,
// and nothing else. At the end one own() must succeed, find no sender, and leave an empty directory. The control runs
// the same judge over a record that is made in place.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <vector>

#include "transom/meter/record.hpp"
#include "transom/meter/record_layout.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/mapping.hpp"
#include "transom/shm/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::meter::record;
using transom::meter::record_kind;
using transom::meter::record_page;
using transom::meter::record_size;
using transom::os::testing::forked;
using transom::shm::testing::scratch;
namespace os = transom::os;
namespace shm = transom::shm;
namespace meter = transom::meter;

namespace {

constexpr const char* name = "posix-mq:///kill";
const meter::record_terms terms{.schema_hash = 3, .schema_text = "i32"};

// What the processes tell the test: counts, and the first thing that should not have happened.
struct shared_notes {
  transom::sync::atomic<std::uint64_t> owned, refused, replaced, joined, turned_away, casualties, judged, faults;
  char first[512];

  void fault(const std::string& what) {
    if (faults.fetch_add(1, transom::sync::relaxed) == 0) std::snprintf(first, sizeof first, "%s", what.c_str());
  }
};

void count(transom::sync::atomic<std::uint64_t>& what) { what.fetch_add(1, transom::sync::relaxed); }

// What is wrong with the file at `path`; empty: nothing, or there is none.
std::string judge(const std::string& path) {
  auto opened = os::open_file(path);
  if (!opened) return opened.error() == std::errc::no_such_file_or_directory ? "" : opened.error().message();
  const os::entry found = os::entry::look(opened->get()).or_throw();
  if (found.size != record_size) return "it has " + std::to_string(found.size) + " bytes";
  auto seen = os::mapping::map(opened->get(), 0, record_size, os::access::read_only).or_throw();
  const auto& page = *reinterpret_cast<const record_page*>(seen.data());
  if (page.common.magic != record_kind.magic || page.common.version != record_kind.version) return "it has no magic";
  if (page.common.total_size != record_size || page.common.row_count != meter::record_participants)
    return "no geometry";
  if (page.identity_hash != shm::stable_hash(name) || page.identity_length != std::strlen(name)) return "no identity";
  if (page.schema_hash != terms.schema_hash || page.common.creator_pid == 0) return "no terms";
  if (page.common.rows_used.load(transom::sync::acquire) == 0) return "no rows";
  const auto& creator = *reinterpret_cast<const shm::participant_row*>(seen.data() + sizeof(record_page));
  const auto word = shm::row_word::unpack(creator.word.load(transom::sync::acquire));
  if (word.generation == 0 || (word.generation == 1 && word.state == shm::row_state::joining)) return "no owner";
  return "";
}

int own_over_and_over(shared_notes& notes, bool many_owners) {
  for (;;) {
    auto mine = record::own(name, terms, many_owners);
    if (!mine) {
      if (mine.error() == std::errc::address_in_use) count(notes.refused);
      else notes.fault(mine.error().message());
      continue;
    }
    count(notes.owned);
    if (mine->replaced_leftover) count(notes.replaced);
    mine->guard.release();
    for (int looks = 0; looks < 50; ++looks) {
      while (mine->self.next_casualty()) count(notes.casualties);
      mine->self.receivers_bell().wait([&] { return mine->self.live_senders() != 0; }, os::bound{20us});
    }
    auto rival = record::own(name, terms, false);
    if (rival) notes.fault("a second owner beside a living one");
    else if (rival.error() != std::errc::address_in_use) notes.fault(rival.error().message());
    else if (!many_owners && rival.error().peer_pid() != ::getpid()) notes.fault("the name belongs to somebody else");
    if (mine->self.owners_closed()) notes.fault("closed under a living owner");
  }
}

int join_over_and_over(shared_notes& notes) {
  for (;;) {
    auto mine = record::join(name, terms);
    if (mine) {
      count(notes.joined);
      if (!mine->ever_joined()) notes.fault("joined and not noticed");
      for (int sends = 0; sends < 50; ++sends) {
        mine->mine().messages.add();
        mine->receivers_bell().ring();
        mine->senders_bell().wait([&] { return mine->owners_closed(); }, os::bound{20us});
      }
      continue;
    }
    count(notes.turned_away);
    const auto& why = mine.error();
    if (why != errc::no_peer && why != errc::closed && why != errc::owner_died) notes.fault(why.message());
  }
}

void kill_for(std::chrono::milliseconds time, bool many_owners) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  scratch dir;
  auto memory = os::mapping::anonymous(sizeof(shared_notes), os::share::shared).or_throw();
  auto& notes = *new (memory.data()) shared_notes;
  const std::string path = shm::directory::open().or_throw().path_of(shm::file_name(name, "record"));
  std::uint64_t kills = 0;
  {
    std::vector<std::unique_ptr<forked>> crowd(4);
    for (const auto until = deadline::after(time); !until.expired();) {
      const auto next = random() % crowd.size();
      if (crowd[next]) {
        const auto pause = deadline::after(std::chrono::microseconds(random() % 500));
        do {
          if (const std::string wrong = judge(path); !wrong.empty()) notes.fault("half made: " + wrong);
          count(notes.judged);
        } while (!pause.expired());
        ++kills;
        crowd[next].reset();
      }
      if (next < 2) crowd[next] = std::make_unique<forked>([&] { return own_over_and_over(notes, many_owners); });
      else crowd[next] = std::make_unique<forked>([&] { return join_over_and_over(notes); });
    }
  }
  {
    auto last = record::own(name, terms, many_owners);
    ASSERT_TRUE(last) << last.error().message() << " (seed " << seed << ")";
    EXPECT_EQ(last->self.live_senders(), 0u);
  }
  EXPECT_TRUE(dir.files().empty()) << *dir.files().begin() << " (seed " << seed << ")";
  const auto value = [](const auto& of) { return static_cast<unsigned long>(of.load(transom::sync::relaxed)); };
  EXPECT_EQ(value(notes.faults), 0u) << notes.first << " (seed " << seed << ")";
  EXPECT_GT(value(notes.owned), 0u);
  EXPECT_GT(value(notes.replaced), 0u);
  EXPECT_GT(value(notes.judged), 0u);
  std::printf(
      "seed %u: %lu kills, owned %lu (%lu leftovers replaced, %lu refused), joined %lu (%lu turned away), "
      "%lu casualties, judged %lu, faults %lu\n",
      seed, static_cast<unsigned long>(kills), value(notes.owned), value(notes.replaced), value(notes.refused),
      value(notes.joined), value(notes.turned_away), value(notes.casualties), value(notes.judged), value(notes.faults));
}

}  // namespace

TEST(record_kill, one_owner_at_a_time_and_never_a_half_made_record) { kill_for(2000ms, false); }
TEST(record_kill, many_owners_and_never_a_half_made_record) { kill_for(2000ms, true); }

// The control: the same judge, and a record that is made in place by somebody who is killed. If this finds nothing,
// the zeros above mean nothing.
TEST(record_kill, the_judge_finds_a_record_that_is_made_in_place) {
  scratch dir;
  const std::string path = shm::directory::open().or_throw().path_of(shm::file_name(name, "record"));
  auto good = record::own(name, terms, false).or_throw();
  ASSERT_EQ(judge(path), "");
  std::string whole(record_size, '\0');
  std::ifstream(path, std::ios::binary).read(whole.data(), static_cast<std::streamsize>(whole.size()));
  std::mt19937 random(std::random_device{}());
  int half_made = 0;
  for (int attempt = 0; half_made == 0 && attempt < 5000; ++attempt) {
    forked naive([&] {
      for (;;) {
        std::remove(path.c_str());
        std::ofstream(path, std::ios::binary).write(whole.data(), static_cast<std::streamsize>(whole.size()));
      }
      return 0;
    });
    const auto pause = deadline::after(std::chrono::microseconds(random() % 2000));
    while (!pause.expired()) {}
    naive.kill();
    naive.wait();
    if (!judge(path).empty()) ++half_made;
  }
  EXPECT_GT(half_made, 0);
}
