// transom/os/mapped_test.cpp - a file is a T or it is refused, a private copy is private page by page, and a file that
// shrinks is an error to whoever reads it with care.
#include "transom/os/mapped.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "transom/os/guarded_copy.hpp"
#include "transom/os/old_kernel.hpp"
#include "transom/os/testing.hpp"

using transom::errc;
namespace os = transom::os;
using os::mapped;
using os::mapped_file;
namespace testing_os = transom::os::testing;

namespace {

struct tally {
  std::uint32_t magic, count;
  double total;
};

// What the kernel says about the mapping that begins at `data`: kilobytes of one line of /proc/self/smaps.
long kilobytes(const void* data, const std::string& label) {
  char begins[32];
  std::snprintf(begins, sizeof begins, "%lx-", reinterpret_cast<unsigned long>(data));
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.starts_with(begins)) here = true;
    else if (here && line.starts_with(label)) return std::stol(line.substr(label.size()));
  }
  return -1;
}

}  // namespace

TEST(mapped, one_value_is_the_file_and_other_processes_see_it) {
  testing_os::temporary_directory dir;
  auto file = mapped<tally>::create(dir / "t").or_throw();
  EXPECT_EQ(file->count, 0u);
  EXPECT_TRUE(testing_os::in_child([&] {
    *mapped<tally>::open(dir / "t").or_throw() = {.magic = 7, .count = 2, .total = 1.5};
    return true;
  }));
  EXPECT_EQ(file->total, 1.5);
  EXPECT_EQ(file.load().or_throw().count, 2u);
  file.file().flush().or_throw();
  EXPECT_EQ(std::filesystem::file_size(dir / "t"), sizeof(tally));
  EXPECT_EQ(mapped<tally>::create(dir / "t").or_throw()->magic, 7u) << "what is there stays";
  EXPECT_TRUE(mapped<tally>::create(dir / "t", {.exclusive = true}).failed_with(std::errc::file_exists));
}

TEST(mapped, an_array_grows_and_keeps_its_elements) {
  testing_os::temporary_directory dir;
  auto numbers = mapped<int[]>::create(dir / "n", {.count = 3}).or_throw();
  for (int n = 0; int& number : numbers.values()) number = ++n;
  numbers.grow(5000).or_throw();
  EXPECT_EQ(numbers.size(), 5000u);
  EXPECT_EQ(numbers[2], 3);
  EXPECT_EQ(numbers[4999], 0);
  EXPECT_EQ((mapped<int[]>::create(dir / "n", {.count = 10}).or_throw().size()), 5000u);
  EXPECT_EQ((mapped<const int[]>::open(dir / "n").or_throw().load(1).or_throw()), 2);
}

TEST(mapped, a_file_of_another_size_is_another_type) {
  testing_os::temporary_directory dir;
  std::ofstream(dir / "f") << "twelve bytes";
  auto refused = mapped<tally>::open(dir / "f");
  ASSERT_TRUE(refused.failed_with(errc::type_mismatch));
  EXPECT_EQ(refused.error().detail(), "the file has 12 bytes, its type 16");
  EXPECT_TRUE(mapped<tally>::create(dir / "f").failed_with(errc::type_mismatch));
  EXPECT_EQ(std::filesystem::file_size(dir / "f"), 12u) << "and it was not lengthened to find out";
  EXPECT_TRUE(mapped<tally[]>::open(dir / "f").failed_with(errc::type_mismatch));
  EXPECT_TRUE(mapped<tally>::open(dir / "missing").failed_with(std::errc::no_such_file_or_directory));
}

TEST(mapped, a_const_one_needs_no_right_to_write) {
  testing_os::temporary_directory dir;
  mapped<int>::create(dir / "f", {.mode = 0444}).or_throw();
  EXPECT_TRUE(testing_os::as_nobody([&] {
    return mapped<const int>::open(dir / "f").has_value() && mapped<int>::open(dir / "f", {.with = os::share::copy}) &&
           mapped<int>::open(dir / "f").failed_with(std::errc::permission_denied);
  }));
}

// Oracle: the kernel's own account of the mapping, before and after one byte of one page was stored.
TEST(mapped, a_store_into_a_private_copy_copies_exactly_that_page) {
  testing_os::temporary_directory dir;
  const std::size_t page = os::page_size();
  mapped<char[]>::create(dir / "f", {.count = 16 * page}).or_throw();
  auto copy = mapped<char[]>::open(dir / "f", {.with = os::share::copy}).or_throw();
  copy.file().advise(os::advice::random).or_throw();
  int sum = 0;
  for (std::size_t i = 0; i < 16; ++i) sum += copy[i * page];
  EXPECT_EQ(sum, 0);
  EXPECT_EQ(kilobytes(copy.values().data(), "Anonymous:"), 0);
  copy[5 * page + 1] = 'x';
  EXPECT_EQ(kilobytes(copy.values().data(), "Anonymous:"), static_cast<long>(page / 1024));
  mapped<char[]>::open(dir / "f").or_throw()[9 * page] = 'y';
  EXPECT_EQ(copy[9 * page], 'y') << "on Linux a page not yet copied is still the file's";
  EXPECT_EQ((mapped<const char[]>::open(dir / "f").or_throw()[5 * page + 1]), 0);
  EXPECT_EQ(copy.load(5 * page + 1).or_throw(), 'x') << "read() sees private changes";
}

TEST(mapped, a_private_copy_cannot_be_flushed) {
  testing_os::temporary_directory dir;
  mapped<int>::create(dir / "f").or_throw();
  auto copy = mapped<int>::open(dir / "f", {.with = os::share::copy}).or_throw();
  auto refused = copy.file().flush();
  ASSERT_TRUE(refused.failed_with(std::errc::invalid_argument));
  EXPECT_EQ(refused.error().detail(), "a private copy: its changes go to no file");
  EXPECT_EQ(refused.error().url(), dir / "f");
  EXPECT_TRUE(os::mapping::anonymous(1).or_throw().flush().failed_with(std::errc::invalid_argument));
}

class a_file_that_shrinks : public testing::TestWithParam<os::share> {};
INSTANTIATE_TEST_SUITE_P(mapped, a_file_that_shrinks, testing::Values(os::share::shared, os::share::copy));

// Oracle: the child touches the lost page and dies of SIGBUS; load() of the same page is an error.
TEST_P(a_file_that_shrinks, is_an_error_to_load_and_not_a_bus_error) {
  testing_os::temporary_directory dir;
  const std::size_t page = os::page_size();
  mapped<char[]>::create(dir / "f", {.count = 4 * page}).or_throw();
  auto file = mapped<char[]>::open(dir / "f", {.with = GetParam()}).or_throw();
  file[0] = 'a';
  file[3 * page] = 'b';
  std::filesystem::resize_file(dir / "f", page + 10);
  EXPECT_EQ(testing_os::forked([&] {
              ::signal(SIGBUS, [](int) { ::_exit(42); });
              return file[3 * page] == 'b';
            }).wait(),
            42);
  auto lost = file.load(3 * page);
  ASSERT_TRUE(lost.failed_with(std::errc::no_such_device_or_address));
  EXPECT_NE(lost.error().detail().find("the file was shortened: bytes 12288 to 12289 of a file of 4106"),
            std::string_view::npos)
      << lost.error().message();
  EXPECT_TRUE(file.load(page + 10).failed_with(std::errc::no_such_device_or_address)) << "no SIGBUS there, but no byte";
  EXPECT_EQ(file.load(0).or_throw(), 'a');
  auto flushed = file.file().flush();
  EXPECT_FALSE(flushed) << "what was stored beyond the end is lost";
  EXPECT_TRUE(file.grow(8 * page).has_value() == (GetParam() == os::share::shared));
}

TEST(guarded_copy, memory_that_is_not_there_is_an_error_whatever_the_kernel_allows) {
  auto memory = os::mapping::anonymous(3 * os::page_size()).or_throw();
  memory.bytes()[os::page_size() - 1] = std::byte{7};
  ASSERT_EQ(::mprotect(memory.data() + os::page_size(), os::page_size(), PROT_NONE), 0);
  const auto holds = [&] {
    std::vector<std::byte> into(os::page_size());
    return os::guarded_copy(into, memory.data()).has_value() && into.back() == std::byte{7} &&
           os::guarded_copy(into, memory.data() + 1).failed_with(std::errc::bad_address) &&
           os::guarded_copy(into, nullptr).failed_with(std::errc::bad_address);
  };
  EXPECT_TRUE(holds());
  EXPECT_TRUE(testing_os::in_child([&] { return testing_os::refuse_call(SYS_process_vm_readv, ENOSYS) && holds(); }));
}
