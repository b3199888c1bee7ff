// Prefetch, inlined by force: GCC takes a function that does nothing but __builtin_prefetch for one without effect
// and drops its calls, and with them what the caller computed for it (seen with 12.2).
#pragma once
namespace hft::feedd {

[[gnu::always_inline]] inline void prefetch(const void* address) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace hft::feedd
