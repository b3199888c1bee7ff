// ITCH 5.0 decoding, books and publication under messages of every kind.
//
// Input: operations (see run). Held to:
//   - a well-formed message is one event, a malformed one none; nothing else is published
//   - the top in an event is the top of its instrument's book, and a side without quantity shows zeros
//   - the sums over the resting orders are the levels of the books, at the end
//   - the board, updated in parts, equals a whole new entry after every flush
//   - after a gap no book is valid
#include <array>
#include <cstring>

#include "book_audit.hpp"
#include "feed_bytes.hpp"
#include "input.hpp"
#include "publish/normalizer.hpp"

namespace {

using namespace hft;
using namespace hft::feedd;
using hft::fuzz::Input;
using hft::fuzz::require;

constexpr std::uint32_t INSTRUMENTS = 6;

struct Publisher {
  std::uint64_t published = 0;
  schema::MarketEvent last;
  std::array<std::array<std::uint64_t, RECORD_WORDS<schema::BoardEntry>>, INSTRUMENTS> board{};

  std::uint64_t publish(const schema::MarketEvent& event) {
    last = event;
    return ++published;
  }
  void update_board(const BoardUpdate& update) {
    update.store([&](std::size_t word, std::uint64_t value) {
      require(word != 0);
      board.at(update.id).at(word) = value;
    });
  }
};

struct Clock {
  std::uint64_t now_ns() const { return 1; }
};

struct Run {
  explicit Run(Input& given) : input(given) {}

  void message(Bytes bytes) {
    const std::uint64_t before = publisher.published;
    const bool well_formed = itch50::check(bytes) == itch50::MalformedMessage::NONE;
    normalizer.prepare(bytes);
    normalizer.on_message(++sequence, bytes, {.last_in_packet = input.below(2) != 0});
    require(publisher.published == before + (well_formed ? 1 : 0));
    if (well_formed) judge_event(bytes);
  }

  void judge_event(Bytes bytes) {
    const auto& event = publisher.last;
    require(event.message_type() == static_cast<std::uint8_t>(bytes[0]) && event.feed_sequence() == sequence);
    require(event.bid_quantity() != 0 || (event.bid_price() == 0 && event.bid_orders() == 0));
    require(event.ask_quantity() != 0 || (event.ask_price() == 0 && event.ask_orders() == 0));
    const std::uint32_t id = event.instrument_id();
    if (!normalizer.instruments().lists(id)) {
      require(event.bid_quantity() == 0 && event.ask_quantity() == 0);
      require(event.validity() != schema::BookValidity::VALID);
      return;
    }
    const Book& book = normalizer.instruments().at(id).book;
    require(event.bid_quantity() == book.bid.top().quantity && event.ask_quantity() == book.ask.top().quantity);
    require(event.validity() == normalizer.instruments().at(id).validity);
    require(!gap || event.validity() == schema::BookValidity::INVALID_GAP);
  }

  // A message of a known type whose numbers are few, so that references meet.
  void likely_message() {
    const char type = itch50::MESSAGE_TYPES[input.below(itch50::MESSAGE_TYPES.size())];
    const std::size_t length = itch50::MESSAGE_BYTES[static_cast<std::uint8_t>(type)];
    test::Buffer bytes(length, std::byte{0});
    const auto rest = input.bytes(std::min<std::size_t>(length - sizeof(itch50::Prefix), 6));
    // Into the low bytes of the fields that matter, spread over the message.
    for (std::size_t i = 0; i < rest.size(); ++i) bytes[length - 1 - (i * 4) % (length - 11)] = rest[i];
    bytes[0] = static_cast<std::byte>(type);
    bytes[2] = static_cast<std::byte>(input.below(INSTRUMENTS + 1));
    message(bytes);
  }

  void order_message() {
    const auto locate = static_cast<std::uint16_t>(1 + input.below(INSTRUMENTS - 1));
    const std::uint64_t reference = input.below(48);
    const std::uint32_t shares = input.below(20);
    const std::uint32_t price = input.below(24);
    switch (input.below(5)) {
      case 0: return message(test::add(locate, reference, 'B', shares, price));
      case 1: return message(test::add(locate, reference, 'S', shares, price));
      case 2: return message(test::executed(locate, reference, shares));
      case 3: return message(test::deleted(locate, reference));
      default: return message(test::replaced(locate, reference, input.below(48), shares, price));
    }
  }

  void flush() {
    normalizer.flush();
    for (std::uint32_t id = 1; id < INSTRUMENTS; ++id) {
      auto& shown = publisher.board[id];
      const auto expected = normalizer.instruments().board_entry(id, shown[1]);
      const bool never_named = normalizer.instruments().at(id).validity == schema::BookValidity::NO_BOOK;
      if (!never_named) require(std::memcmp(&expected, shown.data(), sizeof expected) == 0);
    }
  }

  void operation() {
    switch (input.below(16)) {
      case 0: return message(input.bytes(input.below(64)));
      case 1: return flush();
      case 2: return normalizer.on_tick();
      case 3:
        if (input.below(8) != 0) return;
        normalizer.on_gap(sequence + 1, 1 + input.below(9));
        sequence = normalizer.feed_sequence() - 1;
        gap = true;
        return;
      case 4:
        if (input.below(8) != 0) return;
        normalizer.on_session(SessionChange::BEGIN, {}, 1);
        require(normalizer.engine().orders().size() == 0);
        sequence = 0;
        gap = false;
        return;
      case 5: return message(test::system_event('O'));
      case 6:
      case 7:
      case 8: return likely_message();
      default: return order_message();
    }
  }

  void finish() {
    flush();
    const auto& counters = normalizer.counters();
    std::uint64_t by_type = 0;
    std::uint64_t malformed = 0;
    for (const std::uint64_t count : counters.messages_by_type) by_type += count;
    for (const std::uint64_t count : counters.malformed_messages) malformed += count;
    require(counters.messages == by_type + malformed && counters.events == publisher.published);
    const auto book_of = [&](std::uint32_t id) -> const Book& { return normalizer.instruments().at(id).book; };
    require(test::audit(normalizer.engine(), INSTRUMENTS, book_of).empty());
  }

  Input& input;
  Publisher publisher;
  Clock clock;
  Normalizer<Publisher, Clock> normalizer{
      {.instruments = INSTRUMENTS, .orders = 32, .levels = 20, .midnight_utc_ns = 0, .touch = Touch::LAZY},
      publisher,
      clock};
  std::uint64_t sequence = 0;
  bool gap = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Run run(input);
  while (!input.empty()) run.operation();
  run.finish();
  return 0;
}
