// Kernels that compute each element alone: include this last, after `void element(uint row, uint
// column)` and `#define OPERANDS n`.
//
// A group covers a tile: `GROUP_SIZE / LANES` rows of `LANES * STEPS` columns. LANES is a power of
// two. Matrices without gaps come as one long row. Parameters 0, 1, 2: rows, columns, tiles side by
// side; a kernel's own follow.

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;
layout(constant_id = 1) const uint LANES = 64;
layout(constant_id = 2) const uint STEPS = 1;

void main() {
    uint group = group_index();
    if (group >= group_count()) return;
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
    uint across = PARAMETER(OPERANDS, 2);
    uint down = group / across;
    uint row = down * (GROUP_SIZE / LANES) + gl_LocalInvocationID.x / LANES;
    uint first = (group - down * across) * (LANES * STEPS) + gl_LocalInvocationID.x % LANES;
    if (row >= rows) return;
    for (uint step = 0; step < STEPS; step++) {
        uint column = first + step * LANES;
        if (column < columns) element(row, column);
    }
}
