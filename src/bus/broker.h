/* What clients know of the running broker. Private to src/bus. */
#pragma once

#include "bus/bus.h"

/* The high-water mark of the running bus; 0 when none runs. Any thread. */
int broker_hwm(void);
