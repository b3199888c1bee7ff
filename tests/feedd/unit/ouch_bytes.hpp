// OUCH 5.0 messages of a venue, as hexadecimal text written by hand from the specification: the decoder's answers.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "feed_bytes.hpp"

namespace hft::feedd::test {

// All of order 9 (U: 10 in its place), at 09:30:00.000000123.
inline constexpr std::uint64_t GOLDEN_TIME_NS = 34'200'000'000'123;

struct GoldenMessage {
  char type;
  std::string_view hex;
};
inline constexpr std::array<GoldenMessage, 17> GOLDEN_MESSAGES = {{
    {'S', "5300001f1aced9f07b53"},
    {'A',
     "4100001f1aced9f07b0000000942000000644141504c20202020000000000016ed243059000000000000004d504e4e4c4b3720202020"
     "20202020202020200000"},
    {'A',
     "4100001f1aced9f07b0000000942000000644141504c20202020000000000016ed24335a000000000000004d504e4e444b3720202020"
     "2020202020202020000905024c494d45021230"},
    {'U',
     "5500001f1aced9f07b000000090000000a54000000644141504c20202020000000000016ed243559000000000000004e504e4e4c4b38"
     "2020202020202020202020200000"},
    {'C', "4300001f1aced9f07b000000090000002855"},
    {'D', "4400001f1aced9f07b00000009000000285100000028000000000016ed2441"},
    {'D', "4400001f1aced9f07b00000009000000285100000028000000000016ed244131"},
    {'E', "4500001f1aced9f07b000000090000003c000000000016ecc04100000000000015b30000"},
    {'B', "4200001f1aced9f07b0000000900000000000015b3434b37202020202020202020202020"},
    {'J', "4a00001f1aced9f07b00000009001f4b37202020202020202020202020"},
    {'P', "5000001f1aced9f07b00000009"},
    {'I', "4900001f1aced9f07b00000009"},
    {'T', "5400001f1aced9f07b00000009000000000016ecc059000000000000004f"},
    {'M', "4d00001f1aced9f07b00000009450000003c"},
    {'R', "5200001f1aced9f07b00000009520000"},
    {'R', "5200001f1aced9f07b0000000952000605160000000a"},
    {'Q', "5100001f1aced9f07b0000000b"},
}};

// The nth golden message of a type.
inline Buffer golden(char type, int nth = 0) {
  for (const GoldenMessage& message : GOLDEN_MESSAGES) {
    if (message.type == type && nth-- == 0) return from_hex(message.hex);
  }
  return {};
}

}  // namespace hft::feedd::test
