// Zeroed memory that exists before the first message: mapped once, never grown.
#pragma once
#include <sys/mman.h>

#include <cassert>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace hft::feedd {

enum class Touch : bool {
  LAZY,  // small pages, each on first use: tools that start quickly and use little of a generous capacity
  NOW,   // huge pages where the kernel has them, all of them at once: no fault later
};

template <class Element>
class Preallocated {
  static_assert(std::is_trivially_copyable_v<Element> && std::is_trivially_destructible_v<Element>);

 public:
  // Throws std::bad_alloc when the kernel refuses.
  Preallocated(std::size_t count, Touch touch) : count_(count), bytes_(count * sizeof(Element)) {
    void* mapped = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    elements_ = static_cast<Element*>(mapped);
    if (touch == Touch::LAZY) return;
    ::madvise(mapped, bytes_, MADV_HUGEPAGE);  // advice: small pages only cost time
    clear();
  }
  Preallocated(Preallocated&& other) noexcept
      : elements_(std::exchange(other.elements_, nullptr)), count_(other.count_), bytes_(other.bytes_) {}
  Preallocated& operator=(Preallocated&&) = delete;
  Preallocated(const Preallocated&) = delete;
  Preallocated& operator=(const Preallocated&) = delete;
  ~Preallocated() {
    if (elements_ != nullptr) ::munmap(elements_, bytes_);
  }

  void clear() noexcept { std::memset(static_cast<void*>(elements_), 0, bytes_); }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] Element* data() noexcept { return elements_; }
  [[nodiscard]] const Element* data() const noexcept { return elements_; }
  [[nodiscard]] Element& operator[](std::size_t index) noexcept {
    assert(index < count_);
    return elements_[index];
  }
  [[nodiscard]] const Element& operator[](std::size_t index) const noexcept {
    assert(index < count_);
    return elements_[index];
  }

 private:
  Element* elements_;
  std::size_t count_;
  std::size_t bytes_;
};

}  // namespace hft::feedd
