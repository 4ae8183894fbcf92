// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/pipeline/threads.h"

#include <utility>

namespace vmsift {

bool Threads::start(std::function<void()> run) {
  started_.reserve(started_.size() + 1);
  auto entry = std::make_unique<Started>(Started{std::move(run), {}});
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  const auto body = [](void* started) -> void* {
    static_cast<Started*>(started)->run();
    return nullptr;
  };
  const bool fine = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                    pthread_create(&entry->thread, &attributes, body, entry.get()) == 0;
  pthread_attr_destroy(&attributes);
  if (fine) started_.push_back(std::move(entry));
  return fine;
}

void Threads::join() {
  for (const auto& entry : started_) pthread_join(entry->thread, nullptr);
  started_.clear();
}

}  // namespace vmsift
