// feedd's decoder for Python: `hft decode` and the tests that compare it with other people's decoders.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "publish/capture_decoder.hpp"
#include "publish/trading_date.hpp"
#include "python/bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using feedd::CaptureDecoder;
using Rows = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<2>, nb::c_contig>;
using Numbers = nb::ndarray<nb::numpy, std::uint64_t, nb::ndim<1>, nb::c_contig>;

feedd::Bytes bytes_of(const nb::bytes& data) { return {static_cast<const std::byte*>(data.data()), data.size()}; }

// Hands a vector over to numpy without copying.
template <class Element>
std::pair<Element*, nb::capsule> handed_over(std::vector<Element>& values) {
  auto* const owned = new std::vector<Element>(std::move(values));
  values.clear();
  return {owned->data(), nb::capsule(owned, [](void* p) noexcept { delete static_cast<std::vector<Element>*>(p); })};
}

template <class Record>
Rows rows_of(std::vector<Record>& records) {
  const std::size_t count = records.size();
  auto [data, owner] = handed_over(records);
  return Rows(data, {count, sizeof(Record)}, owner);
}

nb::tuple take_events(CaptureDecoder& decoder) {
  auto& collected = decoder.collected();
  const std::size_t count = collected.events.size();
  Rows events = rows_of(collected.events);
  auto [data, owner] = handed_over(collected.message_numbers);
  return nb::make_tuple(events, Numbers(data, {count}, owner));
}

Rows symbols(const CaptureDecoder& decoder) {
  const auto& instruments = decoder.instruments();
  std::vector<std::array<char, 16>> names(instruments.capacity());
  for (std::uint32_t id = 0; id < instruments.capacity(); ++id) names[id] = instruments.detail(id).symbol;
  return rows_of(names);
}

Rows board(const CaptureDecoder& decoder) {
  const auto& instruments = decoder.instruments();
  std::vector<schema::BoardEntry> entries;
  for (std::uint32_t id = 1; id < instruments.capacity(); ++id) {
    if (instruments.at(id).validity != schema::BookValidity::NO_BOOK) entries.push_back(instruments.board_entry(id, 0));
  }
  return rows_of(entries);
}

nb::dict counts(const CaptureDecoder& decoder) {
  const auto& counters = decoder.counters();
  nb::dict by_type;
  for (const char type : feedd::itch50::MESSAGE_TYPES) {
    const std::uint64_t count = counters.messages_by_type[static_cast<std::uint8_t>(type)];
    if (count != 0) by_type[nb::str(&type, 1)] = count;
  }
  nb::dict malformed;
  for (std::size_t reason = 1; reason < feedd::itch50::MALFORMED_MESSAGE_REASONS; ++reason) {
    const auto name = feedd::itch50::name_of(static_cast<feedd::itch50::MalformedMessage>(reason));
    malformed[nb::str(name.data(), name.size())] = counters.malformed_messages[reason];
  }
  nb::dict made;
  made["messages"] = counters.messages;
  made["by_type"] = by_type;
  made["malformed"] = malformed;
  return made;
}

nb::dict packet_counts(const CaptureDecoder& decoder) {
  const auto& counters = decoder.sequencer_counters();
  nb::dict malformed;
  for (std::size_t reason = 1; reason < feedd::MALFORMED_PACKET_REASONS; ++reason) {
    const auto name = feedd::name_of(static_cast<feedd::MalformedPacket>(reason));
    malformed[nb::str(name.data(), name.size())] = counters.malformed_packets[reason];
  }
  nb::dict made;
  made["packets"] = counters.packets[0];
  made["duplicate_messages"] = counters.duplicate_messages;
  made["missing_messages"] = counters.missing_messages;
  made["gaps"] = counters.gaps_given_up;
  made["sessions"] = counters.sessions;
  made["foreign_session_packets"] = counters.foreign_session_packets;
  made["malformed"] = malformed;
  return made;
}

// By feedd::BookResult.
nb::dict book_problems(const CaptureDecoder& decoder) {
  constexpr std::array<const char*, feedd::BOOK_RESULTS> NAMES = {"ok",
                                                                  "unknown_reference",
                                                                  "duplicate_reference",
                                                                  "excess_quantity",
                                                                  "instrument_mismatch",
                                                                  "zero_quantity",
                                                                  "orders_full",
                                                                  "levels_full"};
  nb::dict made;
  for (std::size_t result = 1; result < NAMES.size(); ++result) {
    made[NAMES[result]] = decoder.counters().book_results[result];
  }
  return made;
}

nb::object first_problem(const CaptureDecoder& decoder) {
  const auto& problem = decoder.first_problem();
  if (problem.reason == nullptr) return nb::none();
  return nb::make_tuple(problem.place, problem.reason);
}

// nanobind gives the place, the decoder is built in it.
void construct(CaptureDecoder* place, std::uint64_t midnight_utc_ns, std::uint32_t instruments, std::uint64_t orders,
               std::uint64_t levels) {
  new (place) CaptureDecoder({instruments, orders, levels, midnight_utc_ns, feedd::Touch::LAZY});
}

std::uint64_t midnight_of(const std::string& date) {
  const auto parsed = feedd::parse_date(date);
  if (!parsed) throw nb::value_error(("not a date between 2007-01-01 and 2099-12-31: " + date).c_str());
  return feedd::new_york_midnight_utc_ns(*parsed);
}

std::string date_of(std::uint64_t realtime_ns) {
  const auto date = feedd::new_york_date(realtime_ns);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()));
  return text;
}

}  // namespace

void bind_decode(nb::module_& module) {
  nb::class_<CaptureDecoder>(module, "CaptureDecoder", "feedd's decoder on a capture (publish/capture_decoder.hpp).")
      .def("__init__", &construct, "midnight_utc_ns"_a, "instruments"_a, "orders"_a, "levels"_a)
      .def(
          "feed_stream", [](CaptureDecoder& self, const nb::bytes& chunk) { self.feed_stream(bytes_of(chunk)); },
          "chunk"_a, "Length-prefixed messages; chunks may end anywhere.")
      .def(
          "feed_packet",
          [](CaptureDecoder& self, const nb::bytes& payload, std::uint64_t capture_ts_ns) {
            self.feed_packet(bytes_of(payload), capture_ts_ns);
          },
          "payload"_a, "capture_ts_ns"_a, "One MoldUDP64 packet (UDP payload).")
      .def("finish", &CaptureDecoder::finish, "Ends the capture; returns the bytes of a message that was cut off.")
      .def("set_midnight_utc_ns", &CaptureDecoder::set_midnight_utc_ns, "midnight_utc_ns"_a)
      .def("take_events", &take_events,
           "Events since the last call: uint8[n, 128] (records of MarketEvent), uint64[n] message numbers.")
      .def("symbols", &symbols, "uint8[instruments, 16]: NUL-padded symbol by instrument id.")
      .def("board", &board, "uint8[n, 576]: BoardEntry of every instrument that the capture named.")
      .def("counts", &counts, "{messages, by_type: {type: n}, malformed: {reason: n}}")
      .def("packet_counts", &packet_counts, "What the sequencer counted, for packet captures.")
      .def("book_problems", &book_problems, "{reason: n} of order messages that did not fit the books.")
      .def_prop_ro("first_problem", &first_problem,
                   "(place, reason) of the first malformed message, or None. place: offset of its length prefix in "
                   "a stream, number of its packet (from 0) in a packet capture.")
      .def_prop_ro("offset", &CaptureDecoder::offset, "Bytes of the stream that made whole messages.");
  module.def("new_york_midnight_utc_ns", &midnight_of, "date"_a,
             "UTC nanoseconds at which YYYY-MM-DD begins in New York, by feedd's own rule. Raises ValueError.");
  module.def("new_york_date", &date_of, "realtime_ns"_a, "YYYY-MM-DD in New York at UTC nanoseconds since the epoch.");
}

}  // namespace hft::python
