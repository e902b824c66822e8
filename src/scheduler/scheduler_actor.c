/* The scheduler's tables; see scheduler.h. */
#include "scheduler/scheduler.h"

#include "bus/fault.h"

static void s_describe(actor_t *actor, ComponentStatus *status) {
    const config_t *config = actor_config(actor);
    status_set(status, "running", config->scheduler_enabled ? NULL : "switched off by SCHEDULER_ENABLED");
    status_add_metric(status, "gauge", "enabled", "1 when SCHEDULER_ENABLED is true.",
                      config->scheduler_enabled, NULL, NULL);
    status_add_metric(status, "gauge", "timezone_info", "Time zone of tasks that name none; always 1.", 1,
                      "timezone", config->scheduler_timezone);
}

static const actor_command_t s_commands[] = {{NULL, NULL}};

const actor_class_t scheduler_class = {.name = "scheduler", .commands = s_commands, .describe = s_describe};
