#include "platform/loop_recorder.h"

namespace pronghorn {

LoopRecorder::LoopRecorder(int threads, int64_t capacity) : tracks_(static_cast<size_t>(threads)) {
  for (Track& track : tracks_) track.parts.resize(static_cast<size_t>(capacity));
}

std::span<const LoopRecorder::Part> LoopRecorder::parts(int thread) const {
  const Track& track = tracks_[static_cast<size_t>(thread)];
  return {track.parts.data(), static_cast<size_t>(track.count)};
}

int64_t LoopRecorder::dropped() const {
  int64_t sum = 0;
  for (const Track& track : tracks_) sum += track.dropped;
  return sum;
}

void LoopRecorder::record(int thread, int64_t begin, int64_t end) {
  Track& track = tracks_[static_cast<size_t>(thread)];
  const int64_t loop = loops_ - 1;
  if (track.last_loop == loop) {  // another task of the same loop
    if (track.dropped == 0) track.parts[static_cast<size_t>(track.count - 1)].end = end;
    return;
  }
  track.last_loop = loop;
  add(track, {loop, label_, begin, end});
}

void LoopRecorder::record_task(int thread, int64_t label, int64_t begin, int64_t end) {
  add(tracks_[static_cast<size_t>(thread)], {loops_, label, begin, end});
}

void LoopRecorder::add(Track& track, const Part& part) {
  if (track.count < static_cast<int64_t>(track.parts.size()))
    track.parts[static_cast<size_t>(track.count++)] = part;
  else
    ++track.dropped;
}

}  // namespace pronghorn
