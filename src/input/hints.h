// SPDX-License-Identifier: GPL-2.0-or-later
// Where in a stretch a thread found its bytes last. Stores are shared by threads and find bytes by
// walking from the beginning of a stretch; most reads go on a little behind the one before, and
// these let them walk on from there.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace vmsift {

template <class Place>
class Hints {
 public:
  // Nothing, or what this thread (or one that shares its slot) put for the stretch.
  [[nodiscard]] std::optional<Place> get(std::size_t stretch) const {
    Slot& slot = slot_of(stretch);
    const std::lock_guard lock(slot.mutex);
    if (slot.stretch != stretch || !slot.place) return std::nullopt;
    return slot.place;
  }
  void put(std::size_t stretch, const Place& place) const {
    Slot& slot = slot_of(stretch);
    const std::lock_guard lock(slot.mutex);
    slot.stretch = stretch;
    slot.place = place;
  }

 private:
  struct Slot {
    std::mutex mutex;
    std::size_t stretch = 0;
    std::optional<Place> place;
  };

  Slot& slot_of(std::size_t stretch) const {
    const std::size_t thread = std::hash<std::thread::id>{}(std::this_thread::get_id());
    return slots_[(thread + stretch) % slots_.size()];
  }

  mutable std::array<Slot, 61> slots_;
};

}  // namespace vmsift
