// Bodies of publish/normalizer.hpp: the feed as a whole, validity, publication, the board.
#pragma once
#include "publish/normalizer.hpp"

namespace hft::feedd {

template <EventPublisher Publisher, EventClock Clock>
Normalizer<Publisher, Clock>::Normalizer(const NormalizerOptions& options, Publisher& publisher, const Clock& clock)
    : publisher_(publisher),
      clock_(clock),
      midnight_utc_ns_(options.midnight_utc_ns),
      engine_(options.orders, options.levels, options.touch),
      instruments_(options.instruments, options.touch),
      unlisted_{.validity = schema::BookValidity::INVALID_CAPACITY} {}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::prepare(Bytes message) const noexcept {
  if (message.size() < sizeof(itch50::OrderDelete)) return;
  const auto& order = view_as<itch50::OrderDelete>(message);
  const std::uint32_t id = order.prefix.stock_locate.value();
  if (instruments_.lists(id)) instruments_.prefetch(id);
  if (!itch50::changes_book(order.prefix.type)) return;
  engine_.prefetch(order.order_reference.value());
  if (order.prefix.type == 'U' && message.size() == sizeof(itch50::OrderReplace)) {
    engine_.prefetch(view_as<itch50::OrderReplace>(message).new_reference.value());
  }
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_message(std::uint64_t feed_sequence, Bytes message, const MessageMeta& meta) {
  ++counters_.messages;
  feed_sequence_ = feed_sequence;
  const auto reason = itch50::check(message);
  if (feed_validity_ == schema::BookValidity::NO_BOOK) [[unlikely]] {
    const bool from_the_start = feed_sequence == 1 && reason == itch50::MalformedMessage::NONE &&
                                message[0] == std::byte{'S'} && view_as<itch50::SystemEvent>(message).event_code == 'O';
    feed_validity_ = from_the_start ? schema::BookValidity::VALID : schema::BookValidity::PARTIAL;
  }
  if (reason != itch50::MalformedMessage::NONE) [[unlikely]]
    return skip(reason, message);

  const auto& prefix = view_as<itch50::Prefix>(message);
  ++counters_.messages_by_type[static_cast<std::uint8_t>(prefix.type)];
  exchange_ts_ns_ = midnight_utc_ns_ + prefix.timestamp_ns.value();
  const std::uint32_t id = prefix.stock_locate.value();
  const bool listed = instruments_.lists(id);
  Instrument& instrument = listed ? instruments_.at(id) : id == 0 ? whole_feed_ : unlisted_;
  if (listed && instrument.validity == schema::BookValidity::NO_BOOK) [[unlikely]]
    introduce(id);
  dispatch({id, listed, instrument, exchange_ts_ns_, meta, prefix.type}, message);
}

// A known type of the wrong length was meant for a book, or said whether it trades: that book has lost something. So
// has the phase, if it was a system event.
template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::skip(itch50::MalformedMessage reason, Bytes message) {
  ++counters_.malformed_messages[static_cast<std::size_t>(reason)];
  if (message.empty()) return;
  const char type = static_cast<char>(message[0]);
  if (type == 'S') phase_ = schema::MarketPhase::UNKNOWN;
  if (message.size() < sizeof(itch50::Prefix)) return;
  if (!itch50::changes_book(type) && !itch50::changes_trading(type)) return;
  const std::uint32_t id = view_as<itch50::Prefix>(message).stock_locate.value();
  if (instruments_.lists(id)) invalidate(id, schema::BookValidity::INVALID_GAP);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_gap(std::uint64_t first_missing, std::uint64_t count) {
  if (feed_validity_ != schema::BookValidity::INVALID_GAP) {
    feed_validity_ = schema::BookValidity::INVALID_GAP;
    for (std::uint32_t id = 1; id < instruments_.capacity(); ++id) {
      if (instruments_.at(id).validity == schema::BookValidity::NO_BOOK) continue;
      instruments_.at(id).validity = schema::BookValidity::INVALID_GAP;
      instruments_.mark_dirty(id);
    }
  }
  phase_ = schema::MarketPhase::UNKNOWN;  // a system event may be missing
  feed_sequence_ = first_missing + count;
  publish_own(schema::EventKind::GAP, {.quantity = count, .order_reference = first_missing});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_session(SessionChange change, const MoldSession&, std::uint64_t sequence) {
  feed_sequence_ = sequence;
  if (change == SessionChange::BEGIN) {
    engine_.clear();
    instruments_.reset();
    feed_validity_ = schema::BookValidity::NO_BOOK;
    phase_ = schema::MarketPhase::UNKNOWN;
  }
  publish_own(schema::EventKind::SESSION, {.code = change == SessionChange::BEGIN ? '+' : '.'});
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::flush() {
  instruments_.drain_dirty(ring_sequence_, [this](const BoardUpdate& update) {
    ++counters_.board_entries;
    publisher_.update_board(update);
  });
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::introduce(std::uint32_t id) {
  instruments_.at(id).validity = feed_validity_;
  instruments_.mark_dirty(id);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::invalidate(std::uint32_t id, schema::BookValidity reason) {
  auto& validity = instruments_.at(id).validity;
  if (validity != schema::BookValidity::VALID && validity != schema::BookValidity::PARTIAL) return;
  validity = reason;
  instruments_.mark_dirty(id);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::changed(const Context& context) {
  if (!context.listed) return;
  context.instrument.exchange_ts_ns = context.exchange_ts_ns;
  instruments_.mark_dirty(context.id);
}

namespace normalizer_detail {

constexpr std::uint16_t saturated(std::uint32_t orders) noexcept {
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(orders, 65535));
}

inline schema::EventFlags transport_flags(const MessageMeta& meta) noexcept {
  auto flags = schema::EventFlags::NONE;
  if (meta.line == Line::B) flags |= schema::EventFlags::LINE_B;
  if (meta.line == Line::RETRANSMISSION) flags |= schema::EventFlags::RETRANSMITTED;
  if (meta.last_in_packet) flags |= schema::EventFlags::LAST_IN_PACKET;
  return flags;
}

}  // namespace normalizer_detail

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::publish(const Context& context, schema::EventKind kind, const Draft& draft) {
  using normalizer_detail::saturated;
  const Level bid = context.instrument.book.bid.top();
  const Level ask = context.instrument.book.ask.top();
  const std::int64_t ask_price = ask.orders == 0 ? 0 : level_key(schema::Side::SELL, ask.key);
  const auto flags = draft.flags | normalizer_detail::transport_flags(context.meta);
  ++counters_.events;
  ring_sequence_ = publisher_.publish(schema::MarketEvent(
      0, context.meta.receive_ts_ns, clock_.now_ns(), context.exchange_ts_ns, context.id, kind, draft.side, flags,
      draft.price, draft.quantity, draft.order_reference, bid.key, ask_price, bid.quantity, ask.quantity,
      saturated(bid.orders), saturated(ask.orders), context.instrument.trade_state, context.instrument.validity,
      static_cast<std::uint8_t>(draft.code), static_cast<std::uint8_t>(context.type), feed_sequence_,
      draft.replaced_order_reference, draft.match_number));
}

// feedd's own kinds: about the whole feed, received when they are published.
template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::publish_own(schema::EventKind kind, const Draft& draft) {
  const MessageMeta meta{.receive_ts_ns = clock_.now_ns()};
  publish({0, false, whole_feed_, exchange_ts_ns_, meta, 0}, kind, draft);
}

}  // namespace hft::feedd
