// What the calling thread has asked of operator new so far, in the whole test program.
#pragma once
#include <cstdint>

namespace hft::feedd::test {

[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace hft::feedd::test
