// An OuchVenue at a ScriptedVenue, by a clock that a test moves.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "gateway/venue/ouch_venue.hpp"
#include "ouch_bytes.hpp"
#include "scripted_venue.hpp"
#include "shared_memory.hpp"

namespace hft::feedd {

// Ticks with each reading, so that what waits for it ends.
struct TickingClock {
  static inline std::uint64_t now_ns = 0;
  static std::uint64_t read() noexcept { return now_ns += 100; }
};

class VenueTest : public SharedMemoryTest, protected VenueListener {
 protected:
  using State = schema::VenueSession;
  static constexpr std::uint64_t SECOND_NS = 1'000'000'000;

  VenueTest() {
    TickingClock::now_ns = 5'000 * SECOND_NS;
    StatsRegistry registry;
    stats_.declare(registry);
    stats_region_ = registry.create(options(schema::RegionKind::STATS, 1, 0, "stats"));
    config_.venue = server_.endpoint();
    config_.firm = "LIME";
  }

  void make() {
    const Date date = std::chrono::year(2026) / 11 / 27;
    venue_ = std::make_unique<OuchVenue>(config_, TradingDay(date), stats_, "secret", &TickingClock::read);
  }

  void on_event(const VenueEvent& event) noexcept override {
    events_.push_back(event);
    if (on_event_) on_event_(event);
  }
  void on_session(State session) noexcept override { sessions_.push_back(session); }

  void pass(std::uint64_t duration_ns) { TickingClock::now_ns += duration_ns; }
  [[nodiscard]] static std::uint64_t now() { return TickingClock::now_ns; }
  template <class Message>
  SendResult send(const Message& message) {
    venue_->encode(message);
    return venue_->transmit(now());
  }
  unsigned poll() { return venue_->poll(now(), *this); }

  // Polls until it holds; loopback takes a moment, but none of the clock's time.
  template <class Condition>
  void poll_until(Condition holds, const char* what) {
    for (int round = 0; round < 20'000; ++round) {
      if (holds()) return;
      poll();
      if (round > 100) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    FAIL() << "never: " << what;
  }
  void poll_to(State state) {
    poll_until([&] { return venue_->session() == state; }, schema::EnumNameVenueSession(state));
  }
  // The next packets that the venue sends, one at least.
  std::vector<test::SentPacket> await_packets() {
    std::vector<test::SentPacket> packets;
    poll_until([&] { return !(packets = server_.packets()).empty(); }, "a packet");
    return packets;
  }
  test::SentPacket await_packet() {
    auto packets = await_packets();
    EXPECT_EQ(packets.size(), 1u);
    return packets.empty() ? test::SentPacket{} : packets[0];
  }
  void await_connection() {
    poll_until([&] { return server_.accept(); }, "a connection");
  }
  // Session and sequence that it asks for.
  std::pair<std::string, std::string> await_login() {
    await_connection();
    const test::SentPacket login = await_packet();
    EXPECT_EQ(login.type, soup::LOGIN_REQUEST);
    EXPECT_EQ(login.text().substr(0, 16), "HFT001secret    ");
    return {std::string(soup::trimmed(login.text().substr(16, 10))),
            std::string(soup::trimmed(login.text().substr(26, 20)))};
  }
  void await_query() {
    const test::SentPacket query = await_packet();
    EXPECT_EQ(query.type, soup::UNSEQUENCED);
    EXPECT_EQ(query.message_type(), 'Q');
  }

  static test::Buffer sequenced(const test::Buffer& message) { return test::soup_packet(soup::SEQUENCED, message); }
  static test::Buffer reply(std::uint32_t next_token) {
    ouch50::AccountQueryReply wire{{'Q', {}}, {}};
    wire.next_user_ref.set(next_token);
    return sequenced(test::bytes_of(wire));
  }
  // A fill of that many, to tell messages apart.
  static test::Buffer fill(std::uint32_t quantity) {
    test::Buffer bytes = test::golden('E');
    U32be wire{};
    wire.set(quantity);
    std::memcpy(bytes.data() + 13, wire.raw.data(), sizeof wire);
    return sequenced(bytes);
  }
  [[nodiscard]] std::vector<std::uint32_t> fills() const {
    std::vector<std::uint32_t> quantities;
    for (const VenueEvent& event : events_) {
      if (event.kind == VenueEvent::Kind::EXECUTED) quantities.push_back(event.quantity);
    }
    return quantities;
  }

  // Of a venue that has said nothing today.
  void bring_up(std::uint32_t next_token = 1) {
    if (!venue_) make();
    EXPECT_EQ(await_login(), std::pair(std::string(), std::string("0")));
    server_.send(test::login_accepted("DAY1", 1));
    await_query();
    server_.send(reply(next_token));
    poll_to(State::UP);
  }

  [[nodiscard]] std::uint64_t breaks(SessionBreak reason) const {
    return stats_.breaks[static_cast<std::size_t>(reason)].value();
  }
  [[nodiscard]] std::uint64_t sent(VenueRequest kind) const {
    return stats_.sent[static_cast<std::size_t>(kind)].value();
  }

  static VenueOrder order(std::uint32_t token) {
    VenueOrder made;
    made.token = token;
    made.side = schema::Side::BUY;
    made.time_in_force = schema::TimeInForce::DAY;
    made.quantity = 100;
    made.price = 1'502'500;
    made.symbol.fill(' ');
    made.client_id.fill(' ');
    return made;
  }

  test::ScriptedVenue server_;
  GatewayConfig config_;
  VenueStats stats_;
  Region stats_region_;
  std::unique_ptr<OuchVenue> venue_;
  std::vector<VenueEvent> events_;
  std::vector<State> sessions_;
  std::function<void(const VenueEvent&)> on_event_;
};

}  // namespace hft::feedd
