#include "gateway/risk/limits_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "shared_memory.hpp"

namespace hft::feedd {
namespace {

constexpr std::uint32_t INSTRUMENTS = 16;

RiskLimits configured() {
  RiskLimits limits;
  limits.order_quantity_max = 100;
  limits.order_notional_max = 200;
  limits.position_max = 300;
  limits.gross_notional_max = 400;
  limits.open_orders_max = 500;
  limits.unacknowledged_max = 600;
  limits.loss_max = 700;
  limits.price_collar_bps = 800;
  limits.book_age_ns_max = 900;
  limits.messages_per_s = 1000;
  return limits;
}

// Everything says `value`, for no instrument.
schema::Limits page_of(std::uint64_t sequence, std::uint64_t value) {
  schema::Limits page;
  page.mutate_limits_sequence(sequence);
  page.mutate_order_quantity_max(value);
  page.mutate_order_notional_max(value);
  page.mutate_position_max(value);
  page.mutate_gross_notional_max(value);
  page.mutate_open_orders_max(value);
  page.mutate_unacknowledged_max(value);
  page.mutate_loss_max(value);
  page.mutate_price_collar_bps(value);
  return page;
}

void add(schema::Limits& page, std::uint64_t instrument_id, std::uint64_t quantity, std::uint64_t notional,
         std::uint64_t position) {
  const schema::InstrumentLimits entry(instrument_id, quantity, notional, position);
  page.mutable_instruments()->Mutate(static_cast<flatbuffers::uoffset_t>(page.entries()), entry);
  page.mutate_entries(page.entries() + 1);
}

std::vector<std::uint64_t> tightened(const RiskLimits& limits) {
  return {limits.order_quantity_max, limits.order_notional_max, limits.position_max, limits.gross_notional_max,
          limits.open_orders_max,    limits.unacknowledged_max, limits.loss_max,     limits.price_collar_bps};
}
const std::vector<std::uint64_t> CONFIGURED = tightened(configured());
const std::vector<std::uint64_t> REFUSING(CONFIGURED.size(), 0);

std::vector<std::uint64_t> of(const InstrumentCaps& caps) {
  return {caps.order_quantity_max, caps.order_notional_max, caps.position_max};
}
const std::vector<std::uint64_t> NOT_SET(3, LIMIT_NOT_SET);

class LimitsViewTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] Region page() const {
    return Region::adopt(options(schema::RegionKind::LIMITS, 1, sizeof(schema::Limits), "limits"));
  }
  static std::uint64_t& word(const Region& region, std::size_t index) {
    return reinterpret_cast<std::uint64_t*>(region.records())[index];
  }

  LimitsView view_{configured(), INSTRUMENTS};
};

TEST_F(LimitsViewTest, without_a_page_every_limit_that_it_could_tighten_is_0) {
  EXPECT_EQ(REFUSING, tightened(view_.limits()));
  EXPECT_EQ(900u, view_.limits().book_age_ns_max) << "the configuration's alone";
  EXPECT_EQ(1000u, view_.limits().messages_per_s);
  EXPECT_EQ(LimitsView::SEQUENCE_NONE, view_.sequence());
  EXPECT_FALSE(view_.refresh());
  view_.set_region(Region());
  EXPECT_EQ(REFUSING, tightened(view_.limits()));
}

TEST_F(LimitsViewTest, with_a_page_that_nobody_wrote_the_configuration_holds) {
  const Region made = page();
  view_.set_region(made);
  EXPECT_EQ(CONFIGURED, tightened(view_.limits()));
  EXPECT_EQ(900u, view_.limits().book_age_ns_max);
  EXPECT_EQ(1000u, view_.limits().messages_per_s);
  EXPECT_EQ(0u, view_.sequence());
  EXPECT_FALSE(view_.refresh());
  view_.configure_instrument(3, {});
  for (std::uint32_t id = 0; id < INSTRUMENTS; ++id) EXPECT_EQ(NOT_SET, of(view_.instrument(id)));
}

TEST_F(LimitsViewTest, each_limit_is_the_smaller_of_the_two) {
  Region made = page();
  LimitsWriter writer(made);
  view_.set_region(made);
  for (std::uint64_t value = 50, sequence = 1; value <= 850; value += 50, ++sequence) {
    ASSERT_TRUE(writer.write(page_of(sequence, value)));
    EXPECT_TRUE(view_.refresh());
    EXPECT_FALSE(view_.refresh());
    EXPECT_EQ(sequence, view_.sequence());
    std::vector<std::uint64_t> expected;
    for (const std::uint64_t limit : CONFIGURED) expected.push_back(std::min(limit, value));
    EXPECT_EQ(expected, tightened(view_.limits()));
  }
}

TEST_F(LimitsViewTest, an_instrument_has_the_smallest_of_what_configuration_and_page_say_of_it) {
  Region made = page();
  view_.set_region(made);
  InstrumentRisk own;
  own.order_quantity_max = 10;
  own.position_max = 30;
  view_.configure_instrument(3, own);
  EXPECT_EQ((std::vector<std::uint64_t>{10, LIMIT_NOT_SET, 30}), of(view_.instrument(3)));
  schema::Limits wanted = page_of(1, LIMIT_NOT_SET);
  add(wanted, 3, 20, 20, 20);
  add(wanted, 4, 1, 2, 3);
  add(wanted, 4, 3, 2, 1);  // named twice: the smaller ones
  ASSERT_TRUE(LimitsWriter(made).write(wanted));
  EXPECT_TRUE(view_.refresh());
  EXPECT_EQ((std::vector<std::uint64_t>{10, 20, 20}), of(view_.instrument(3)));
  EXPECT_EQ((std::vector<std::uint64_t>{1, 2, 1}), of(view_.instrument(4)));
  EXPECT_EQ(NOT_SET, of(view_.instrument(5)));
}

TEST_F(LimitsViewTest, an_instrument_whose_id_becomes_known_later_keeps_what_the_page_says) {
  Region made = page();
  schema::Limits wanted = page_of(1, LIMIT_NOT_SET);
  add(wanted, 3, 20, 20, 20);
  ASSERT_TRUE(LimitsWriter(made).write(wanted));
  view_.set_region(made);
  InstrumentRisk own;
  own.order_quantity_max = 10;
  view_.configure_instrument(3, own);
  EXPECT_EQ((std::vector<std::uint64_t>{10, 20, 20}), of(view_.instrument(3)));
}

TEST_F(LimitsViewTest, what_a_later_page_no_longer_says_is_over) {
  Region made = page();
  LimitsWriter writer(made);
  view_.set_region(made);
  InstrumentRisk own;
  own.position_max = 30;
  view_.configure_instrument(3, own);
  schema::Limits wanted = page_of(1, 5);
  add(wanted, 3, 1, 1, 1);
  add(wanted, 4, 1, 1, 1);
  ASSERT_TRUE(writer.write(wanted));
  ASSERT_TRUE(view_.refresh());
  ASSERT_TRUE(writer.write(page_of(2, LIMIT_NOT_SET)));
  ASSERT_TRUE(view_.refresh());
  EXPECT_EQ((std::vector<std::uint64_t>{LIMIT_NOT_SET, LIMIT_NOT_SET, 30}), of(view_.instrument(3)));
  EXPECT_EQ(NOT_SET, of(view_.instrument(4)));
  EXPECT_EQ(CONFIGURED, tightened(view_.limits()));
}

TEST_F(LimitsViewTest, ids_out_of_range_harm_nobody_and_may_do_nothing) {
  Region made = page();
  view_.set_region(made);
  view_.configure_instrument(INSTRUMENTS, {});
  schema::Limits wanted = page_of(1, LIMIT_NOT_SET);
  for (const std::uint64_t id : {std::uint64_t{INSTRUMENTS}, UINT64_MAX}) add(wanted, id, 1, 1, 1);
  add(wanted, INSTRUMENTS - 1, 7, 7, 7);
  ASSERT_TRUE(LimitsWriter(made).write(wanted));
  EXPECT_TRUE(view_.refresh());
  EXPECT_EQ((std::vector<std::uint64_t>{7, 7, 7}), of(view_.instrument(INSTRUMENTS - 1)));
  ASSERT_TRUE(LimitsWriter(made).write(page_of(2, LIMIT_NOT_SET)));
  EXPECT_TRUE(view_.refresh());
  EXPECT_EQ(NOT_SET, of(view_.instrument(INSTRUMENTS - 1)));
  EXPECT_EQ((std::vector<std::uint64_t>{0, 0, 0}), of(view_.instrument(INSTRUMENTS)));
}

TEST_F(LimitsViewTest, a_full_page_is_read_whole) {
  Region made = page();
  LimitsView view(configured(), 300);
  view.set_region(made);
  schema::Limits wanted = page_of(1, LIMIT_NOT_SET);
  for (std::uint64_t id = 0; id < LIMITS_INSTRUMENTS; ++id) add(wanted, id, id, id, id);
  ASSERT_TRUE(LimitsWriter(made).write(wanted));
  ASSERT_TRUE(view.refresh());
  for (std::uint32_t id = 0; id < LIMITS_INSTRUMENTS; ++id) ASSERT_EQ(id, view.instrument(id).position_max);
  ASSERT_TRUE(LimitsWriter(made).write(page_of(2, LIMIT_NOT_SET)));
  ASSERT_TRUE(view.refresh());
  for (std::uint32_t id = 0; id < 300; ++id) ASSERT_EQ(NOT_SET, of(view.instrument(id)));
}

TEST_F(LimitsViewTest, a_page_that_never_holds_still_refuses_and_is_taken_as_soon_as_it_does) {
  Region made = page();
  LimitsWriter writer(made);
  ASSERT_TRUE(writer.write(page_of(1, 5)));
  view_.set_region(made);
  const std::uint64_t version = word(made, 0);
  word(made, 0) = version | 1;  // its writer died within a change
  EXPECT_TRUE(view_.refresh());
  EXPECT_EQ(REFUSING, tightened(view_.limits()));
  EXPECT_EQ(LimitsView::SEQUENCE_NONE, view_.sequence());
  EXPECT_FALSE(view_.refresh()) << "nothing new";
  ASSERT_TRUE(writer.write(page_of(2, 6)));  // the next watchd
  EXPECT_TRUE(view_.refresh());
  EXPECT_EQ(2u, view_.sequence());
  EXPECT_EQ(6u, view_.limits().loss_max);
}

TEST_F(LimitsViewTest, another_page_that_is_just_being_written_is_taken_at_whatever_version) {
  Region first = page();
  ASSERT_TRUE(LimitsWriter(first).write(page_of(1, 5)));
  view_.set_region(first);
  Region second = Region::adopt(options(schema::RegionKind::LIMITS, 1, sizeof(schema::Limits), "limits.new"));
  word(second, 0) = 1;
  view_.set_region(second);
  EXPECT_EQ(REFUSING, tightened(view_.limits()));
  ASSERT_TRUE(LimitsWriter(second).write(page_of(1, 6)));
  EXPECT_EQ(word(first, 0), word(second, 0));
  EXPECT_TRUE(view_.refresh());
  EXPECT_EQ(6u, view_.limits().loss_max);
}

TEST_F(LimitsViewTest, after_a_page_with_a_list_one_that_nobody_wrote_has_none) {
  Region first = page();
  schema::Limits wanted = page_of(1, LIMIT_NOT_SET);
  add(wanted, 3, 1, 1, 1);
  ASSERT_TRUE(LimitsWriter(first).write(wanted));
  view_.set_region(first);
  const Region second = Region::adopt(options(schema::RegionKind::LIMITS, 1, sizeof(schema::Limits), "limits.new"));
  view_.set_region(second);
  view_.configure_instrument(5, {});
  for (std::uint32_t id = 0; id < INSTRUMENTS; ++id) EXPECT_EQ(NOT_SET, of(view_.instrument(id)));
}

TEST_F(LimitsViewTest, a_page_with_more_entries_than_there_is_room_for_refuses) {
  Region made = page();
  ASSERT_TRUE(LimitsWriter(made).write(page_of(1, 5)));
  word(made, 3) = LIMITS_INSTRUMENTS + 1;
  view_.set_region(made);
  EXPECT_EQ(REFUSING, tightened(view_.limits()));
}

TEST_F(LimitsViewTest, a_page_taken_away_refuses) {
  Region made = page();
  ASSERT_TRUE(LimitsWriter(made).write(page_of(1, 5)));
  view_.set_region(made);
  EXPECT_EQ(5u, view_.limits().position_max);
  view_.set_region(Region());
  EXPECT_EQ(REFUSING, tightened(view_.limits()));
  view_.set_region(made);
  EXPECT_EQ(5u, view_.limits().position_max);
}

TEST_F(LimitsViewTest, a_writer_takes_no_sequence_that_is_not_higher_and_no_list_that_is_too_long) {
  Region made = page();
  LimitsWriter writer(made);
  EXPECT_FALSE(writer.write(page_of(0, 5)));
  ASSERT_TRUE(writer.write(page_of(7, 5)));
  EXPECT_EQ(7u, writer.sequence());
  EXPECT_FALSE(writer.write(page_of(7, 4)));
  EXPECT_FALSE(writer.write(page_of(6, 4)));
  schema::Limits long_list = page_of(8, 4);
  long_list.mutate_entries(LIMITS_INSTRUMENTS + 1);
  EXPECT_FALSE(writer.write(long_list));
  schema::Limits out;
  ASSERT_TRUE(LimitsPage(made).read(out));
  EXPECT_EQ(7u, out.limits_sequence());
  EXPECT_EQ(5u, out.loss_max());
}

TEST_F(LimitsViewTest, beside_a_busy_writer_what_is_in_force_is_one_page_or_refuses) {
  Region made = page();
  const auto wanted = [](std::uint64_t sequence) {  // every limit says the sequence, and so does every entry
    schema::Limits made_page = page_of(sequence, sequence);
    for (std::uint64_t id = 0; id < INSTRUMENTS; ++id) add(made_page, id, sequence, sequence, sequence);
    return made_page;
  };
  RiskLimits wide;
  wide.order_quantity_max = wide.order_notional_max = wide.position_max = wide.gross_notional_max = UINT64_MAX;
  wide.open_orders_max = wide.unacknowledged_max = wide.loss_max = wide.price_collar_bps = UINT64_MAX;
  std::atomic<bool> stop = false;
  std::thread writing([&] {
    LimitsWriter writer(made);
    for (std::uint64_t sequence = 1; !stop; ++sequence) {
      writer.write(wanted(sequence));
      std::this_thread::yield();
    }
  });
  LimitsView view(wide, INSTRUMENTS);
  view.set_region(made);
  unsigned whole = 0;
  std::uint64_t before = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (whole < 200 && std::chrono::steady_clock::now() < end) {
    if (!view.refresh() || view.sequence() == LimitsView::SEQUENCE_NONE) continue;
    ++whole;
    const std::uint64_t sequence = view.sequence();
    ASSERT_GT(sequence, before);
    before = sequence;
    for (const std::uint64_t limit : tightened(view.limits())) ASSERT_EQ(sequence, limit);
    for (std::uint32_t id = 0; id < INSTRUMENTS; ++id) {
      for (const std::uint64_t limit : of(view.instrument(id))) ASSERT_EQ(sequence, limit);
    }
  }
  stop = true;
  writing.join();
  EXPECT_EQ(200u, whole);
}

}  // namespace
}  // namespace hft::feedd
