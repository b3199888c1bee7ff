// A venue that speaks OUCH 5.0 in SoupBinTCP.
//
// After each login it asks for the lowest order number that is free. The answer comes in the venue's stream, behind
// everything that is replayed, so it says two things: what next_token() is, and that the replay is complete. Answers
// to older questions are replayed, too; SoupClient::head() tells them apart.
//
// The session is for one day of the venue. When it ends, or another one has taken its place, the venue is ENDED until
// the process starts again: numbers, orders and positions of the new day have nothing to do with the old ones.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "gateway/venue.hpp"
#include "gateway/venue/ouch_events.hpp"
#include "gateway/venue/ouch_orders.hpp"
#include "gateway/venue/repeated_messages.hpp"
#include "gateway/venue/soup_client.hpp"
#include "ingest/trading_day.hpp"

namespace hft::feedd {

class OuchVenue final : public Venue, private SoupSink {
 public:
  static constexpr std::uint64_t ASK_AGAIN_NS = 1'000'000'000;

  // `config.venue` is set; `stats` outlives the venue. Nothing is allocated later.
  OuchVenue(const GatewayConfig& config, TradingDay day, VenueStats& stats, std::string_view password,
            TcpStream::Clock clock = &monotonic_ns);

  unsigned poll(std::uint64_t now_ns, VenueListener& listener) noexcept override;
  [[nodiscard]] schema::VenueSession session() const noexcept override { return client_.session(); }
  [[nodiscard]] std::uint32_t next_token() const noexcept override { return next_token_; }

  void encode(const VenueOrder& order) noexcept override;
  void encode(const VenueReplace& replace) noexcept override;
  SendResult transmit(std::uint64_t now_ns) noexcept override;
  SendResult cancel(std::uint32_t token, std::uint64_t now_ns) noexcept override;
  // What the venue still says until it closes, or for a second, is told by the polls that follow.
  void log_off(std::uint64_t now_ns, VenueListener& listener) noexcept override;
  void log_on() noexcept override { client_.log_on(); }

 private:
  // One message that is ready to be written; its bytes are in `orders_`.
  struct Encoded {
    VenueRequest kind = VenueRequest::ENTER;
    Bytes packet;
    std::uint32_t token = 0;
    bool marks_short = false;
  };

  void on_session(schema::VenueSession session) noexcept override;
  [[nodiscard]] bool on_message(std::uint64_t sequence, Bytes message, std::uint64_t read_ts_ns) noexcept override;
  void on_event(std::uint64_t read_ts_ns) noexcept;
  void on_next_token(std::uint64_t sequence) noexcept;

  void ask(std::uint64_t now_ns) noexcept;
  [[nodiscard]] bool is_up() const noexcept { return client_.session() == schema::VenueSession::UP; }
  void use_token(std::uint32_t token) noexcept;

  TradingDay day_;
  VenueStats& stats_;
  OuchOrders orders_;
  SoupClient client_;
  Encoded encoded_;
  OuchMessage decoded_;
  RepeatedMessages repeated_;
  VenueListener* listener_ = nullptr;  // while it is polled or logs off
  std::uint64_t now_ns_ = 0;
  std::uint64_t asked_ns_ = 0;
  unsigned questions_open_ = 0;
  std::uint32_t next_token_ = 1;
};

// `password` is the credential; see runtime/credentials.hpp.
[[nodiscard]] std::unique_ptr<Venue> make_venue(const GatewayConfig& config, TradingDay day, VenueStats& stats,
                                                std::string_view password);

}  // namespace hft::feedd
