// Was the same order sent a moment ago? Same instrument, side, price and quantity, within risk.duplicate_window_us.
//
//   key ─ hash ─ set of 8 places, the oldest is given up │ blind until the given-up one would have left the window
//
// A fixed table can not hold every burst: a set that must give up an order still within its window answers "yes" to
// everything until that order's time is over, so an order that was sent is never answered "no". 1024 sets of 8: with
// 1000 orders within the window (10,000 a second at 100 ms) one order in 100,000 meets a full set.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "hft/schema/hft_generated.h"

namespace hft::feedd {

struct DuplicateKey {
  std::uint32_t instrument_id = 0;
  schema::Side side = schema::Side::NONE;
  std::uint64_t price = 0;
  std::uint64_t quantity = 0;  // an order's is never 0

  bool operator==(const DuplicateKey&) const = default;
};

// One thread's. A quarter of a megabyte: a member of what lives as long as the gateway.
class DuplicateWindow {
 public:
  static constexpr std::size_t SETS = 1024;
  static constexpr std::size_t WAYS = 8;

  // 0 = nothing is ever a duplicate.
  explicit DuplicateWindow(std::uint64_t window_ns) noexcept : window_ns_(window_ns) {}

  [[nodiscard]] bool seen(const DuplicateKey& key, std::uint64_t now_ns) const noexcept {
    const Set& set = sets_[index_of(key)];
    if (set.blind && within(set.blind_since_ns, now_ns)) return true;
    for (const Place& place : set.places) {
      if (place.key == key && within(place.sent_ts_ns, now_ns)) return true;
    }
    return false;
  }

  // Of every NEW and REPLACE that went out. Times do not go back.
  void remember(const DuplicateKey& key, std::uint64_t now_ns) noexcept {
    Set& set = sets_[index_of(key)];
    Place* chosen = set.places.data();
    for (Place& place : set.places) {
      if (place.key == key) {
        chosen = &place;
        break;
      }
      if (place.sent_ts_ns < chosen->sent_ts_ns) chosen = &place;
    }
    const bool gives_up = chosen->key.quantity != 0 && chosen->key != key;
    if (gives_up && within(chosen->sent_ts_ns, now_ns)) {
      set.blind = true;
      set.blind_since_ns = chosen->sent_ts_ns;  // the later, the longer: the oldest places go first
    }
    *chosen = Place{key, now_ns};
  }

 private:
  struct Place {
    DuplicateKey key;
    std::uint64_t sent_ts_ns = 0;
  };
  struct Set {
    std::array<Place, WAYS> places;
    std::uint64_t blind_since_ns = 0;
    bool blind = false;
  };

  // A stamp of the future counts as within.
  [[nodiscard]] bool within(std::uint64_t sent_ts_ns, std::uint64_t now_ns) const noexcept {
    return window_ns_ != 0 && !(now_ns >= sent_ts_ns && now_ns - sent_ts_ns >= window_ns_);
  }

  static std::size_t index_of(const DuplicateKey& key) noexcept {
    std::uint64_t x = key.price * 0x9e3779b97f4a7c15ull;
    x ^= (static_cast<std::uint64_t>(key.instrument_id) << 8) | static_cast<std::uint64_t>(key.side);
    x = (x ^ (x >> 32)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ key.quantity ^ (x >> 29)) * 0x94d049bb133111ebull;
    return static_cast<std::size_t>(x >> 54);  // 10 bits
  }

  std::uint64_t window_ns_;
  std::array<Set, SETS> sets_{};
};

}  // namespace hft::feedd
