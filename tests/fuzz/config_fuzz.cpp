// The configuration text: whatever it holds, parse_config gives a Config within its ranges or a ConfigError.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/config.hpp"

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

void check(const hft::feedd::Config& config) {
  require(config.run.directory.starts_with('/'));
  require(std::has_single_bit(config.capacity.market_ring_records));
  require(config.capacity.instruments >= 16 && config.capacity.instruments <= 65536);
  require(config.cores.market >= hft::feedd::NOT_PINNED && config.cores.market < 1024);
  for (const int core : config.cores.housekeeping) require(core >= 0 && core < 1024);
  require(config.feed.line_a.port_be != 0);
  require(!config.feed.line_b || config.feed.line_b->text() != config.feed.line_a.text());
  require(config.feed.reorder_window_messages >= 1 && config.feed.reorder_window_messages <= 1u << 20);
  // What was accepted can be written and read again.
  require(hft::feedd::parse_endpoint(config.feed.line_a.text()).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(hft::feedd::parse_config({reinterpret_cast<const char*>(data), size}));
  } catch (const hft::feedd::ConfigError& error) {
    require(std::string_view(error.what()).size() >= error.key().size());
  }
  return 0;
}
