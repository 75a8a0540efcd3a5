// All headers of the module.
#include "bfloat16_product.h"
#include "block_dots.h"
#include "block_unpacking.h"
#include "byte_dots.h"
#include "quantized_dots.h"
#include "row_dots.h"
#include "unpacking.h"
#include "weighted_sums.h"
