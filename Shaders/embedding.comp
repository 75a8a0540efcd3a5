#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[t, :] = scale * table[tokens[t], :]; the table's piece begins at row first_row and has
// table_rows rows. With BLOCKS the table lies in the blocks of a GGUF file.
#ifdef BLOCKS
INPUT_INT(0, blocks)
#define BLOCK_WORD(index) uint(blocks_memory.elements[index])
#include "common/blocks.glsl"
#else
INPUT(0, table)
#endif
INPUT_INT(1, tokens)
OUTPUT(2, y)

#define OPERANDS 3

void element(uint row, uint column) {
    uint source = uint(tokens(row, 0)) - PARAMETER(OPERANDS, 4);
    float scale = FLOAT_PARAMETER(OPERANDS, 3);
    // A token before the piece wraps around to a large number.
    if (source >= PARAMETER(OPERANDS, 5)) return;
#ifdef BLOCKS
    // Eight numbers: `column` counts such runs.
    float numbers[8];
    run_of_blocks(ELEMENT(0, source, 0), column * 8u, numbers);
    for (uint i = 0; i < 8; i++) store_y(row, column * 8u + i, scale * numbers[i]);
#else
    store_y(row, column, scale * table(source, column));
#endif
}

#include "common/elementwise.glsl"
