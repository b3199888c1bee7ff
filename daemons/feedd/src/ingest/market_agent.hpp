// The market thread's work: sockets → sequencer → normalizer → market.ring and market.board.
//
// A round polls each socket once and never waits. While nothing is published TICK records say that time passes;
// when no line has carried a packet of the session for `silence_alarm_ns` SESSION '!' says so, and '*' behind the
// first one that comes again.
#pragma once
#include <cstdint>
#include <vector>

#include "feedd/board.hpp"
#include "feedd/ring.hpp"
#include "feedd/tsc_clock.hpp"
#include "ingest/market_stats.hpp"
#include "ingest/packet_receiver.hpp"
#include "ingest/trading_day.hpp"
#include "protocol/sequencer.hpp"
#include "publish/normalizer.hpp"
#include "runtime/config.hpp"
#include "runtime/feed_look.hpp"
#include "runtime/loop_totals.hpp"

namespace hft::feedd {

class MarketAgent {
 public:
  static constexpr std::uint64_t TIMER_INTERVAL_NS = 250'000;    // gaps are looked at again, at least this often
  static constexpr std::uint64_t HOUSE_INTERVAL_NS = 1'000'000;  // statistics, the date, the clock

  static constexpr std::uint64_t REPLY_WAIT_NS = 1'000'000'000;  // the server is listened to this long after a request

  // Opens the sockets and takes all memory the books will ever need. The regions and `stats` outlive the agent.
  // Throws SocketError, std::bad_alloc.
  MarketAgent(const Config& config, Region& ring, Region& board, MarketStats& stats);
  MarketAgent(const MarketAgent&) = delete;
  MarketAgent& operator=(const MarketAgent&) = delete;

  // Returns how many datagrams it took.
  unsigned do_work() noexcept;
  // The daemon ends: what is missing is given up, what is held is delivered.
  void stop() noexcept;
  // Messages decoded, records published. What waits in the sockets is the kernel's to know.
  [[nodiscard]] LoopTotals totals() const noexcept {
    return {normalizer_.counters().messages, normalizer_.ring_sequence(), 0};
  }

  struct Source {
    Line line;
    PacketReceiver receiver;
  };
  [[nodiscard]] const std::vector<Source>& sources() const noexcept { return sources_; }
  // For the gateway thread.
  [[nodiscard]] const FeedLook& look() const noexcept { return look_; }

 private:
  unsigned take_packets(Source& source, std::uint64_t now_ns) noexcept;
  void on_timer(std::uint64_t now_ns) noexcept;
  void tell_phase() noexcept;
  void watch_silence(std::uint64_t now_ns) noexcept;
  void tick(std::uint64_t now_ns) noexcept;
  void ask(const RetransmissionRequest& request) noexcept;
  void keep_house(std::uint64_t now_ns) noexcept;
  void publish_stats() noexcept;

  std::uint64_t tick_interval_ns_;
  std::uint64_t silence_alarm_ns_;
  RingWriter<schema::MarketEvent> ring_;
  BoardWriter board_;
  RingPublisher publisher_;
  TscClock clock_;
  TradingDay trading_day_;
  Sequencer sequencer_;
  Normalizer<RingPublisher, TscClock> normalizer_;
  std::vector<Source> sources_;
  int request_descriptor_ = -1;  // of the retransmission source
  MarketStats& stats_;
  AgentCounters counters_;
  std::uint64_t begin_ns_;       // of the agent
  std::uint64_t last_event_ns_;  // when the ring last moved
  std::uint64_t replies_until_ns_ = 0;
  std::uint64_t timer_due_ns_ = 0;
  std::uint64_t house_due_ns_ = 0;
  alignas(128) FeedLook look_;  // another thread's line
};

}  // namespace hft::feedd
