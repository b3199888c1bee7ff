// What the fence costs each order, and how soon a closed one is obeyed. bench/fence.py runs and judges it.
//
//   fence CLOSER_CORE GATEWAY_CORE ROUNDS     one JSON object a line and round on stdout, times in nanoseconds
//
//   clock         two clock reads in a row: one is in each row below, and nothing is subtracted
//   before_send   the copied intent's form, then fence, lease, epoch, vetoes, pauses
//   after_send    fence, lease, epoch, vetoes again
//   answer        a gateway round that takes one intent: pop, all checks, answer published, cursor moved
//   idle, busy    the closer zeroes the token → the gateway's hot thread finds it gone: no order passes from there on.
//                 idle: its queue is empty; busy: it is answering a burst of orders
//   bare          the closer writes a word → a thread that does nothing but look at it has seen it and read the clock
//
// The last three are paced alike, and come apart by what the kernel says of the looking thread: *_waited are samples
// during which it was kept from its core. What the hypervisor and interrupts take the kernel does not say; `bare`
// shows it.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "fence_rig.hpp"
#include "runtime/affinity.hpp"
#include "runtime/hot_thread.hpp"

namespace hft::bench {
namespace {

using Nanoseconds = std::vector<std::uint64_t>;

constexpr int ORDERS_A_ROUND = 2000;
constexpr int CLOSINGS_A_ROUND = 2000;
constexpr int BURST = 256;
constexpr std::uint64_t PAUSE_NS_MAX = 8192;
constexpr std::size_t FENCE_OPEN_WORD = 26;

void print(const char* name, const Nanoseconds& values) {
  std::printf(", \"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf(i == 0 ? "%lu" : ",%lu", values[i]);
  std::printf("]");
}

// The agent's own steps for one order, with the clock between them.
void measure_checks(FenceRig& rig) {
  feedd::FenceWatch watch(rig.state, rig.stats, &monotonic_ns);
  watch.set_fence(rig.fence);
  watch.set_operator_veto(rig.veto);
  watch.set_intents(&rig.intents);
  rig.open(1);
  Nanoseconds clock, before_send, after_send;
  std::uint64_t passed = 0;
  for (int i = 0; i < ORDERS_A_ROUND; ++i) {
    const schema::OrderIntent order = rig.order(1);
    const std::uint64_t start_ns = monotonic_ns();
    const std::uint64_t now_ns = monotonic_ns();
    const bool formed = feedd::well_formed(order, {FenceRig::INSTRUMENTS, FenceRig::MARKET_GENERATION});
    const auto first = feedd::order_refusal(watch.look(now_ns), order, watch.paused(order), now_ns);
    const std::uint64_t sent_ns = monotonic_ns();
    const auto second = feedd::order_refusal(watch.look(sent_ns), order, false, sent_ns);
    const std::uint64_t end_ns = monotonic_ns();
    passed += formed && first == schema::RefusalReason::NONE && second == schema::RefusalReason::NONE;
    clock.push_back(now_ns - start_ns);
    before_send.push_back(sent_ns - now_ns);
    after_send.push_back(end_ns - sent_ns);
  }
  if (passed != ORDERS_A_ROUND) std::abort();  // a refusal is quicker: the figures would be of something else
  print("clock", clock);
  print("before_send", before_send);
  print("after_send", after_send);
}

void measure_answers(FenceRig& rig) {
  rig.open(2);
  Nanoseconds answer;
  for (int i = 0; i < ORDERS_A_ROUND; ++i) {
    if (rig.producer.push(rig.order(2)) != PushResult::PUSHED) std::abort();
    const std::uint64_t start_ns = monotonic_ns();
    rig.agent.do_work();
    answer.push_back(monotonic_ns() - start_ns);
  }
  print("answer", answer);
}

// How long a thread of ours was kept waiting for a core so far: second word of its schedstat.
class WaitingTime {
 public:
  explicit WaitingTime(pid_t thread_id)
      : descriptor_(::open(("/proc/self/task/" + std::to_string(thread_id) + "/schedstat").c_str(), O_RDONLY)) {}
  WaitingTime(const WaitingTime&) = delete;
  WaitingTime& operator=(const WaitingTime&) = delete;
  ~WaitingTime() { ::close(descriptor_); }

  [[nodiscard]] unsigned long read() const {
    char text[128] = {};
    unsigned long ran_ns = 0;
    unsigned long waited_ns = 0;
    if (::pread(descriptor_, text, sizeof text - 1, 0) <= 0) std::abort();
    if (std::sscanf(text, "%lu %lu", &ran_ns, &waited_ns) != 2) std::abort();
    return waited_ns;
  }

 private:
  int descriptor_;
};

void pin_calling_thread(int core) noexcept { feedd::set_affinity(0, feedd::only(core)); }

void spin_for(std::uint64_t ns) {
  for (const std::uint64_t end_ns = monotonic_ns() + ns; monotonic_ns() < end_ns;) {
  }
}

// Samples during which the looking thread had its core, and the others.
struct Samples {
  Nanoseconds on_core_ns;
  Nanoseconds waited_ns;

  void add(std::uint64_t took_ns, bool waited) { (waited ? waited_ns : on_core_ns).push_back(took_ns); }
  void print_as(const std::string& name) const {
    print(name.c_str(), on_core_ns);
    print((name + "_waited").c_str(), waited_ns);
  }
};

std::uint64_t next_pause_ns(FenceRig& rig) {
  rig.random = rig.random * 6364136223846793005ull + 1;
  return (rig.random >> 40) % PAUSE_NS_MAX;
}

Samples measure_bare(FenceRig& rig, int closer_core, int gateway_core) {
  struct alignas(128) Line {
    std::atomic<std::uint64_t> word = 0;
  } sent, seen;
  constexpr std::uint64_t END = 1;
  std::atomic<pid_t> thread_id = 0;
  std::thread looking([&] {
    pin_calling_thread(gateway_core);
    thread_id.store(::gettid());
    for (std::uint64_t last = 0, now = 0; last != END; last = now) {
      while ((now = sent.word.load(std::memory_order_acquire)) == last) _mm_pause();
      seen.word.store(monotonic_ns(), std::memory_order_release);
    }
  });
  pin_calling_thread(closer_core);
  while (thread_id.load() == 0) std::this_thread::yield();
  Samples out;
  {
    const WaitingTime waiting(thread_id.load());
    for (int i = 0; i < CLOSINGS_A_ROUND; ++i) {
      const unsigned long waited_before = waiting.read();
      const std::uint64_t seen_before = seen.word.load(std::memory_order_acquire);
      spin_for(next_pause_ns(rig));
      const std::uint64_t sent_ns = monotonic_ns();
      sent.word.store(sent_ns, std::memory_order_release);
      std::uint64_t seen_ns = seen_before;
      while ((seen_ns = seen.word.load(std::memory_order_acquire)) == seen_before) {
      }
      out.add(seen_ns - sent_ns, waiting.read() != waited_before);
    }
  }
  sent.word.store(END, std::memory_order_release);
  looking.join();
  return out;
}

// The gateway thread itself measures, at the look that finds the token gone: the sum of its histogram moves by that.
class Closer {
 public:
  Closer(FenceRig& rig, const WaitingTime& waiting) : rig_(rig), waiting_(waiting) {
    for (std::size_t i = 0; i < rig.stats_region.capacity_records(); ++i) {
      const auto& descriptor = reinterpret_cast<const schema::StatDescriptor*>(rig.stats_region.records())[i];
      const std::string name(reinterpret_cast<const char*>(descriptor.name()->data()));
      if (name != "feedd_fence_close_seen_ns") continue;
      words_ = reinterpret_cast<const std::uint64_t*>(rig.stats_region.base() + descriptor.value_offset_bytes());
    }
  }

  Samples measure(int burst) {
    Samples out;
    for (int i = 0; i < CLOSINGS_A_ROUND; ++i) {
      rig_.open(++epoch_);
      while (rig_.word(FENCE_OPEN_WORD) == 0) {
      }
      const unsigned long waited_before = waiting_.read();
      const std::uint64_t before_ns = sum_ns();
      for (int order = 0; order < burst; ++order) {
        while (rig_.producer.push(rig_.order(epoch_)) != PushResult::PUSHED) {
        }
      }
      // A burst is answered within some of these.
      spin_for(burst == 0 ? next_pause_ns(rig_) : next_pause_ns(rig_) / 4);
      rig_.writer.close(static_cast<std::uint64_t>(schema::CloseReason::OPERATOR), monotonic_ns());
      std::uint64_t after_ns = before_ns;
      while ((after_ns = sum_ns()) == before_ns) {
      }
      out.add(after_ns - before_ns, waiting_.read() != waited_before);
      while (rig_.word(0) != rig_.producer.sequence()) {  // the cursor: every order has its answer
      }
      // Told after it is measured: a "1" left from here would be taken for the next opening's.
      while (rig_.word(FENCE_OPEN_WORD) != 0) {
      }
    }
    return out;
  }

 private:
  // Second word of the histogram. No closing is seen in no time, so each one moves it.
  [[nodiscard]] std::uint64_t sum_ns() const noexcept {
    return control_word(words_[1]).load(std::memory_order_acquire);
  }

  FenceRig& rig_;
  const WaitingTime& waiting_;
  const std::uint64_t* words_ = nullptr;
  std::uint64_t epoch_ = 2;
};

void measure_closings(FenceRig& rig, int closer_core, int gateway_core) {
  feedd::HotThread gateway("gateway", rig.agent, feedd::Idle::SPIN, rig.stats.loop_iterations,
                           ProgressWriter(rig.progress, 0));
  feedd::set_affinity(gateway.thread_id(), feedd::only(gateway_core));
  pin_calling_thread(closer_core);
  gateway.go();
  const WaitingTime waiting(gateway.thread_id());
  Closer closer(rig, waiting);
  closer.measure(0).print_as("idle");
  const std::uint64_t passed_before = rig.stats.would_send.value();
  closer.measure(BURST).print_as("busy");
  const double passed = static_cast<double>(rig.stats.would_send.value() - passed_before);
  std::printf(", \"busy_passed_share\": %.3f, \"in_window\": %lu", passed / (CLOSINGS_A_ROUND * BURST),
              rig.stats.in_window.value());
}

}  // namespace
}  // namespace hft::bench

int main(int argc, char** argv) {
  using namespace hft::bench;
  if (argc != 4) {
    std::fputs("usage: fence CLOSER_CORE GATEWAY_CORE ROUNDS\n", stderr);
    return 2;
  }
  const int closer_core = std::atoi(argv[1]);
  const int gateway_core = std::atoi(argv[2]);
  std::string pattern = "/dev/shm/hft-bench.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return 2;
  for (int round = 0; round < std::atoi(argv[3]); ++round) {
    pin_calling_thread(gateway_core);
    FenceRig rig(pattern);
    std::printf("{\"round\": %d", round);
    measure_checks(rig);
    measure_answers(rig);
    measure_bare(rig, closer_core, gateway_core).print_as("bare");
    measure_closings(rig, closer_core, gateway_core);
    std::printf("}\n");
    std::fflush(stdout);
  }
  std::filesystem::remove_all(pattern);
  return 0;
}
