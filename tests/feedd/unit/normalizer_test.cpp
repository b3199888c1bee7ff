#include "publish/normalizer.hpp"

#include <gtest/gtest.h>

#include "normalizer_fixture.hpp"

namespace hft::feedd {
namespace {

using schema::BookValidity;
using schema::EventFlags;
using schema::EventKind;
using schema::MarketEvent;
using schema::Side;
using schema::TradeState;
using test::MIDNIGHT;

class NormalizerTest : public test::NormalizerFixture {};

TEST_F(NormalizerTest, an_add_carries_the_order_and_the_top_after_it) {
  open();
  feed(test::add(3, 11, 'B', 100, 5000));
  const MarketEvent event = feed(test::add(3, 12, 'S', 200, 5100));
  EXPECT_EQ(EventKind::ADD, event.kind());
  EXPECT_EQ(3u, event.instrument_id());
  EXPECT_EQ(Side::SELL, event.side());
  EXPECT_EQ(5100, event.price());
  EXPECT_EQ(200u, event.quantity());
  EXPECT_EQ(12u, event.order_reference());
  EXPECT_EQ(5000, event.bid_price());
  EXPECT_EQ(100u, event.bid_quantity());
  EXPECT_EQ(1u, event.bid_orders());
  EXPECT_EQ(5100, event.ask_price());
  EXPECT_EQ(200u, event.ask_quantity());
  EXPECT_EQ('A', event.code());
  EXPECT_EQ('A', event.message_type());
  EXPECT_EQ(3u, event.feed_sequence());
  EXPECT_EQ(BookValidity::VALID, event.validity());
  EXPECT_EQ(EventFlags::TOP_CHANGED | EventFlags::BOOK_CHANGED, event.flags());
}

TEST_F(NormalizerTest, an_execution_carries_the_resting_price_and_side) {
  open();
  feed(test::add(3, 11, 'B', 100, 5000));
  const MarketEvent event = feed(test::executed(3, 11, 40, 77));
  EXPECT_EQ(EventKind::EXECUTE, event.kind());
  EXPECT_EQ(Side::BUY, event.side());
  EXPECT_EQ(5000, event.price());
  EXPECT_EQ(40u, event.quantity());
  EXPECT_EQ(77u, event.match_number());
  EXPECT_EQ(60u, event.bid_quantity());
}

TEST_F(NormalizerTest, a_delete_carries_what_remained) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  feed(test::executed(3, 11, 40));
  const MarketEvent event = feed(test::deleted(3, 11));
  EXPECT_EQ(60u, event.quantity());
  EXPECT_EQ(5000, event.price());
  EXPECT_EQ(0, event.ask_price());
  EXPECT_EQ(0u, event.ask_quantity());
}

TEST_F(NormalizerTest, a_replace_names_both_references) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  const MarketEvent event = feed(test::replaced(3, 11, 12, 70, 4900));
  EXPECT_EQ(EventKind::REPLACE, event.kind());
  EXPECT_EQ(Side::SELL, event.side());
  EXPECT_EQ(12u, event.order_reference());
  EXPECT_EQ(11u, event.replaced_order_reference());
  EXPECT_EQ(4900, event.ask_price());
}

TEST_F(NormalizerTest, times_and_delivery_are_carried) {
  open();
  auto message = test::itch<itch50::SystemEvent>('S', 0, 123);
  message.event_code = 'Q';
  const MarketEvent event =
      feed(test::bytes_of(message), {.receive_ts_ns = 55, .line = Line::RETRANSMISSION, .last_in_packet = true});
  EXPECT_EQ(MIDNIGHT + 123, event.exchange_ts_ns());
  EXPECT_EQ(55u, event.receive_ts_ns());
  EXPECT_EQ(clock.time_ns, event.publish_ts_ns());
  EXPECT_EQ(EventFlags::RETRANSMITTED | EventFlags::LAST_IN_PACKET, event.flags());
  EXPECT_TRUE(has(feed(test::system_event('M'), {.line = Line::B}), EventFlags::LINE_B));
}

TEST_F(NormalizerTest, a_non_printable_execution_is_flagged_and_counts_into_no_volume) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  auto message = test::itch<itch50::OrderExecutedPriced>('C', 3);
  message.execution.order_reference.set(11);
  message.execution.executed_shares.set(30);
  message.printable = 'N';
  message.price_e4.set(4950);
  const MarketEvent event = feed(test::bytes_of(message));
  EXPECT_EQ(4950, event.price());
  EXPECT_EQ(70u, event.ask_quantity());
  EXPECT_TRUE(has(event, EventFlags::NOT_PRINTABLE));
  message.printable = 'Y';
  EXPECT_FALSE(has(feed(test::bytes_of(message)), EventFlags::NOT_PRINTABLE));
  normalizer.flush();
  EXPECT_EQ(30u, publisher.board.at(3).volume());
  EXPECT_EQ(4950, publisher.board.at(3).last_trade_price());
}

TEST_F(NormalizerTest, the_phase_is_what_the_last_system_event_of_this_session_said) {
  using schema::MarketPhase;
  EXPECT_EQ(MarketPhase::UNKNOWN, normalizer.phase());
  open();
  EXPECT_EQ(MarketPhase::CLOSED, normalizer.phase());
  for (const auto& [code, phase] : {std::pair{'S', MarketPhase::EXTENDED},
                                    {'Q', MarketPhase::REGULAR},
                                    {'M', MarketPhase::EXTENDED},
                                    {'E', MarketPhase::CLOSED},
                                    {'Q', MarketPhase::REGULAR},
                                    {'C', MarketPhase::CLOSED},
                                    {'x', MarketPhase::UNKNOWN},
                                    {'Q', MarketPhase::REGULAR}}) {
    feed(test::system_event(code));
    EXPECT_EQ(phase, normalizer.phase()) << code;
  }
  feed(test::add(3, 11, 'S', 100, 5000));
  EXPECT_EQ(MarketPhase::REGULAR, normalizer.phase());
  normalizer.on_gap(20, 1);
  EXPECT_EQ(MarketPhase::UNKNOWN, normalizer.phase());
  feed(test::system_event('Q'));
  normalizer.on_session(SessionChange::END, {}, 1);
  EXPECT_EQ(MarketPhase::REGULAR, normalizer.phase());
  normalizer.on_session(SessionChange::BEGIN, {}, 1);
  EXPECT_EQ(MarketPhase::UNKNOWN, normalizer.phase());
}

TEST_F(NormalizerTest, a_system_event_that_can_not_be_read_leaves_no_phase) {
  for (const std::size_t length : {std::size_t{1}, sizeof(itch50::SystemEvent) - 1}) {
    open();
    feed(test::system_event('Q'));
    auto message = test::system_event('M');
    message.resize(length);
    normalizer.on_message(++sequence, message, {});
    EXPECT_EQ(schema::MarketPhase::UNKNOWN, normalizer.phase());
  }
}

TEST_F(NormalizerTest, an_execution_of_an_unknown_order_counts_and_leaves_the_last_price) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  feed(test::executed(3, 11, 40));
  feed(test::executed(3, 99, 7));
  normalizer.flush();
  EXPECT_EQ(47u, publisher.board.at(3).volume());
  EXPECT_EQ(40u, publisher.board.at(3).last_trade_quantity());
  EXPECT_EQ(5000, publisher.board.at(3).last_trade_price());
}

TEST_F(NormalizerTest, a_feed_heard_from_its_first_message_makes_valid_books) {
  open();
  EXPECT_EQ(BookValidity::VALID, feed(test::add(3, 11, 'S', 100, 5000)).validity());
}

TEST_F(NormalizerTest, a_feed_joined_later_makes_partial_books) {
  sequence = 500;
  EXPECT_EQ(BookValidity::PARTIAL, feed(test::add(3, 11, 'S', 100, 5000)).validity());
}

TEST_F(NormalizerTest, a_first_message_that_opens_nothing_makes_partial_books) {
  feed(test::system_event('Q'));
  EXPECT_EQ(BookValidity::PARTIAL, feed(test::add(3, 11, 'S', 100, 5000)).validity());
}

TEST_F(NormalizerTest, a_gap_invalidates_every_known_book_on_the_board_and_those_to_come) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  normalizer.on_gap(3, 10);
  const MarketEvent gap = events().back();
  EXPECT_EQ(EventKind::GAP, gap.kind());
  EXPECT_EQ(10u, gap.quantity());
  EXPECT_EQ(3u, gap.order_reference());
  EXPECT_EQ(13u, gap.feed_sequence());
  EXPECT_EQ(BookValidity::INVALID_GAP, board_validity(3));
  EXPECT_EQ(BookValidity::INVALID_GAP, feed(test::add(4, 12, 'S', 100, 5000)).validity());
  EXPECT_FALSE(publisher.board.contains(5));
}

TEST_F(NormalizerTest, an_unknown_reference_is_flagged_counted_and_invalidates_a_valid_book_only) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  const MarketEvent event = feed(test::executed(3, 99, 40));
  EXPECT_EQ(0, event.price());
  EXPECT_EQ(Side::NONE, event.side());
  EXPECT_TRUE(has(event, EventFlags::UNKNOWN_REFERENCE));
  EXPECT_EQ(BookValidity::INVALID_REFERENCE, event.validity());
  EXPECT_EQ(1u, book_results(BookResult::UNKNOWN_REFERENCE));
}

TEST_F(NormalizerTest, a_partial_book_expects_unknown_references) {
  sequence = 500;
  EXPECT_EQ(BookValidity::PARTIAL, feed(test::deleted(3, 99)).validity());
}

TEST_F(NormalizerTest, an_excessive_execution_invalidates_the_book_without_underflow) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  const MarketEvent event = feed(test::executed(3, 11, 101));
  EXPECT_EQ(BookValidity::INVALID_REFERENCE, event.validity());
  EXPECT_EQ(0u, event.ask_quantity());
  EXPECT_EQ(1u, book_results(BookResult::EXCESS_QUANTITY));
}

TEST_F(NormalizerTest, a_full_order_table_invalidates_the_book_that_lost_an_order) {
  open();
  for (std::uint64_t reference = 1; reference <= 64; ++reference) feed(test::add(3, reference, 'B', 1, 5000));
  EXPECT_EQ(BookValidity::INVALID_CAPACITY, feed(test::add(4, 65, 'B', 1, 5000)).validity());
  EXPECT_EQ(BookValidity::VALID, board_validity(3));
}

TEST_F(NormalizerTest, a_locate_beyond_the_capacity_is_published_without_a_book) {
  open();
  const MarketEvent event = feed(test::add(8, 11, 'S', 100, 5000));
  EXPECT_EQ(8u, event.instrument_id());
  EXPECT_EQ(BookValidity::INVALID_CAPACITY, event.validity());
  EXPECT_EQ(0u, event.ask_quantity());
  EXPECT_TRUE(has(feed(test::executed(8, 11, 1)), EventFlags::UNKNOWN_REFERENCE));
  EXPECT_EQ(2u, normalizer.counters().instruments_out_of_range);
  EXPECT_EQ(0u, normalizer.engine().orders().size());
}

TEST_F(NormalizerTest, an_order_for_locate_zero_has_no_book) {
  open();
  EXPECT_EQ(BookValidity::NO_BOOK, feed(test::add(0, 11, 'S', 100, 5000)).validity());
  EXPECT_EQ(1u, normalizer.counters().instruments_out_of_range);
}

TEST_F(NormalizerTest, a_side_that_is_neither_buy_nor_sell_is_published_but_not_entered) {
  open();
  const MarketEvent event = feed(test::add(3, 11, '?', 100, 5000));
  EXPECT_EQ(Side::NONE, event.side());
  EXPECT_EQ(BookValidity::INVALID_REFERENCE, event.validity());
  EXPECT_EQ(1u, normalizer.counters().unknown_sides);
}

TEST_F(NormalizerTest, malformed_messages_are_counted_by_reason_and_not_published) {
  open();
  auto cut = test::add(3, 11, 'S', 100, 5000);
  cut.pop_back();
  const std::size_t published = events().size();
  for (const auto& message : {test::Buffer{}, test::Buffer{std::byte{'!'}}, cut}) {
    normalizer.on_message(++sequence, message, {});
  }
  EXPECT_EQ(published, events().size());
  const auto& malformed = normalizer.counters().malformed_messages;
  EXPECT_EQ(1u, malformed[static_cast<std::size_t>(itch50::MalformedMessage::EMPTY)]);
  EXPECT_EQ(1u, malformed[static_cast<std::size_t>(itch50::MalformedMessage::UNKNOWN_TYPE)]);
  EXPECT_EQ(1u, malformed[static_cast<std::size_t>(itch50::MalformedMessage::TOO_SHORT)]);
  EXPECT_EQ(4u, normalizer.counters().messages);
}

TEST_F(NormalizerTest, an_order_message_that_can_not_be_read_invalidates_its_book) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  auto cut = test::deleted(3, 11);
  cut.pop_back();
  normalizer.on_message(++sequence, cut, {});
  EXPECT_EQ(BookValidity::INVALID_GAP, board_validity(3));
}

TEST_F(NormalizerTest, a_halt_that_can_not_be_read_invalidates_its_book) {
  open();
  for (const auto id : {std::uint16_t{3}, std::uint16_t{4}}) {
    feed(test::add(id, id, 'S', 100, 5000));
    auto cut = id == 3 ? test::bytes_of(test::itch<itch50::TradingAction>('H', id))
                       : test::bytes_of(test::itch<itch50::OperationalHalt>('h', id));
    cut.pop_back();
    normalizer.on_message(++sequence, cut, {});
    EXPECT_EQ(BookValidity::INVALID_GAP, board_validity(id));
  }
}

TEST_F(NormalizerTest, the_trade_state_follows_trading_actions_and_this_markets_halts) {
  open();
  auto action = test::itch<itch50::TradingAction>('H', 3);
  action.trading_state = 'T';
  EXPECT_EQ(TradeState::TRADING, feed(test::bytes_of(action)).trade_state());
  auto halt = test::itch<itch50::OperationalHalt>('h', 3);
  halt.market_code = 'B';
  halt.action = 'H';
  EXPECT_EQ(TradeState::TRADING, feed(test::bytes_of(halt)).trade_state());
  halt.market_code = 'Q';
  EXPECT_EQ(TradeState::HALTED, feed(test::bytes_of(halt)).trade_state());
  action.trading_state = 'P';
  EXPECT_EQ(TradeState::HALTED, feed(test::bytes_of(action)).trade_state());
  halt.action = 'T';
  EXPECT_EQ(TradeState::PAUSED, feed(test::bytes_of(halt)).trade_state());
  EXPECT_EQ('Q', events().back().match_number());
}

TEST_F(NormalizerTest, a_new_session_clears_books_and_board) {
  open();
  feed(test::add(3, 11, 'S', 100, 5000));
  normalizer.on_gap(3, 1);
  normalizer.flush();
  normalizer.on_session(SessionChange::BEGIN, test::session_named("NEXT"), 1);
  EXPECT_EQ('+', events().back().code());
  EXPECT_EQ(BookValidity::NO_BOOK, board_validity(3));
  EXPECT_EQ(0, publisher.board.at(3).ask_levels());
  EXPECT_EQ('\0', publisher.board.at(3).symbol()->Get(0));
  sequence = 0;
  open();
  EXPECT_EQ(BookValidity::VALID, feed(test::add(3, 11, 'S', 100, 5000)).validity());
}

TEST_F(NormalizerTest, its_own_records_say_what_happened_and_when) {
  open();
  normalizer.on_tick();
  EXPECT_EQ(EventKind::TICK, events().back().kind());
  EXPECT_EQ(0, events().back().message_type());
  EXPECT_LT(0u, events().back().receive_ts_ns());
  normalizer.on_silence();
  EXPECT_EQ('!', events().back().code());
  normalizer.on_feed_back();
  EXPECT_EQ('*', events().back().code());
  normalizer.on_session(SessionChange::END, test::session_named("DAY"), 2);
  EXPECT_EQ('.', events().back().code());
  EXPECT_EQ(EventKind::SESSION, events().back().kind());
}

// The board is updated side by side and only where it shows a change; whoever forgets one leaves a stale entry.
TEST_F(NormalizerTest, the_order_count_of_the_top_saturates) {
  EXPECT_EQ(65535, normalizer_detail::saturated(70000));
  EXPECT_EQ(65535, normalizer_detail::saturated(65535));
  EXPECT_EQ(7, normalizer_detail::saturated(7));
}

}  // namespace
}  // namespace hft::feedd
