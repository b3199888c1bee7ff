// Proof from both ends that nothing is sent after the fence is shut: watchd stamps the closing, we the last look
// before each send. Such a look may not have begun after that stamp.
#pragma once
#include <cstdint>

#include "feedd/fence.hpp"

namespace hft::feedd {

class LateSends {
 public:
  // An order of `epoch` was sent; the look before it began at `look_ns`.
  void sent(std::uint64_t epoch, std::uint64_t look_ns) noexcept { last_ = {epoch, look_ns, false}; }

  // To be asked after each send and in each round. True: the order sent last is one too many, and was not counted yet.
  [[nodiscard]] bool check(const FenceView& fence) noexcept {
    const std::uint64_t epoch = fence.epoch();
    const std::uint64_t shut_ns = fence.shut_ts_ns();
    // A new epoch: the stamp is still that of an earlier one, until it changes.
    if (epoch != epoch_) {
      epoch_ = epoch;
      shut_before_ns_ = shut_ns;
    }
    if (shut_ns == shut_before_ns_ || last_.counted || last_.epoch != epoch || last_.look_ns <= shut_ns) return false;
    last_.counted = true;
    ++count_;
    return true;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  struct Send {
    std::uint64_t epoch = 0;
    std::uint64_t look_ns = 0;
    bool counted = false;
  };

  Send last_;
  std::uint64_t epoch_ = 0;
  std::uint64_t shut_before_ns_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace hft::feedd
