// What the gateway asks, as whole SoupBinTCP packets of OUCH 5.0: one buffer a kind, made once, filled per message.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "gateway/venue.hpp"
#include "protocol/ouch50.hpp"
#include "protocol/soupbintcp.hpp"
#include "runtime/config.hpp"

namespace hft::feedd {

class OuchOrders {
 public:
  explicit OuchOrders(const GatewayConfig& config) noexcept;

  // Views that hold until the next call of the same kind.
  [[nodiscard]] Bytes enter(const VenueOrder& order) noexcept;
  // With a modify before it where what is replaced is to be marked short.
  [[nodiscard]] Bytes replace(const VenueReplace& replace) noexcept;
  // Down to `chain_quantity` in total, executed shares included; 0 = the whole of it.
  [[nodiscard]] Bytes cancel(std::uint32_t token, std::uint32_t chain_quantity) noexcept;
  [[nodiscard]] Bytes account_query() const noexcept;

 private:
  static constexpr std::size_t FIRM_BYTES = 6;
  static constexpr std::size_t POST_ONLY_BYTES = 3;

  template <class Message, std::size_t APPENDAGE_BYTES>
  struct Packet {
    soup::PacketHeader header;
    Message message;
    std::array<std::byte, APPENDAGE_BYTES> appendage;
  };
  template <class Message>
  struct PlainPacket {
    soup::PacketHeader header;
    Message message;
  };
  struct Requote {
    PlainPacket<ouch50::ModifyOrder> modify;
    Packet<ouch50::ReplaceOrder, POST_ONLY_BYTES> replace;
  };

  Packet<ouch50::EnterOrder, FIRM_BYTES + POST_ONLY_BYTES> enter_{};
  Requote requote_{};
  PlainPacket<ouch50::CancelOrder> cancel_{};
  PlainPacket<ouch50::AccountQuery> query_{};
  std::size_t firm_bytes_ = 0;  // of enter_'s appendage, always there
};

}  // namespace hft::feedd
