// transom/shm/storage_test.cpp - memory of every kind is born as large as said and as real as asked, is found again,
// and everything that a stranger could have put in its place is refused in words.
#include "transom/shm/storage.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "transom/os/entry.hpp"
#include "transom/os/posix_shm.hpp"
#include "transom/shm/testing.hpp"

using transom::errc;
using transom::shm::storage;
using transom::shm::storage_name;
using transom::shm::storage_shape;
namespace os = transom::os;
namespace testing_os = transom::os::testing;

namespace {

constexpr std::size_t size = std::size_t{1} << 26;

storage_shape shape() {
  return {.size = size, .allocated = 8192, .fill = [](std::span<std::byte> bytes) {
            std::memcpy(bytes.data(), "first words", 11);
          }};
}

// A name of its own whose object goes with it.
class named {
 public:
  explicit named(storage_name::kind what) {
    if (what == storage_name::kind::posix) {
      name = storage_name::posix("/" + testing_os::unique_name());
    } else {
      std::ofstream(dir_ / "key") << "x";
      name = storage_name::system_v(dir_ / "key", 7);
    }
  }
  named(const named&) = delete;
  named& operator=(const named&) = delete;
  ~named() { storage::remove(name).ignore(); }
  std::string file() const { return "/dev/shm" + name.path; }
  storage_name name;

 private:
  testing_os::temporary_directory dir_;
};

std::string text_of(const storage& of) { return {reinterpret_cast<const char*>(of.bytes().data()), 11}; }

long allocated(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 ? found.st_blocks * 512 : -1;
}

template <typename T>
std::string words_of(const transom::result<T>& refused) {
  return refused ? std::string("it was accepted") : refused.error().message();
}

void expect_words(const std::string& sentence, std::initializer_list<std::string> parts) {
  for (const auto& part : parts) EXPECT_NE(sentence.find(part), std::string::npos) << sentence << "\nlacks " << part;
}

}  // namespace

class named_storage : public testing::TestWithParam<storage_name::kind> {};

TEST_P(named_storage, is_made_found_written_by_both_and_removed) {
  named object(GetParam());
  EXPECT_TRUE(storage::open(object.name, 1).failed_with(std::errc::no_such_file_or_directory));
  auto made = storage::create(object.name, shape()).or_throw();
  EXPECT_EQ(made.bytes().size(), size);
  auto found = storage::open(object.name, size).or_throw();
  EXPECT_EQ(found.bytes().size(), size);
  EXPECT_EQ(text_of(found), "first words");
  found.allocate(size / 2, 4096).or_throw();
  found.bytes()[size / 2] = std::byte{9};
  EXPECT_EQ(made.bytes()[size / 2], std::byte{9});
  made.remove().or_throw();
  EXPECT_TRUE(storage::open(object.name, 1).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_EQ(text_of(found), "first words");
  found.remove().or_throw();
  EXPECT_FALSE(storage::remove(object.name).or_throw());
}

TEST_P(named_storage, a_name_in_use_is_refused_and_its_owner_named) {
  named object(GetParam());
  auto made = storage::create(object.name, shape()).or_throw();
  auto again = storage::create(object.name, shape());
  ASSERT_TRUE(again.failed_with(std::errc::file_exists));
  expect_words(words_of(again), {"uid " + std::to_string(::getuid())});
}

TEST_P(named_storage, one_that_is_too_small_is_refused_with_both_sizes) {
  named object(GetParam());
  auto made = storage::create(object.name, shape()).or_throw();
  auto refused = storage::open(object.name, size + 1);
  ASSERT_TRUE(refused.failed_with(errc::protocol_error));
  expect_words(words_of(refused), {std::to_string(size), std::to_string(size + 1)});
}

TEST_P(named_storage, another_users_is_neither_opened_nor_removed) {
  named object(GetParam());
  auto made = storage::create(object.name, {.size = 8192, .allocated = 4096, .mode = 0666}).or_throw();
  EXPECT_TRUE(testing_os::as_nobody([&] {
    return storage::open(object.name, 1).failed_with(std::errc::operation_not_permitted) &&
           storage::remove(object.name).failed_with(std::errc::operation_not_permitted) &&
           words_of(storage::open(object.name, 1)).find("uid 0") != std::string::npos &&
           words_of(storage::create(object.name, shape())).find("uid 0") != std::string::npos;
  }));
}

TEST_P(named_storage, what_a_stranger_has_put_there_is_neither_opened_nor_removed) {
  named object(GetParam());
  if (GetParam() == storage_name::kind::system_v)
    std::filesystem::permissions(object.name.path, std::filesystem::perms::all);
  ASSERT_TRUE(
      testing_os::as_nobody([&] { return storage::create(object.name, {.size = 8192, .mode = 0666}).has_value(); }));
  auto refused = storage::open(object.name, 1);
  ASSERT_TRUE(refused.failed_with(std::errc::operation_not_permitted));
  expect_words(words_of(refused), {"uid 65534"});
  EXPECT_TRUE(storage::remove(object.name).failed_with(std::errc::operation_not_permitted));
  expect_words(words_of(storage::create(object.name, shape())), {"uid 65534", "another name"});
  EXPECT_TRUE(testing_os::as_nobody([&] { return storage::remove(object.name).or_throw(); }));
}

TEST_P(named_storage, a_child_of_fork_has_none_of_it) {
  named object(GetParam());
  auto made = std::make_optional(storage::create(object.name, shape()).or_throw());
  EXPECT_TRUE(testing_os::in_child([&] {
    const bool refused = made->forked() && made->allocate(0, 1).failed_with(errc::forked);
    made.reset();
    return refused;
  }));
  EXPECT_EQ(text_of(*made), "first words");
}

TEST_P(named_storage, more_than_there_is_fails_with_a_limit_and_leaves_nothing) {
  named object(GetParam());
  auto refused = storage::create(object.name, {.size = std::size_t{1} << 50, .allocated = std::size_t{1} << 50});
  ASSERT_FALSE(refused);
  expect_words(words_of(refused), {object.name.path, "1125899906842624"});
  EXPECT_TRUE(storage::open(object.name, 1).failed_with(std::errc::no_such_file_or_directory));
}

TEST_P(named_storage, no_descriptor_is_left_behind) {
  const long before = testing_os::open_descriptors();
  {
    named object(GetParam());
    auto made = storage::create(object.name, shape()).or_throw();
    auto found = storage::open(object.name, 1).or_throw();
    auto moved = std::move(found);
    storage::create(object.name, shape()).error().code();
  }
  EXPECT_EQ(testing_os::open_descriptors(), before);
}

INSTANTIATE_TEST_SUITE_P(kinds, named_storage, testing::Values(storage_name::kind::posix, storage_name::kind::system_v),
                         [](const auto& one) { return one.param == storage_name::kind::posix ? "posix" : "system_v"; });

TEST(posix_storage, takes_what_was_allocated_and_has_its_mode_whatever_the_umask) {
  named object(storage_name::kind::posix);
  auto with_mode = shape();
  with_mode.mode = 0666;
  auto made = storage::create(object.name, with_mode).or_throw();
  EXPECT_EQ(allocated(object.file()), 8192);
  EXPECT_EQ(os::entry::look(object.file()).or_throw().mode, 0666u);
  made.allocate(size / 2, 4096).or_throw();
  EXPECT_EQ(allocated(object.file()), 8192 + 4096);
  EXPECT_EQ(os::posix_shm::open(object.name.path).or_throw().size().or_throw(), size);
}

TEST(posix_storage, a_name_that_leads_to_another_object_meanwhile_is_left_alone) {
  named object(storage_name::kind::posix);
  auto first = storage::create(object.name, shape()).or_throw();
  EXPECT_TRUE(storage::remove(object.name).or_throw());
  auto second = storage::create(object.name, shape()).or_throw();
  first.remove().or_throw();
  EXPECT_TRUE(storage::open(object.name, 1));
}

TEST(posix_storage, links_fifos_directories_and_impossible_names_are_refused_in_words) {
  named object(storage_name::kind::posix), target(storage_name::kind::posix);
  auto real = storage::create(target.name, shape()).or_throw();
  std::filesystem::create_symlink(target.file(), object.file());
  expect_words(words_of(storage::open(object.name, 1)), {"symbolic link"});
  expect_words(words_of(storage::remove(object.name)), {"symbolic link"});
  EXPECT_TRUE(storage::create(object.name, shape()).failed_with(std::errc::file_exists));
  std::filesystem::remove(object.file());
  ASSERT_EQ(::mkfifo(object.file().c_str(), 0600), 0);
  EXPECT_TRUE(storage::open(object.name, 1).failed_with(errc::protocol_error));
  std::filesystem::remove(object.file());
  std::filesystem::create_directory(object.file());
  EXPECT_TRUE(storage::open(object.name, 1).failed_with(errc::protocol_error));
  EXPECT_TRUE(storage::create(object.name, shape()).failed_with(std::errc::file_exists));
  std::filesystem::remove(object.file());
  for (const char* bad : {"", "/", "no-slash", "/a/b", "/.."})
    for (const auto& refused :
         {storage::create(storage_name::posix(bad), shape()), storage::open(storage_name::posix(bad), 1)})
      EXPECT_TRUE(refused.failed_with(std::errc::invalid_argument)) << bad;
}

TEST(system_v_storage, a_path_that_is_not_there_and_a_bad_id_are_refused) {
  EXPECT_TRUE(storage::create(storage_name::system_v("/no/such/file", 1), shape())
                  .failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(storage::open(storage_name::system_v("/", 0), 1).failed_with(std::errc::invalid_argument));
}

TEST(memfd_storage, is_passed_read_only_or_writable_and_its_size_is_fixed) {
  auto made = storage::make_memfd("transom test", shape()).or_throw();
  auto reader =
      storage::adopt_memfd(made.descriptor(os::access::read_only).or_throw(), os::access::read_only, size).or_throw();
  auto writer =
      storage::adopt_memfd(made.descriptor(os::access::read_write).or_throw(), os::access::read_write, size).or_throw();
  EXPECT_EQ(text_of(reader), "first words");
  writer.allocate(size / 2, 4096).or_throw();
  writer.bytes()[size / 2] = std::byte{5};
  EXPECT_EQ(reader.bytes()[size / 2], std::byte{5});
  EXPECT_FALSE(reader.allocate(0, 4096));
  auto kept = made.descriptor(os::access::read_write).or_throw();
  EXPECT_EQ(::ftruncate(kept.get(), 0), -1);
  EXPECT_EQ(::ftruncate(kept.get(), static_cast<off_t>(2 * size)), -1);
  auto narrow = made.descriptor(os::access::read_only).or_throw();
  EXPECT_TRUE(
      storage::adopt_memfd(std::move(narrow), os::access::read_write, size).failed_with(std::errc::permission_denied));
  made.remove().or_throw();
}

TEST(memfd_storage, what_anybody_could_shrink_what_is_too_small_and_what_is_no_memfd_is_refused_before_it_is_mapped) {
  auto open_ended = os::memfd::make("transom test", {.size = 4096}).or_throw();
  open_ended.add_seals(os::seal::grow).or_throw();
  auto refused = storage::adopt_memfd(std::move(open_ended).release(), os::access::read_write, 4096);
  ASSERT_TRUE(refused.failed_with(errc::protocol_error));
  expect_words(words_of(refused), {"not sealed", "shrink", "seal"});
  auto made = storage::make_memfd("transom test", {.size = 4096}).or_throw();
  auto small = storage::adopt_memfd(made.descriptor(os::access::read_write).or_throw(), os::access::read_write, 4097);
  ASSERT_TRUE(small.failed_with(errc::protocol_error));
  expect_words(words_of(small), {"4096 bytes", "4097 expected"});
  transom::fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(storage::adopt_memfd(std::move(file), os::access::read_write, 1).failed_with(errc::protocol_error));
}

TEST(memfd_storage, more_than_the_machine_has_is_refused_and_a_child_has_none_of_it) {
  auto refused = storage::make_memfd("transom test", {.size = std::size_t{1} << 50, .allocated = std::size_t{1} << 50});
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device));
  auto made = std::make_optional(storage::make_memfd("transom test", shape()).or_throw());
  EXPECT_TRUE(testing_os::in_child([&] {
    const bool forked = made->forked();
    made.reset();
    return forked;
  }));
}
