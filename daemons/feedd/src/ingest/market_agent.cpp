#include "ingest/market_agent.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "feedd/clock.hpp"

namespace hft::feedd {
namespace {

SequencerOptions sequencer_options(const FeedConfig& feed) {
  SequencerOptions options;
  options.join = feed.join;
  options.reorder_window_messages = feed.reorder_window_messages;
  options.gap_timeout_ns = feed.gap_timeout_ns;
  options.request_interval_ns = feed.request_interval_ns;
  options.requests = feed.request_server.has_value();
  options.lines = feed.line_b ? 2 : 1;
  return options;
}

NormalizerOptions normalizer_options(const CapacityConfig& capacity, std::uint64_t midnight_utc_ns) {
  NormalizerOptions options;
  options.instruments = capacity.instruments;
  options.orders = capacity.orders;
  options.levels = capacity.levels;
  options.midnight_utc_ns = midnight_utc_ns;
  return options;
}

std::vector<MarketAgent::Source> open_sources(const FeedConfig& feed) {
  const SocketOptions options{feed.receive_buffer_bytes, feed.busy_poll_us};
  std::vector<MarketAgent::Source> sources;
  sources.reserve(LINES);
  const auto open = [&sources](Line line, UdpSocket socket) {
    sources.push_back({line, PacketReceiver(std::move(socket))});
  };
  open(Line::A, UdpSocket::listen(feed.line_a, feed.interface, options));
  if (feed.line_b) open(Line::B, UdpSocket::listen(*feed.line_b, feed.interface, options));
  if (feed.request_server) open(Line::RETRANSMISSION, UdpSocket::connect(*feed.request_server, options));
  return sources;
}

}  // namespace

MarketAgent::MarketAgent(const Config& config, Region& ring, Region& board, MarketStats& stats)
    : tick_interval_ns_(config.feed.tick_interval_ns),
      silence_alarm_ns_(config.feed.silence_alarm_ns),
      ring_(ring),
      board_(board),
      publisher_(ring_, board_),
      trading_day_(config.feed.trading_date),
      sequencer_(sequencer_options(config.feed)),
      normalizer_(normalizer_options(config.capacity, trading_day_.midnight_utc_ns(clock_ns(CLOCK_REALTIME))),
                  publisher_, clock_),
      sources_(open_sources(config.feed)),
      stats_(stats),
      begin_ns_(monotonic_ns()),
      last_event_ns_(begin_ns_) {
  for (const Source& source : sources_) stats_.opened(source.line, source.receiver.socket());
  if (sources_.back().line == Line::RETRANSMISSION) {
    request_descriptor_ = sources_.back().receiver.socket().descriptor();
  }
}

unsigned MarketAgent::do_work() noexcept {
  const std::uint64_t now_ns = monotonic_ns();
  unsigned packets = 0;
  for (Source& source : sources_) {
    if (source.line == Line::RETRANSMISSION && now_ns >= replies_until_ns_) continue;
    packets += take_packets(source, now_ns);
  }
  if (now_ns >= timer_due_ns_) on_timer(now_ns);
  watch_silence(now_ns);
  tick(now_ns);
  if (now_ns >= house_due_ns_) keep_house(now_ns);
  return packets;
}

void MarketAgent::stop() noexcept {
  sequencer_.finish(normalizer_);
  normalizer_.flush();
  publish_stats();
}

unsigned MarketAgent::take_packets(Source& source, std::uint64_t now_ns) noexcept {
  const auto datagrams = source.receiver.poll(now_ns);
  if (datagrams.empty()) return 0;
  for (const Datagram& datagram : datagrams) {
    const std::uint64_t before = normalizer_.ring_sequence();
    const RetransmissionRequest request =
        sequencer_.on_packet(datagram.bytes, source.line, datagram.receive_ts_ns, now_ns, normalizer_);
    normalizer_.flush();
    ask(request);
    if (normalizer_.ring_sequence() != before) {
      last_event_ns_ = monotonic_ns();
      stats_.receive_to_publish_ns.record(last_event_ns_ - datagram.receive_ts_ns);
    }
  }
  look_.up_to_date_ns.store(sequencer_.up_to_date_ns(), std::memory_order_relaxed);
  tell_phase();
  if (counters_.silent && sequencer_.heard_ns() == now_ns) {
    counters_.silent = false;
    normalizer_.on_feed_back();
  }
  return static_cast<unsigned>(datagrams.size());
}

void MarketAgent::on_timer(std::uint64_t now_ns) noexcept {
  timer_due_ns_ = now_ns + TIMER_INTERVAL_NS;
  const std::uint64_t before = normalizer_.ring_sequence();
  ask(sequencer_.on_timer(now_ns, normalizer_));
  normalizer_.flush();
  tell_phase();
  if (normalizer_.ring_sequence() != before) last_event_ns_ = now_ns;
}

void MarketAgent::tell_phase() noexcept { look_.phase.store(normalizer_.phase(), std::memory_order_relaxed); }

// After the end of a session silence is what is expected.
void MarketAgent::watch_silence(std::uint64_t now_ns) noexcept {
  const std::uint64_t heard_ns = std::max(begin_ns_, sequencer_.heard_ns());
  if (counters_.silent || now_ns < heard_ns + silence_alarm_ns_ || sequencer_.session_ended()) return;
  counters_.silent = true;
  ++counters_.silence_alarms;
  normalizer_.on_silence();
  last_event_ns_ = now_ns;
}

void MarketAgent::tick(std::uint64_t now_ns) noexcept {
  if (now_ns < last_event_ns_ + tick_interval_ns_) return;
  last_event_ns_ = now_ns;
  ++counters_.ticks;
  normalizer_.on_tick();
}

void MarketAgent::ask(const RetransmissionRequest& request) noexcept {
  if (!request) return;
  replies_until_ns_ = monotonic_ns() + REPLY_WAIT_NS;
  const MoldHeader packet = encode(request);
  if (::send(request_descriptor_, &packet, sizeof packet, MSG_DONTWAIT | MSG_NOSIGNAL) !=
      static_cast<ssize_t>(sizeof packet)) {
    ++counters_.request_errors;
  }
}

void MarketAgent::keep_house(std::uint64_t now_ns) noexcept {
  house_due_ns_ = now_ns + HOUSE_INTERVAL_NS;
  clock_.recalibrate();
  normalizer_.set_midnight_utc_ns(trading_day_.midnight_utc_ns(clock_ns(CLOCK_REALTIME)));
  publish_stats();
}

void MarketAgent::publish_stats() noexcept {
  for (const Source& source : sources_) stats_.publish_line(source.line, source.receiver.counters());
  stats_.publish(sequencer_);
  stats_.publish(normalizer_.counters());
  counters_.phase = normalizer_.phase();
  stats_.publish(counters_);
}

}  // namespace hft::feedd
