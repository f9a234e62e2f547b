#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pronghorn/learning_rate_schedule.h"

namespace pronghorn::model {

// Keras's object {class_name, config}. An initial_learning_rate that is left out is the one given.
// Throws ArgumentError.
LearningRateSchedule learning_rate_schedule_from_json(const nlohmann::ordered_json& json,
                                                      double initial_learning_rate = 0.001);
nlohmann::ordered_json to_json(const LearningRateSchedule& schedule);

// Throws ArgumentError where an argument is out of its range.
void check(const LearningRateSchedule& schedule);

}  // namespace pronghorn::model
