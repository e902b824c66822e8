/* The services component: the four downstream services as the outside sees them. It fronts the adapters (see
 * adapter.h) and holds nothing itself.
 *
 * Takes     ListServices, GetService, CheckService, ReconnectService, GetServiceConfig, ReportJob
 * Hears     evt/service/Changed; puts each change on the signal stream, topic service/<name>/<status>
 * Publishes nothing on the bus */
#pragma once

#include "actor/actor.h"

extern const actor_class_t services_class;
