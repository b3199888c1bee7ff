#include "allocation_count.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

namespace {
thread_local std::uint64_t count = 0;
}

// Not inlined: GCC would see malloc's pointer go to delete, or new's to free, and call it a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++count;
  if (void* made = std::malloc(bytes == 0 ? 1 : bytes)) return made;
  throw std::bad_alloc();
}
// What std::stable_sort and others use; the sanitizer would keep its own for it, and meet our delete.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++count;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* made) noexcept { std::free(made); }
[[gnu::noinline]] void operator delete(void* made, std::size_t) noexcept { std::free(made); }

namespace hft::feedd::test {

std::uint64_t allocations() noexcept { return count; }

namespace {

TEST(AllocationCount, IsOfTheThreadThatAsks) {
  const std::uint64_t before = allocations();
  std::unique_ptr<std::uint64_t> made;
  std::thread([&] { made = std::make_unique<std::uint64_t>(allocations()); }).join();
  EXPECT_EQ(*made, 0u);
  const std::uint64_t by_the_thread_itself = allocations() - before;
  made = std::make_unique<std::uint64_t>(1);
  EXPECT_EQ(allocations() - before, by_the_thread_itself + 1);
}

}  // namespace
}  // namespace hft::feedd::test
