#define real double
#define REAL(name) name##_double
#define OPS mpinn_ops_cpu_reference
#define OPS_NAME "cpu-reference"
#include "nn/ops_cpu_template.h"
