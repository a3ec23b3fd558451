// transom/os/entry_test.cpp - an entry is what stands at the name, not what a symbolic link there leads to.
#include "transom/os/entry.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "transom/os/tmpfile.hpp"

namespace os = transom::os;

namespace {

struct scratch {
  scratch() { os::make_directory(path).or_throw(); }
  ~scratch() { std::filesystem::remove_all(path); }
  std::string path = "/dev/shm/transom-entry-test-" + std::to_string(::getpid());
};

}  // namespace

TEST(entry, a_file_is_described_the_same_by_name_and_by_descriptor_until_it_is_removed) {
  scratch here;
  const std::string name = here.path + "/a";
  auto made = os::make_unnamed(here.path, 0600, 5).or_throw();
  os::give_name(made.get(), name).or_throw();
  const os::entry by_name = os::entry::look(name).or_throw();
  EXPECT_EQ(by_name.what, os::entry::kind::file);
  EXPECT_EQ(by_name.mode, 0600u);
  EXPECT_EQ(by_name.size, 5u);
  EXPECT_EQ(by_name.links, 1u);
  EXPECT_EQ(by_name.owner, os::effective_user());
  EXPECT_TRUE(by_name.same_object(os::entry::look(made.get()).or_throw()));
  os::remove_file(name).or_throw();
  EXPECT_EQ(os::entry::look(made.get()).or_throw().links, 0u);
  EXPECT_TRUE(os::entry::look(name).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(os::remove_file(name).failed_with(std::errc::no_such_file_or_directory));
}

TEST(entry, a_symbolic_link_is_seen_as_one_and_not_opened) {
  scratch here;
  const std::string name = here.path + "/link";
  std::filesystem::create_symlink("/dev/null", name);
  EXPECT_EQ(os::entry::look(name).or_throw().what, os::entry::kind::symbolic_link);
  EXPECT_TRUE(os::open_file(name).failed_with(std::errc::too_many_symbolic_link_levels));
}

TEST(entry, a_directory_is_made_once) {
  scratch here;
  EXPECT_EQ(os::entry::look(here.path).or_throw().what, os::entry::kind::directory);
  EXPECT_TRUE(os::make_directory(here.path).failed_with(std::errc::file_exists));
}

TEST(entry, a_directory_tells_at_most_so_many_of_its_names_and_goes_when_it_is_empty) {
  scratch here;
  EXPECT_TRUE(os::names_in(here.path, 9).or_throw().empty());
  for (const char* name : {"/a", "/b", "/c"}) {
    auto made = os::make_unnamed(here.path).or_throw();
    os::give_name(made.get(), here.path + name).or_throw();
  }
  EXPECT_EQ(os::names_in(here.path, 2).or_throw().size(), 2u);
  EXPECT_EQ(os::names_in(here.path, 9).or_throw().size(), 3u);
  EXPECT_TRUE(os::remove_directory(here.path).failed_with(std::errc::directory_not_empty));
  for (const char* name : {"/a", "/b", "/c"}) os::remove_file(here.path + name).or_throw();
  os::remove_directory(here.path).or_throw();
  EXPECT_TRUE(os::names_in(here.path, 9).failed_with(std::errc::no_such_file_or_directory));
}
