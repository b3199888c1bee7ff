// Normalizer: every ITCH message becomes one MarketEvent that carries the top of its book right after it.
//
// It is the sequencer's sink. Per packet: on_message … → flush() writes the board entries that changed.
// Which slots of MarketEvent a kind fills is the table in schema/market.fbs, and nothing else.
//
//   validity of a book   NO_BOOK ─ first message ─→ VALID if the session was heard from its first message (system
//                        event 'O' at sequence 1), else PARTIAL; INVALID_GAP after any loss, whatever it was;
//                        VALID, PARTIAL ─→ INVALID_REFERENCE, INVALID_CAPACITY by what the book engine reports.
//                        Only a new session leads out of the invalid ones.
//
// Bodies: publish/normalizer_impl.hpp (feed, board), publish/itch50_events.hpp and publish/itch50_orders.hpp (types).
#pragma once
#include <array>
#include <cstdint>

#include "protocol/itch50.hpp"
#include "protocol/sequencer.hpp"
#include "publish/instruments.hpp"
#include "publish/publisher.hpp"

namespace hft::feedd {

struct NormalizerOptions {
  std::uint32_t instruments = 16384;  // highest stock locate + 1
  std::uint64_t orders = 4194304;
  std::uint64_t levels = 1048576;
  std::uint64_t midnight_utc_ns = 0;  // New York midnight of the trading date, see publish/trading_date.hpp
  Touch touch = Touch::NOW;
};

struct NormalizerCounters {
  std::array<std::uint64_t, 256> messages_by_type{};  // well-formed ones
  std::array<std::uint64_t, itch50::MALFORMED_MESSAGE_REASONS> malformed_messages{};
  std::array<std::uint64_t, BOOK_RESULTS> book_results{};  // by BookResult; OK is not counted
  std::uint64_t messages = 0;                              // delivered to on_message, malformed ones too
  std::uint64_t events = 0;                                // published
  std::uint64_t board_entries = 0;                         // written
  std::uint64_t instruments_out_of_range = 0;              // book messages of a locate without a book
  std::uint64_t unknown_sides = 0;                         // adds that are neither buy nor sell: not entered
};

template <EventPublisher Publisher, EventClock Clock>
class Normalizer {
 public:
  // `publisher` and `clock` outlive the normalizer.
  Normalizer(const NormalizerOptions& options, Publisher& publisher, const Clock& clock);

  // MessageSink
  void on_message(std::uint64_t feed_sequence, Bytes message, const MessageMeta& meta);
  void on_gap(std::uint64_t first_missing, std::uint64_t count);
  void on_session(SessionChange change, const MoldSession& session, std::uint64_t sequence);
  void prepare(Bytes message) const noexcept;

  // Once per packet, and after on_timer of the sequencer.
  void flush();

  void on_tick() { publish_own(schema::EventKind::TICK, {}); }
  void on_silence() { publish_own(schema::EventKind::SESSION, {.code = '!'}); }
  void on_feed_back() { publish_own(schema::EventKind::SESSION, {.code = '*'}); }

  // For a feed whose date becomes known late: applies to the messages that follow.
  void set_midnight_utc_ns(std::uint64_t midnight_utc_ns) noexcept { midnight_utc_ns_ = midnight_utc_ns; }

  [[nodiscard]] const NormalizerCounters& counters() const noexcept { return counters_; }
  // By the system events of this session.
  [[nodiscard]] schema::MarketPhase phase() const noexcept { return phase_; }
  [[nodiscard]] const Instruments& instruments() const noexcept { return instruments_; }
  [[nodiscard]] const BookEngine& engine() const noexcept { return engine_; }
  [[nodiscard]] std::uint64_t ring_sequence() const noexcept { return ring_sequence_; }
  [[nodiscard]] std::uint64_t feed_sequence() const noexcept { return feed_sequence_; }

 private:
  // The slots that differ between kinds.
  struct Draft {
    schema::Side side = schema::Side::NONE;
    schema::EventFlags flags = schema::EventFlags::NONE;
    char code = 0;
    std::int64_t price = 0;
    std::uint64_t quantity = 0;
    std::uint64_t order_reference = 0;
    std::uint64_t replaced_order_reference = 0;
    std::uint64_t match_number = 0;
  };

  // The message being handled.
  struct Context {
    std::uint32_t id;
    bool listed;  // it has a book here
    Instrument& instrument;
    std::uint64_t exchange_ts_ns;
    const MessageMeta& meta;
    char type;
  };

  void publish(const Context& context, schema::EventKind kind, const Draft& draft);
  void publish_own(schema::EventKind kind, const Draft& draft);
  void skip(itch50::MalformedMessage reason, Bytes message);
  void introduce(std::uint32_t id);
  void invalidate(std::uint32_t id, schema::BookValidity reason);
  void changed(const Context& context);
  void name(const Context& context, const itch50::Stock& stock);
  void count_trade(const Context& context, std::int64_t price, std::uint64_t quantity);
  void update_trade_state(const Context& context);
  schema::EventFlags book_flags(const Context& context, const BookChange& change);
  void on_book_problem(std::uint32_t id, BookResult problem);
  template <class Change>
  BookChange on_book(const Context& context, schema::EventFlags& flags, Change change);

  void on_type(const Context& context, const itch50::SystemEvent& message);
  void on_type(const Context& context, const itch50::StockDirectory& message);
  void on_type(const Context& context, const itch50::TradingAction& message);
  void on_type(const Context& context, const itch50::RegSho& message);
  void on_type(const Context& context, const itch50::ParticipantPosition& message);
  void on_type(const Context& context, const itch50::MwcbLevels& message);
  void on_type(const Context& context, const itch50::MwcbStatus& message);
  void on_type(const Context& context, const itch50::IpoQuoting& message);
  void on_type(const Context& context, const itch50::AuctionCollar& message);
  void on_type(const Context& context, const itch50::OperationalHalt& message);
  void on_add(const Context& context, const itch50::AddOrder& message, const itch50::Mpid* attribution);
  void on_type(const Context& context, const itch50::OrderExecuted& message);
  void on_type(const Context& context, const itch50::OrderExecutedPriced& message);
  void on_type(const Context& context, const itch50::OrderCancel& message);
  void on_type(const Context& context, const itch50::OrderDelete& message);
  void on_type(const Context& context, const itch50::OrderReplace& message);
  void on_type(const Context& context, const itch50::Trade& message);
  void on_type(const Context& context, const itch50::CrossTrade& message);
  void on_type(const Context& context, const itch50::BrokenTrade& message);
  void on_type(const Context& context, const itch50::Imbalance& message);
  void on_type(const Context& context, const itch50::RetailInterest& message);
  void on_type(const Context& context, const itch50::PriceDiscovery& message);
  void dispatch(const Context& context, Bytes message);

  Publisher& publisher_;
  const Clock& clock_;
  std::uint64_t midnight_utc_ns_;
  BookEngine engine_;
  Instruments instruments_;
  Instrument unlisted_;    // stands for locates beyond the capacity
  Instrument whole_feed_;  // stands for locate 0
  NormalizerCounters counters_;
  schema::BookValidity feed_validity_ = schema::BookValidity::NO_BOOK;  // what a new book starts with
  schema::MarketPhase phase_ = schema::MarketPhase::UNKNOWN;
  std::uint64_t ring_sequence_ = 0;
  std::uint64_t feed_sequence_ = 0;   // of the last message or gap
  std::uint64_t exchange_ts_ns_ = 0;  // of the last message
};

}  // namespace hft::feedd

#include "publish/itch50_events.hpp"
#include "publish/itch50_orders.hpp"
#include "publish/normalizer_impl.hpp"
