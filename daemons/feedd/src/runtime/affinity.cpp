#include "runtime/affinity.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace hft::feedd {

cpu_set_t allowed_cores() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  return set;
}

cpu_set_t only(int core) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  return set;
}

cpu_set_t cores_of(const std::vector<int>& cores) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<std::size_t>(core), &set);
  return set;
}

bool set_affinity(pid_t thread_id, const cpu_set_t& cores) noexcept {
  return ::sched_setaffinity(thread_id, sizeof cores, &cores) == 0;
}

bool stays_on(pid_t thread_id, int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const cpu_set_t wanted = only(core);
  return ::sched_getaffinity(thread_id, sizeof set, &set) == 0 && CPU_EQUAL(&set, &wanted) != 0 &&
         last_core(thread_id) == core;
}

std::optional<int> last_core(pid_t thread_id) {
  constexpr int FIELDS_BEFORE_PROCESSOR = 36;  // proc(5): processor is field 39, the name in brackets is field 2
  std::ifstream file("/proc/self/task/" + std::to_string(thread_id) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int i = 0; i < FIELDS_BEFORE_PROCESSOR; ++i) fields >> field;
  int core = -1;
  if (!(fields >> core)) return std::nullopt;
  return core;
}

}  // namespace hft::feedd
