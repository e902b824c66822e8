/* The scheduler: tasks that run by the clock. Its routes are declared and not built; until they are it runs no task
 * and says so in its description.
 *
 * Takes     nothing but Describe
 * Owns      nothing */
#pragma once

#include "actor/actor.h"

extern const actor_class_t scheduler_class;
