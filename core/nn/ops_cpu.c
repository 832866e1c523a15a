#define real float
#define REAL(name) name##_float
#define OPS mpinn_ops_cpu
#define OPS_NAME "cpu"
#include "nn/ops_cpu_template.h"
