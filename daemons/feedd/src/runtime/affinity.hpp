// Which cores a thread may use, and which one it is on.
#pragma once
#include <sched.h>
#include <sys/types.h>

#include <optional>
#include <vector>

namespace hft::feedd {

// Cores the calling thread may use now.
[[nodiscard]] cpu_set_t allowed_cores() noexcept;
[[nodiscard]] cpu_set_t only(int core) noexcept;
[[nodiscard]] cpu_set_t cores_of(const std::vector<int>& cores) noexcept;

// False when the system refuses (no such core, or a cpuset forbids it): errno says why. 0 = the calling thread.
bool set_affinity(pid_t thread_id, const cpu_set_t& cores) noexcept;
// May run on `core` and nowhere else, and did so last. False also when the thread is gone.
[[nodiscard]] bool stays_on(pid_t thread_id, int core);
// The core that a thread of this process ran on last, from /proc/self/task. Empty when the thread is gone.
[[nodiscard]] std::optional<int> last_core(pid_t thread_id);

}  // namespace hft::feedd
