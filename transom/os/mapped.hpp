// transom/os/mapped.hpp - a file that is a T, or an array of T, in memory.
//
// What lies in the file is the memory of a T and nothing else: no version, no byte order. It is for one's own scratch
// files and for formats that are defined by their bytes; between programs that are rebuilt separately use a channel.
//
// Death, and a file that somebody shortens: as mapped_file.hpp. load() is the reader that survives it.
#pragma once
#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "transom/base/ensure.hpp"
#include "transom/os/mapped_file.hpp"

namespace transom::os {

/// What a file can hold: plain memory, without addresses of this process.
template <typename T>
concept mappable = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T> &&
                   !std::is_reference_v<T> && !std::is_array_v<T>;

/// Owns a mapped file and sees it as T: one T (`mapped<header>`), an array (`mapped<sample[]>`), or either read-only
/// (`mapped<const header>`), which then needs no right to write. Moves, does not copy. Thread safety: as the memory.
template <typename T>
class mapped {
  using element = std::remove_extent_t<T>;
  static constexpr bool is_array = std::is_unbounded_array_v<T>;
  static constexpr access how = std::is_const_v<element> ? access::read_only : access::read_write;

 public:
  using value_type = std::remove_const_t<element>;
  static_assert(mappable<value_type>, "a file holds plain memory: a trivially copyable type without pointers");
  static_assert(alignof(value_type) <= 4096, "a mapping begins at a page");

  struct options {
    share with = share::shared;  ///< share::copy: changes stay private and the file may be one that cannot be written
    std::size_t count = 1;       ///< create() of an array: elements, at least; an array that is longer stays so
    unsigned mode = 0600;        ///< of a new file, whatever the umask
    bool exclusive = false;      ///< create(): EEXIST rather than opening one that exists
  };

  /// Maps the file at `path`, which exists. Fails as mapped_file::open() does, and with type_mismatch if its size is
  /// not that of a T, or of a whole number of them; the detail says both.
  static result<mapped> open(const std::string& path, options with) {
    return view(mapped_file::open(path, {.how = how, .with = with.with}));
  }
  static result<mapped> open(const std::string& path) { return open(path, options{}); }
  /// The same, making the file with zeros if there is none.
  static result<mapped> create(const std::string& path, options with)
    requires(!std::is_const_v<element>)
  {
    const std::size_t size = sizeof(value_type) * (is_array ? with.count : 1);
    auto made = mapped_file::create(path, {.size = size, .mode = with.mode, .exclusive = true});
    if (with.exclusive || !made.failed_with(std::errc::file_exists)) return view(std::move(made));
    if (!is_array) return open(path, with);  // one of another type is not lengthened first
    return view(mapped_file::create(path, {.how = how, .with = with.with, .size = size, .mode = with.mode}));
  }
  static result<mapped> create(const std::string& path)
    requires(!std::is_const_v<element>)
  {
    return create(path, options{});
  }

  element& operator*() const noexcept
    requires(!is_array)
  {
    return *values().data();
  }
  element* operator->() const noexcept
    requires(!is_array)
  {
    return values().data();
  }
  element& operator[](std::size_t index) const noexcept
    requires is_array
  {
    transom::detail::ensure(index < size(), "the index is within the mapped array");
    return values()[index];
  }
  /// All of them; for one T a span of one.
  std::span<element> values() const noexcept {
    return {std::launder(reinterpret_cast<element*>(file_.bytes().data())), file_.size() / sizeof(value_type)};
  }
  std::size_t size() const noexcept { return file_.size() / sizeof(value_type); }  ///< elements; 1 for one T

  /// A copy of one, also when somebody shortens the file meanwhile: then ENXIO, where touching it would be SIGBUS.
  /// What another process is writing just now may be torn, as with a plain read. One system call or two.
  result<value_type> load(std::size_t index = 0) const {
    transom::detail::ensure(index < size(), "the index is within the mapped array");
    std::array<value_type, 1> copy{};
    auto read = file_.read(index * sizeof(value_type), std::as_writable_bytes(std::span(copy)));
    if (!read) return read.error();
    return copy[0];
  }
  /// Makes the array `count` long, zeros at the end. References to elements end here.
  result<void> grow(std::size_t count)
    requires is_array
  {
    return file_.grow(count * sizeof(value_type));
  }

  /// For flush(), advise() and the descriptor.
  const mapped_file& file() const noexcept { return file_; }

 private:
  explicit mapped(mapped_file file) noexcept : file_(std::move(file)) {}
  static result<mapped> view(result<mapped_file> file) {
    if (!file) return file.error();
    const std::size_t has = file->size(), one = sizeof(value_type);
    if (is_array ? has % one == 0 : has == one) return mapped(std::move(*file));
    return error(errc::type_mismatch, "mmap", file->where())
        .with_detail("the file has " + std::to_string(has) + " bytes, " + (is_array ? "each element " : "its type ") +
                     std::to_string(one));
  }
  mapped_file file_;
};

}  // namespace transom::os
