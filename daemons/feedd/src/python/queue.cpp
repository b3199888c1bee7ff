// The intents queue for Python.
#include <nanobind/nanobind.h>

#include "feedd/queue.hpp"
#include "python/bindings.hpp"
#include "python/handles.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace hft::python {
namespace {

using schema::RegionKind;

schema::GatewayState& state_of(const Region& region) {
  require_kind(region, {RegionKind::GATEWAY_STATE});
  return *reinterpret_cast<schema::GatewayState*>(region.records());
}

void construct_producer(IntentProducer* self, Region& intents, const Region& gateway_state) {
  require_kind(intents, {RegionKind::INTENTS_RING});
  require_writable(intents);
  new (self) IntentProducer(intents, state_of(gateway_state));
}

void construct_consumer(IntentConsumer* self, Region& gateway_state) {
  require_writable(gateway_state);
  new (self) IntentConsumer(state_of(gateway_state));
}

}  // namespace

void bind_queue(nb::module_& module) {
  nb::class_<IntentProducer>(module, "IntentProducer", "braind's end of the intents queue (feedd/queue.hpp).")
      .def("__init__", &construct_producer, "intents"_a, "gateway_state"_a, nb::keep_alive<1, 2>(),
           nb::keep_alive<1, 3>())
      .def(
          "push",
          [](IntentProducer& self, nb::handle intent) {
            return static_cast<int>(self.push(record_from<schema::OrderIntent>(intent)));
          },
          "intent"_a)
      .def_prop_ro("sequence", &IntentProducer::sequence)
      .def_prop_ro("address", [](const IntentProducer& self) { return reinterpret_cast<std::uintptr_t>(&self); });
  nb::class_<IntentConsumer>(module, "IntentConsumer", "The gateway's end of the intents queue.")
      .def("__init__", &construct_consumer, "gateway_state"_a, nb::keep_alive<1, 2>())
      .def(
          "attach",
          [](IntentConsumer& self, const Region& intents) {
            require_kind(intents, {RegionKind::INTENTS_RING});
            self.attach(intents);
          },
          "intents"_a, nb::keep_alive<1, 2>())
      .def(
          "pop",
          [](IntentConsumer& self, nb::handle out) {
            if (!self.attached()) throw RegionError("IntentConsumer: not attached to an intents region");
            schema::OrderIntent intent;
            if (!self.pop(intent)) return false;
            record_into(intent, out);
            return true;
          },
          "out"_a)
      .def("commit", &IntentConsumer::commit)
      .def_prop_ro("cursor", &IntentConsumer::cursor);
}

}  // namespace hft::python
